"""Colours of a palette (PS3.3 C.7.6.3.1.5 and C.7.6.3.1.6), read with the bits that the entries have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from ho_imaging.errors import DecodeError
from ho_imaging.messages import Message
from ho_imaging.reading.luts import LookupTable, LookupTableError, read_lookup_table
from ho_imaging.reading.radiograph import QualityFlag

__all__ = ["through_palette"]

_COLOURS = ("Red", "Green", "Blue")


def through_palette(
    values: NDArray[np.integer], dataset: Dataset, flags: list[QualityFlag]
) -> tuple[NDArray[np.integer], int]:
    """Look stored values up in the palette of a header.

    Parameters
    ----------
    values
        Stored values, (rows, columns).
    dataset
        The header.
    flags
        Is added to where the tables use other bits than they state.

    Returns
    -------
    Colours (rows, columns, 3), unsigned integers, and the number of bits that they use.

    Raises
    ------
    DecodeError
        If a table is missing or cannot be used.

    """
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        colours = apply_color_lut(values, dataset)
        return colours, colours.dtype.itemsize * 8
    first, last = int(values.min()), int(values.max())
    tables = [_table(dataset, colour, (float(first), float(last))) for colour in _COLOURS]
    # One colour may be dark without being written with fewer bits.
    bits = max(table.bits for table in tables)
    doubts = [doubt for table in tables for doubt in table.doubts]
    if doubts and all(table.doubts for table in tables):
        keyword = "RedPaletteColorLookupTableDescriptor"
        flags.append(
            QualityFlag("pixel_description_invalid", Message("attribute_repaired", keyword=keyword, wrong=doubts[0]))
        )
    span = np.arange(first, last + 1, dtype=np.float64)
    colours = np.stack([table.apply(span) for table in tables], axis=-1).astype(np.uint16)
    return colours[values.astype(np.intp) - first], bits


def _table(dataset: Dataset, colour: str, occurring: tuple[float, float]) -> LookupTable:
    item = Dataset()
    for part, keyword in (("Descriptor", "LUTDescriptor"), ("Data", "LUTData")):
        full = f"{colour}PaletteColorLookupTable{part}"
        if full in dataset:
            element = dataset[full]
            item.add_new(keyword, element.VR, element.value)
    little_endian = getattr(dataset, "original_encoding", (None, True))[1] is not False
    try:
        # Its input is stored values as they are: signed ones are looked up as such.
        return read_lookup_table(item, little_endian=little_endian, signed_input=occurring[0] < 0, occurring=occurring)
    except LookupTableError as error:
        raise DecodeError(Message("palette_unusable", colour=colour, wrong=error.wrong)) from error
