"""The actual coding of pixel data, whatever transfer syntax the file states.

Archives that change a file's transfer syntax without its pixel data, or the other way round, leave files that say one
thing and hold another. The data tells by its own marks, so it is decoded as what it is and the film gets a flag: the
the pixels are whole, and a refusal would cost a study that can be read without a guess. Where the marks name a coding
that cannot be decoded, or none, the error names what is stated and what is there.
"""

from __future__ import annotations

import itertools
import struct
from typing import NamedTuple

from pydicom.encaps import generate_frames
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ho_imaging.errors import DecodeError
from ho_imaging.messages import Message

__all__ = ["JP2_SIGNATURE", "START_OF_J2K", "START_OF_JPEG", "Coded", "coding_of", "is_encapsulated", "true_syntax"]

START_OF_JPEG = b"\xff\xd8"
START_OF_J2K = b"\xff\x4f\xff\x51"
JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_SNIFFED_BYTES = 1 << 16
_RLE_HEADER_BYTES, _MOST_SEGMENTS = 64, 15
_SIZ, _CAP, _FIRST_TILE = 0xFF51, 0xFF50, 0xFF90
_PART_15 = 1 << (32 - 15)
"""The bit of Pcap that stands for part 15 of JPEG 2000, high throughput (ISO/IEC 15444-1 A.5.2)."""

_FRAME_HEADERS = {
    0xC0: "JPEG Baseline",
    0xC1: "JPEG Extended",
    0xC2: "JPEG Progressive",
    0xC3: "JPEG Lossless",
    0xF7: "JPEG-LS",
}
"""Start of frame markers by their second byte (ITU-T T.81 table B.1, T.87 table C.1)."""

_DECODED_AS: dict[str, tuple[UID, ...]] = {
    "JPEG Baseline": (JPEGBaseline8Bit, JPEGExtended12Bit),
    "JPEG Extended": (JPEGExtended12Bit, JPEGBaseline8Bit),
    "JPEG Lossless": (JPEGLossless, JPEGLosslessSV1),
    "JPEG-LS": (JPEGLSLossless, JPEGLSNearLossless),
    "JPEG 2000": (JPEG2000, JPEG2000Lossless, UID("1.2.840.10008.1.2.4.92"), UID("1.2.840.10008.1.2.4.93")),
    "HTJ2K": (HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL),
    "RLE": (RLELossless,),
    "JPEG Progressive": (JPEGBaseline8Bit,),
}
"""Syntaxes whose data a coding may be; the first is how it is decoded where another is stated.

A lossless and a lossy stream of JPEG-LS or JPEG 2000 look alike and have the same decoders. An extended decoder reads
baseline (T.81 4.8), and 8 bits of either are read alike.
"""


class Coded(NamedTuple):
    """Actual coding of pixel data: its syntax, and the contradiction where the file states another."""

    syntax: UID
    instead: Message | None
    is_bare: bool = False
    """A codestream without the items that it should be wrapped in."""


def coding_of(data: bytes) -> str | None:
    """Return the name of what a compressed frame begins as, ``None`` for no coding that is known here."""
    if data.startswith(START_OF_JPEG):
        return _jpeg_process(data)
    start = data.find(START_OF_J2K, 0, 4096) if data.startswith(JP2_SIGNATURE) else 0
    if start >= 0 and data[start:].startswith(START_OF_J2K):
        return "HTJ2K" if _has_part_15(data, start + 2) else "JPEG 2000"
    return "RLE" if _is_rle(data) else None


def is_encapsulated(data: bytes) -> bool:
    """Return True if pixel data consists of items: an offset table, and then a fragment."""
    if not data.startswith(_ITEM) or len(data) < 16:
        return False
    (length,) = struct.unpack_from("<I", data, 4)
    return length % 4 == 0 and data[8 + length : 12 + length] in {_ITEM, _DELIMITER}


def true_syntax(data: bytes, stated: UID, *, frames: int, native_bytes: int) -> Coded:
    """Return how pixel data is coded.

    Parameters
    ----------
    data
        The value of Pixel Data.
    stated
        The transfer syntax that the file states.
    frames
        How many frames it has.
    native_bytes
        How many bytes they would have if they were not compressed.

    Raises
    ------
    DecodeError
        If the data is plainly not what is stated, and nothing else that is known here.

    """
    if is_encapsulated(data):
        coding = _first_coding(data, frames)
        if coding is None:
            if stated.is_encapsulated:
                return Coded(stated, None)  # whoever decodes it says what is wrong
            raise DecodeError(Message("syntax_data_unknown", stated=stated.name))
        return _decoded(coding, data, stated)
    if len(data) < native_bytes or stated.is_encapsulated:
        coding = coding_of(data[:_SNIFFED_BYTES]) or coding_of(data)
        # Pixels may begin like an RLE header, compressed data hardly like anything else.
        if coding is not None and coding != "RLE" and frames == 1:
            return _decoded(coding, data, stated)._replace(instead=Message("held.bare", coding=coding), is_bare=True)
    if not stated.is_encapsulated:
        return Coded(stated, None)
    if native_bytes <= len(data) < 2 * native_bytes:
        return Coded(ExplicitVRLittleEndian, Message("held.uncompressed"))
    raise DecodeError(Message("syntax_data_none", stated=stated.name, bytes=len(data)))


def _decoded(coding: str, data: bytes, stated: UID) -> Coded:
    fitting = _DECODED_AS[coding]
    if stated in fitting and coding != "JPEG Progressive":
        return Coded(stated, None)
    return Coded(fitting[0], Message("held.coded", coding=coding))


def _first_coding(data: bytes, frames: int) -> str | None:
    """Look at the first fragment, and at the whole frame where that does not tell."""
    (table,) = struct.unpack_from("<I", data, 4)
    start = 8 + table
    (length,) = struct.unpack_from("<I", data, start + 4) if len(data) >= start + 8 else (0,)
    first = coding_of(data[start + 8 : start + 8 + min(length, _SNIFFED_BYTES)])
    if first is not None:
        return first
    try:
        return coding_of(next(generate_frames(data, number_of_frames=frames)))
    except (ValueError, EOFError, IndexError, StopIteration, struct.error):
        return None


def _jpeg_process(data: bytes) -> str | None:
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _FRAME_HEADERS:
            return _FRAME_HEADERS[marker]
        position += 1 if marker == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _has_part_15(data: bytes, position: int) -> bool:
    """Look for the CAP marker in a main header that begins with SIZ."""
    while position + 8 <= len(data):
        marker = int.from_bytes(data[position : position + 2], "big")
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == _CAP:
            return bool(int.from_bytes(data[position + 4 : position + 8], "big") & _PART_15)
        if not _CAP < marker < _FIRST_TILE or length < 2:
            return False
        position += 2 + length
    return False


def _is_rle(data: bytes) -> bool:
    """Return True for an RLE header: a number of segments and their offsets, rising from 64 (PS3.5 G.5)."""
    if len(data) < _RLE_HEADER_BYTES:
        return False
    count, *offsets = struct.unpack_from("<16I", data)
    if not 1 <= count <= _MOST_SEGMENTS:
        return False
    used, unused = offsets[:count], offsets[count:]
    rising = all(first < second for first, second in itertools.pairwise(used))
    return used[0] == _RLE_HEADER_BYTES and rising and not any(unused)
