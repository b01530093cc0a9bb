"""Lossy compression of a film: how it was compressed, how strongly, and how that is known.

Three sources, the surest first: the codestream itself (quantisation tables of JPEG, ITU-T T.81 B.2.4.1; the wavelet
of JPEG 2000, ISO/IEC 15444-1 A.6.1; NEAR of JPEG-LS, ITU-T T.87 C.2.3), what a DICOM header says of earlier steps
(PS3.3 C.7.6.1.1.5), and the pixels: a decoded JPEG keeps jumps at the edges of its 8 x 8 blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import HTJ2K, JPEG2000

from ho_imaging.reading.values import read_number, stated_whole, stated_word, values_of

__all__ = [
    "BLOCK_PX",
    "NOT_KNOWN",
    "BlockGrid",
    "Codec",
    "Compression",
    "KnownFrom",
    "compression_of_codestream",
    "compression_of_dataset",
    "find_block_grid",
    "is_irreversible",
    "quality_of_table",
    "with_pixels",
]

BLOCK_PX = 8
"""Side of a JPEG block."""

_STANDARD_LUMINANCE = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip
"""Luminance quantisation of ITU-T T.81 table K.1, which libjpeg scales by its quality."""

_ZIGZAG = np.array([
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
])  # fmt: skip
"""Place in the table, row by row, of each value as it is stored (ITU-T T.81 figure A.6)."""

_START_OF_JPEG, _START_OF_J2K = b"\xff\xd8", b"\xff\x4f\xff\x51"
_QUANTISATION, _START_OF_SCAN, _JPEG_LS_FRAME, _LOSSLESS_FRAMES = 0xDB, 0xDA, 0xF7, frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_CODING_STYLE, _START_OF_TILE = 0x52, 0x90
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, RST0 to RST7, SOI."""

_PEAK_OF_BASIS = 0.25
"""Largest value of an 8 x 8 DCT basis function with both frequencies above zero, per unit of its coefficient."""

_BLOCKY_FROM = 6.0
"""Jumps at one phase of eight are a block grid when they exceed the others by so many of their standard errors.

Six simulated films gave 2.3 at most, and no grid when enlarged by 1.3 to 2.7. Of their JPEGs a grid was found in 6 of 6
at quality 75, 60 and 30, 5 of 6 at 85, 3 of 6 at 90 and 95, none at 98, and in none that was scaled afterwards.
"""

_LEAST_BLOCKINESS = 0.01
"""A weaker excess than this share of the usual jump is no grid, however sure it is: detectors have blocks too."""

_LARGEST_JUMP = 2.0
"""Larger jumps than so many times the mean are edges of the picture and count no more than that."""

_EDGE_OF_BLOCK = np.array([1.0, -0.5, 0.0, 0.0, 0.0, 0.0, 0.0, -0.5])
_LIKE_AN_EDGE = 0.85
"""Jumps by phase correlate so with one edge in eight; enlarging by 8/5 or 8/3 makes several."""

_MOST_SAMPLED = 1_500_000
_MOST_RATIO = 1000.0

_PERHAPS_LOSSY = {JPEG2000, HTJ2K}


class Codec(StrEnum):
    """A method of lossy compression."""

    NONE = "none"
    JPEG = "jpeg"
    JPEG_LS = "jpeg_ls"
    JPEG_2000 = "jpeg_2000"
    UNKNOWN = "unknown"


class KnownFrom(StrEnum):
    """Source of the knowledge about a film's compression."""

    CODESTREAM = "codestream"
    HEADER = "header"
    PIXELS = "pixels"
    NOTHING = "none"


@dataclass(frozen=True)
class BlockGrid:
    """Block edges seen in the pixels: ``phase_px`` (row, column) of the first edge, 0 to 7, on the stored picture.

    ``strength``: by how much the grey jump across an edge exceeds the usual jump between neighbours, as a share of it.
    """

    phase_px: tuple[int, int]
    strength: float


@dataclass(frozen=True)
class Compression:
    """Lossy compression of a film.

    ``jpeg_quality``: 1 to 100, the libjpeg quality whose luminance table is nearest. ``step_grey``: largest pattern of
    one frequency that quantisation can erase, in the middle (root mean square) over the frequencies, as a share of the
    range of stored values. ``ratio``: of the pixels to the compressed data, as stated or as the file has it. ``near``:
    largest error of a stored value that JPEG-LS allows. ``blocks``: grid of 8 x 8 blocks seen in the pixels, whatever
    the file says.
    """

    codec: Codec = Codec.NONE
    known_from: KnownFrom = KnownFrom.NOTHING
    jpeg_quality: int | None = None
    step_grey: float | None = None
    ratio: float | None = None
    near: int | None = None
    blocks: BlockGrid | None = None

    @property
    def is_lossy(self) -> bool:
        """Return whether anything says that the film was compressed with loss."""
        return self.codec is not Codec.NONE


NOT_KNOWN = Compression()
"""Of a film of which nothing says that it was compressed with loss."""


