"""File types, detected from the content and never from the name."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FileKind", "is_dicomdir", "is_zip", "kind_of"]


class FileKind(StrEnum):
    """Kinds of files a folder of radiographs holds."""

    DICOM = "dicom"
    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    PACKED = "packed"
    OTHER = "other"


_TIFF_STARTS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PACKED_STARTS = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"\x28\xb5\x2f\xfd",
    b"Rar!",
)
"""zip, gzip, bzip2, xz, 7z, zstd, rar."""
_DICOM_GROUPS = {0x0002, 0x0008}
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_DICOMDIR = b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"
"""Media Storage SOP Class UID of a Media Storage Directory (PS3.4 Table I.4-1); the file's header is little endian."""


def kind_of(head: bytes) -> FileKind:
    """Tell a file's kind from its first 256 bytes or so.

    DICOM without a preamble (PS3.10 wants one, old files lack it) is known by a first tag of group 0002 or 0008 in
    either byte order with a believable value representation or length.
    """
    if head[128:132] == b"DICM":
        return FileKind.DICOM
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return FileKind.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return FileKind.JPEG
    if head.startswith(_TIFF_STARTS):
        return FileKind.TIFF
    if head.startswith(_PACKED_STARTS):
        return FileKind.PACKED
    return FileKind.DICOM if _starts_like_a_dataset(head) else FileKind.OTHER


def is_zip(head: bytes) -> bool:
    """Return True for the first bytes of a zip archive."""
    return head.startswith(_ZIP_STARTS)


def is_dicomdir(head: bytes) -> bool:
    """Return True for the first 512 bytes or so of a DICOMDIR: a directory of the images on a medium."""
    return head[128:132] == b"DICM" and _DICOMDIR in head


def _starts_like_a_dataset(head: bytes) -> bool:
    if len(head) < 16:
        return False
    for order in ("little", "big"):
        group = int.from_bytes(head[0:2], order)
        element = int.from_bytes(head[2:4], order)
        if group not in _DICOM_GROUPS or element > 0x0100:
            continue
        explicit = head[4:6] in {b"UL", b"UI", b"CS", b"OB", b"SH", b"LO", b"DA", b"TM"}
        implicit_length = int.from_bytes(head[4:8], order)
        if explicit or implicit_length <= 1024:
            return True
    return False
