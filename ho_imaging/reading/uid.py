"""Unique identifiers: check of their form, and replacement of invalid ones."""

from __future__ import annotations

import hashlib
import re

__all__ = ["MADE", "is_uid", "made_uid", "usable_uid"]

MADE = "2.25."
"""Begins a UID that was made from data, as those of picture files are from their content (PS3.5 B.2)."""

_UID = re.compile(r"[0-9](?:[0-9.]{0,62}[0-9])?")


def is_uid(text: str) -> bool:
    """Return True if a text has the form of a UID (PS3.5 9.1); leading zeros, which some devices write, are allowed."""
    return _UID.fullmatch(text) is not None and ".." not in text


def made_uid(data: bytes) -> str:
    """Make a UID from data, the same each time (PS3.5 B.2, under 2.25)."""
    return f"{MADE}{int.from_bytes(hashlib.sha256(data).digest()[:16], 'big')}"


def usable_uid(text: str) -> str:
    """Return a valid UID unchanged; replace an invalid one by a UID derived from its hash."""
    return text if not text or is_uid(text) else made_uid(b"not a UID: " + text.encode("utf-8", "surrogateescape"))
