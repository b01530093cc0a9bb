"""Identifiers of nodules that are the same wherever a result is written."""

from __future__ import annotations

import hashlib
import json

from pydicom.uid import UID

from ho_imaging.results.schema import FindingResult

__all__ = ["nodule_uid", "stable_uid"]


def stable_uid(*parts: str) -> UID:
    """Return a UID under 2.25 (PS3.5 B.2) made from a hash of the parts, shaped as a version 8 UUID (RFC 9562)."""
    digest = bytearray(hashlib.sha256("\0".join(parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return UID(f"2.25.{int.from_bytes(digest, 'big')}")


def nodule_uid(finding: FindingResult, *more: str) -> UID:
    """Return the Tracking UID of a nodule, which goes by its film and outline."""
    return stable_uid("nodule", finding.sop_instance_uid, json.dumps(finding.contours_xy_px), *more)
