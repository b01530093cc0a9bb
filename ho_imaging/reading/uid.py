"""What a unique identifier may look like before it is believed, let alone made a file's name."""

from __future__ import annotations

import hashlib
import re

__all__ = ["is_uid", "made_uid", "usable_uid"]

_UID = re.compile(r"[0-9](?:[0-9.]{0,62}[0-9])?")


def is_uid(text: str) -> bool:
    """Whether a text is made as a UID (PS3.5 9.1); leading zeros, which some devices write, are let pass."""
    return _UID.fullmatch(text) is not None and ".." not in text


def made_uid(data: bytes) -> str:
    """Make a UID from data, the same each time (PS3.5 B.2, under 2.25)."""
    return f"2.25.{int.from_bytes(hashlib.sha256(data).digest()[:16], 'big')}"


def usable_uid(text: str) -> str:
    """Give a UID as it stands; for what is none (it may be anything, a name too), one made from it, always the same."""
    return text if not text or is_uid(text) else made_uid(b"not a UID: " + text.encode("utf-8", "surrogateescape"))