def compression_of_codestream(data: bytes, *, raw_bytes: int | None = None) -> Compression:
    """Return what a JPEG, JPEG-LS or JPEG 2000 codestream says of its loss.

    Parameters
    ----------
    data
        The codestream, or a file that begins with it; a JP2 wrapper may come first.
    raw_bytes
        Size of the pixels it holds, for the ratio; ``None`` leaves the ratio out.

    """
    ratio = raw_bytes / len(data) if raw_bytes and data else None
    start = data.find(_START_OF_J2K, 0, 4096)
    if start >= 0:
        lossy = is_irreversible(data, start)
        return Compression(Codec.JPEG_2000, KnownFrom.CODESTREAM, ratio=ratio) if lossy else NOT_KNOWN
    if not data.startswith(_START_OF_JPEG):
        return NOT_KNOWN
    tables: dict[int, NDArray[np.int64]] = {}
    luminance, precision, is_jpeg_ls = 0, 8, False
    for marker, segment in _segments(data, 2):
        if marker == _QUANTISATION:
            tables.update(_tables(segment))
        elif marker in _LOSSLESS_FRAMES:
            return NOT_KNOWN
        elif marker == _JPEG_LS_FRAME:
            is_jpeg_ls = True
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC} and len(segment) >= 9:
            precision, luminance = segment[0], segment[8]
        elif marker == _START_OF_SCAN:
            near = segment[1 + 2 * segment[0]] if is_jpeg_ls and segment and len(segment) > 1 + 2 * segment[0] else 0
            if is_jpeg_ls:
                return Compression(Codec.JPEG_LS, KnownFrom.CODESTREAM, ratio=ratio, near=near) if near else NOT_KNOWN
            break
    table = tables.get(luminance, next(iter(tables.values()), None))
    if table is None:
        return Compression(Codec.JPEG, KnownFrom.CODESTREAM, ratio=ratio)
    return Compression(
        Codec.JPEG,
        KnownFrom.CODESTREAM,
        # Twelve bits take tables that are sixteen times as coarse for the same loss.
        jpeg_quality=quality_of_table(table / 2.0 ** (precision - 8)),
        step_grey=_step_grey(table, precision),
        ratio=ratio,
    )


def quality_of_table(table: NDArray[np.floating] | NDArray[np.integer]) -> int:
    """Return the libjpeg quality, 1 to 100, whose luminance table is nearest to an 8 x 8 one by absolute difference."""
    apart: NDArray[np.float64] = np.abs(_libjpeg_tables() - np.asarray(table, dtype=np.float64)[None]).sum(axis=(1, 2))
    return int(np.argmin(apart)) + 1


