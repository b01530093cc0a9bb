"""Grey values in a presentation state: the film is shown as reading showed it (PS3.3 C.11.1, C.11.8, C.11.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from ho_imaging.reading.grayscale import WINDOW_CLIPS, VoiView, is_inverse, modality_lut, view_falls, voi_views
from ho_imaging.reading.luts import LookupTable
from ho_imaging.reading.rescaling import rescale
from ho_imaging.reading.values import stated_whole
from ho_imaging.results.schema import ImageResult

__all__ = ["GREY_KEYWORDS", "state_greys"]

GREY_KEYWORDS = frozenset(
    {
        "ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "RescaleType", "VOILUTSequence", "WindowCenter",
        "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "PresentationLUTShape",
    }
)  # fmt: skip
"""Attributes that a presentation state states anew, so that a wrong form in the film's header cannot get into it."""

_HIDING = frozenset({WINDOW_CLIPS, "window_misses"})
_BITS = 16
_LONGEST_NAME = 64


def state_greys(made: Dataset, source: Dataset, image: ImageResult) -> None:
    """State Modality LUT, VOI LUT and polarity of a film as it was read.

    A window that hides part of the film is left out: then all values are shown. Greys of a table
    are written over 16 bits, whatever its descriptor says of fewer.
    """
    _state_modality(made, source)
    hidden = any(flag.code in _HIDING for flag in image.quality_flags)
    views = [view for view in voi_views(source)[0] if view.table is not None or view.window is not None]
    if views and not hidden:
        made.SoftcopyVOILUTSequence = [_voi_item(views)]
    # A state replaces the film's own polarity (PS3.4 N.2), so it has to say it again.
    inverse = is_inverse(source, [])
    if not hasattr(made, "SoftcopyVOILUTSequence") and view_falls(source):
        inverse = not inverse
    made.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"


def _state_modality(made: Dataset, source: Dataset) -> None:
    table = modality_lut(source)
    if table is not None:
        # Its entries are values, not greys: their size must stay.
        item = _lut_item(table, table.entries, signed_input=stated_whole(source, "PixelRepresentation") == 1)
        item.ModalityLUTType = "US"
        made.ModalityLUTSequence = [item]
        return
    stated = rescale(source)
    if stated is not None:
        slope, intercept = stated
        made.RescaleIntercept, made.RescaleSlope = _decimal(intercept), _decimal(slope)
        made.RescaleType = "US"


def _voi_item(views: list[VoiView]) -> Dataset:
    """State the first table, or all windows; they would be alternatives to each other."""
    item = Dataset()
    table = views[0].table
    if table is not None:
        greys = np.rint(table.entries * ((1 << _BITS) - 1) / ((1 << table.bits) - 1)).astype(np.int64)
        item.VOILUTSequence = [_lut_item(table, greys, signed_input=table.first < 0)]
        return item
    windows = [view.window for view in views if view.window is not None]
    item.WindowCenter = [_decimal(center) for center, _ in windows]
    item.WindowWidth = [_decimal(width) for _, width in windows]
    names = [view.name.strip()[:_LONGEST_NAME] for view in views]
    if all(names):
        item.WindowCenterWidthExplanation = names
    item.VOILUTFunction = views[0].function
    return item


def _lut_item(table: LookupTable, entries: NDArray[np.int64], *, signed_input: bool) -> Dataset:
    """Write a table with an entry in each word: 8 or 16 bits are allowed, of 8 there would be two."""
    item = Dataset()
    signed = signed_input and table.first < 0
    count = len(entries) & 0xFFFF
    if signed and count > 0x7FFF:
        count -= 1 << 16
    item.add_new("LUTDescriptor", "SS" if signed else "US", [count, table.first, _BITS])
    if table.explanation:
        item.LUTExplanation = table.explanation[:_LONGEST_NAME]
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return item


def _decimal(value: float) -> DSfloat:
    return DSfloat(value, auto_format=True)
