"""Stored pixel values as grey values: colour to grey, padding, and the values as displayed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.reading.colour import GREY_TOLERANCE, grey_of
from ho_imaging.reading.decode import Stored, padding_range, photometric_of
from ho_imaging.reading.grayscale import GrayscaleTable, grayscale_table
from ho_imaging.reading.palette import through_palette
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.reading.values import stated_whole
from ho_imaging.reading.visibility import LEAST_SAID, Picture, share_covered

__all__ = ["displayed", "padding_mask", "to_grey"]


_ROWS_AT_A_TIME = 16


def to_grey(dataset: Dataset, stored: Stored, flags: list[QualityFlag]) -> Stored:
    """Convert colour to grey where grey was meant; refuse a colour picture. Decoding has converted YBR to RGB."""
    photometric = photometric_of(dataset)
    values, bits = stored.values, stored.bits
    if photometric == "PALETTE COLOR" and values.ndim == 2:
        values, bits = through_palette(values, dataset, flags)
    if values.ndim == 2:
        if not photometric:
            flags.append(QualityFlag("photometric_missing"))
        return stored
    channels = values[..., :3].astype(np.int32)
    top = 2**bits - 1
    if _is_luminance_first(channels, top):
        channels = np.repeat(channels[..., :1], 3, axis=-1)
    # Sixteen bits keep what luminance has between two levels.
    grey = np.clip(grey_of(channels, float(top), flags) * np.float32(65535.0 / top), 0.0, 65535.0)
    return Stored(np.rint(grey).astype(np.uint16), 16, False, stored.flags)


def _is_luminance_first(channels: NDArray[np.int32], top: int) -> bool:
    """Return True if pixels called RGB are luminance and colour differences of a grey image, as JPEG stores them.

    Differences of grey are half the range everywhere; no picture in red, green and blue is so in two of three.
    """
    differences = np.abs(channels[::4, ::4, 1:] - (top + 1) // 2)
    return float(np.percentile(differences, 98.0)) <= GREY_TOLERANCE / 2 * top / 255


def padding_mask(dataset: Dataset, stored: Stored, flags: list[QualityFlag]) -> NDArray[np.bool_] | None:
    """Return the mask of padding by Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2); ``None`` without one.

    No pixel of the image itself has such a value. Where the picture goes on within the values, they are no padding.
    """
    found = padding_range(dataset, stored.bits, signed=stored.signed)
    if found is None:
        return None
    low, high = found
    padding = (stored.values >= low) & (stored.values <= high)
    if not padding.any():
        return None
    covered = share_covered(Picture.of(stored.values, padding))
    if covered > LEAST_SAID or padding.all():
        flags.append(QualityFlag("padding_invalid", Message("padding_covers", share=1.0 if padding.all() else covered)))
        return None
    return padding


def displayed(
    dataset: Dataset,
    stored: Stored,
    padding: NDArray[np.bool_] | None,
    voi: int | str | None,
    flags: list[QualityFlag],
    *,
    whole_range: bool,
) -> NDArray[np.float32]:
    """Return the displayed grey values, (rows, columns) float32 from 0 (black) to 1 (white); ``flags`` is added to."""
    values = stored.values
    if stated_whole(dataset, "SamplesPerPixel", 1) > 1 or photometric_of(dataset) == "PALETTE COLOR":
        # Modality and VOI LUTs belong to grayscale images only (PS3.3 C.11.1, C.11.2): luminance is shown as it is.
        return np.asarray(values / np.float32(2**stored.bits - 1), dtype=np.float32)
    image = values if padding is None else values[~padding]
    occurring = (int(image.min()), int(image.max()))
    first = min(int(values.min()), 0)
    last = max(int(values.max()), first + 1)
    picture = Picture.of(values, padding)
    table = grayscale_table(dataset, first, last, occurring, voi, picture=picture, whole_range=whole_range)
    flags += table.flags
    pixels = _looked_up(values, table)
    if padding is not None:
        pixels[padding] = 0.0
    return pixels


def _looked_up(values: NDArray[np.integer], table: GrayscaleTable) -> NDArray[np.float32]:
    """Look every value up, some rows at a time: indices are wider than pixels and should not leave the cache."""
    pixels = np.empty(values.shape, dtype=np.float32)
    for start in range(0, len(values), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        indices = values[rows].astype(np.intp) - table.first
        # Every value is in the table, so nothing is clipped; "clip" spares a copy that checking would take.
        np.take(table.table, indices, out=pixels[rows], mode="clip")
    return pixels