@lru_cache(maxsize=1)
def _libjpeg_tables() -> NDArray[np.float64]:
    """Tables of qualities 1 to 100 as ``jpeg_quality_scaling`` and ``jpeg_add_quant_table`` of libjpeg make them."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    scaled = (_STANDARD_LUMINANCE[None] * scale[:, None, None] + 50) // 100
    return np.asarray(np.clip(scaled, 1, 255), dtype=np.float64)


def _step_grey(table: NDArray[np.int64], precision: int) -> float:
    alternating = np.asarray(table, dtype=np.float64).ravel()[1:]
    return float(np.sqrt(np.mean(alternating**2)) / 2.0 * _PEAK_OF_BASIS / 2.0**precision)


def _segments(data: bytes, start: int) -> list[tuple[int, bytes]]:
    """Split a header into its marker segments, up to and with the first scan; stops where it is no longer one."""
    found: list[tuple[int, bytes]] = []
    position = start
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        found.append((marker, data[position + 4 : position + 2 + length]))
        if marker == _START_OF_SCAN or length < 2:
            break
        position += 2 + length
    return found


def _tables(segment: bytes) -> dict[int, NDArray[np.int64]]:
    """Read the tables of a DQT segment: 8 or 16 bits a value, in zigzag order; a cut-off one is left out."""
    found: dict[int, NDArray[np.int64]] = {}
    position = 0
    while position < len(segment):
        wide, number = segment[position] >> 4, segment[position] & 15
        size = 128 if wide else 64
        raw = segment[position + 1 : position + 1 + size]
        if len(raw) < size:
            break
        values = np.frombuffer(raw, dtype=">u2" if wide else np.uint8).astype(np.int64)
        table = np.empty(64, dtype=np.int64)
        table[_ZIGZAG] = values
        found[number] = table.reshape(8, 8)
        position += 1 + size
    return found


def is_irreversible(data: bytes, start: int = 0) -> bool:
    """Return True if the default coding style of a JPEG 2000 codestream is the irreversible 9-7 wavelet."""
    position = start + 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != _START_OF_TILE:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] == _CODING_STYLE:
            # Scod, SGcod (progression, layers, component transform), then SPcod; the wavelet is its fifth value.
            return position + 13 < len(data) and data[position + 13] == 0
        position += 2 + max(length, 2)
    return False


def compression_of_dataset(dataset: Dataset, syntax: str, codestream: bytes) -> Compression:
    """Return how a frame was compressed: by its codestream, else by what the header says of earlier steps.

    Parameters
    ----------
    dataset
        The header of the frame.
    syntax
        The transfer syntax that the frame was decoded from, whatever the file states.
    codestream
        The JPEG, JPEG-LS or JPEG 2000 data of the frame; empty for one that no codec made.

    """
    known = NOT_KNOWN
    if codestream:
        raw_bytes = stated_whole(dataset, "Rows") * stated_whole(dataset, "Columns")
        raw_bytes *= max(stated_whole(dataset, "SamplesPerPixel", 1), 1)
        raw_bytes = raw_bytes * stated_whole(dataset, "BitsAllocated", 16) // 8
        known = compression_of_codestream(codestream, raw_bytes=raw_bytes)
    if known.is_lossy:
        return known
    stated = stated_word(dataset, "LossyImageCompression")
    if stated == "01":
        return _stated(dataset)
    said = str(getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", "") or "")
    if said in _PERHAPS_LOSSY and syntax == said and stated != "00":
        # The file says that a reversible wavelet may have been cut short, and only "00" would say that it was not.
        return Compression(Codec.JPEG_2000, KnownFrom.HEADER)
    return NOT_KNOWN


def _stated(dataset: Dataset) -> Compression:
    """Return what a header says of loss in earlier steps; of several the last method and all ratios count.

    Ratios that are no numbers, or none that a codec reaches, are left out.
    """
    codecs = {"ISO_10918_1": Codec.JPEG, "ISO_14495_1": Codec.JPEG_LS, "ISO_15444_1": Codec.JPEG_2000}
    methods = values_of(dataset, "LossyImageCompressionMethod")
    codec = codecs.get(str(methods[-1]).strip().upper(), Codec.UNKNOWN) if methods else Codec.UNKNOWN
    ratios = [read_number(ratio) for ratio in values_of(dataset, "LossyImageCompressionRatio")]
    believable = [ratio for ratio in ratios if ratio is not None and 1.0 < ratio < _MOST_RATIO]
    return Compression(codec, KnownFrom.HEADER, ratio=float(np.prod(believable)) if believable else None)


def find_block_grid(values: NDArray[np.generic]) -> BlockGrid | None:
    """Find the grid of 8 x 8 blocks that a JPEG leaves in a decoded picture, ``None`` where there is none.

    ``values``: (rows, columns), as decoded. Along each axis the jump between neighbours is compared with the jumps
    before and after it (after Fan and de Queiroz, IEEE Trans Image Process 2003;12:230); the excess is folded by eight.
    A grid is found where one phase stands out along both axes. A picture that was scaled after it was compressed has
    its edges elsewhere, and none is found.
    """
    if values.ndim != 2 or min(values.shape) < 4 * BLOCK_PX:
        return None
    rows = _phase(values)
    columns = _phase(values.T) if rows is not None else None
    if rows is None or columns is None:
        return None
    return BlockGrid((rows[0], columns[0]), round(min(rows[1], columns[1]), 4))


def _phase(values: NDArray[np.generic]) -> tuple[int, float] | None:
    """Phase of the block edges along the first axis and their strength."""
    stride = max(1, values.size // _MOST_SAMPLED)
    picked = values[:, ::stride].astype(np.float32)
    jumps = np.subtract(picked[1:], picked[:-1])
    np.abs(jumps, out=jumps)
    # A jump against its neighbours; large ones are edges of the picture, not of blocks.
    excess = np.add(jumps[:-2], jumps[2:], out=picked[:-3])
    excess *= np.float32(-0.5)
    excess += jumps[1:-1]
    limit = np.float32(_LARGEST_JUMP * float(jumps.mean()))
    usual = float(np.minimum(jumps, limit, out=jumps).mean())
    if usual == 0.0:
        return None
    by_row = np.clip(excess, -limit, limit, out=excess).mean(axis=1)
    count = len(by_row) // BLOCK_PX * BLOCK_PX
    folded = by_row[:count].reshape(-1, BLOCK_PX)
    mean = folded.mean(axis=0)
    best = int(np.argmax(mean))
    others = np.delete(mean, best)
    error = float(np.delete(folded, best, axis=1).std() / np.sqrt(len(folded)))
    over = float(mean[best] - np.median(others))
    if over < _BLOCKY_FROM * error or over < _LEAST_BLOCKINESS * usual:
        return None
    if float(np.corrcoef(np.roll(mean, -best), _EDGE_OF_BLOCK)[0, 1]) < _LIKE_AN_EDGE:
        return None
    # excess[i] is the jump between i + 1 and i + 2: the edge lies before row i + 2.
    return (best + 2) % BLOCK_PX, over / usual


def with_pixels(known: Compression, values: NDArray[np.generic]) -> Compression:
    """Add the block grid that the pixels show; where nothing else is known, it says that the film was a JPEG."""
    blocks = find_block_grid(values)
    if blocks is None:
        return known
    if known.is_lossy:
        return replace(known, blocks=blocks)
    return Compression(Codec.JPEG, KnownFrom.PIXELS, blocks=blocks)
