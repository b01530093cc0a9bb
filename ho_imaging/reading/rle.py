"""RLE Lossless (DICOM PS3.5 annex G), unpacked by Pillow's PackBits decoder: the same scheme, in C."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

__all__ = ["decode_rle"]

_HEADER_BYTES = 64


def decode_rle(dataset: Dataset, frame: int) -> NDArray[np.integer]:
    """Decode one frame of a grey image.

    Parameters
    ----------
    dataset
        With its pixel data and all that describes it; 8 or 16 bits allocated, one sample a pixel.
    frame
        Its number, from 0.

    Returns
    -------
    (rows, columns), integers of the allocated bits, signed where the data set says so.

    Raises
    ------
    ValueError
        If segments are missing, lie outside the frame or hold too few pixels.

    """
    rows, columns, allocated = int(dataset.Rows), int(dataset.Columns), int(dataset.BitsAllocated)
    data = get_frame(dataset.PixelData, frame, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1))
    if len(data) < _HEADER_BYTES:
        raise ValueError("the frame is shorter than its header")
    count, *offsets = np.frombuffer(data[:_HEADER_BYTES], dtype="<u4").tolist()
    if count != allocated // 8:
        raise ValueError(f"{count} segments where {allocated // 8} are needed")
    starts = [*offsets[:count], len(data)]
    if starts[0] < _HEADER_BYTES or starts != sorted(starts):
        raise ValueError("segments lie outside the frame")
    # A segment a byte of each pixel, the most significant first.
    segments = memoryview(data)
    planes = [_unpack(segments[first:last], rows * columns) for first, last in itertools.pairwise(starts)]
    values: NDArray[np.unsignedinteger] = planes[0]
    if count > 1:
        values = planes[0].astype(np.uint16)
        values <<= 8
        values |= planes[1]
    return values.reshape(rows, columns).view(f"i{count}" if int(dataset.PixelRepresentation) == 1 else f"u{count}")


def _unpack(segment: memoryview, length: int) -> NDArray[np.uint8]:
    """Unpack one segment; Pillow says when it ends too soon, and leaves alone what comes after ``length`` bytes."""
    from PIL import Image  # noqa: PLC0415  (only for RLE)

    # As a picture one row high, since runs of careless encoders go on from one row into the next.
    return np.asarray(Image.frombytes("L", (length, 1), segment, "packbits", "L")).reshape(length)
