"""What a unique identifier may look like before it is believed, let alone made a file's name."""

from __future__ import annotations

import re

__all__ = ["is_uid"]

_UID = re.compile(r"[0-9](?:[0-9.]{0,62}[0-9])?")


def is_uid(text: str) -> bool:
    """Whether a text is made as a UID (PS3.5 9.1); leading zeros, which some devices write, are let pass."""
    return _UID.fullmatch(text) is not None and ".." not in text
