"""Grey values in a presentation state: the film is shown as reading showed it (PS3.3 C.11.1, C.11.8, C.11.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat

from ho_imaging.reading.functional_groups import of_frame
from ho_imaging.reading.grayscale import (
    WINDOW_CLIPS,
    VoiView,
    is_inverse,
    modality_ends,
    modality_lut,
    view_falls,
    voi_views,
)
from ho_imaging.reading.luts import LookupTable
from ho_imaging.reading.rescaling import rescale
from ho_imaging.reading.values import stated_number, stated_whole
from ho_imaging.results.schema import ImageResult

__all__ = ["GREY_KEYWORDS", "state_greys"]

GREY_KEYWORDS = frozenset(
    {
        "ModalityLUTSequence", "RescaleSlope", "RescaleIntercept", "RescaleType", "VOILUTSequence", "WindowCenter",
        "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "PresentationLUTShape",
    }
)  # fmt: skip
"""Attributes that a presentation state states anew, so that a wrong form in the film's header cannot get into it."""

_MISSES, _SEVERAL = "window_misses", "several_voi_views"
"""Codes of the flags that say that a view shows nothing, or hides much and is not used; and which of several is."""

_BY_RELATIONSHIP = "raw_by_relationship"
"""Code of the message of a raw film that is shown by Pixel Intensity Relationship."""

_BITS = 16
_LONGEST_NAME = 64


def state_greys(made: Dataset, source: Dataset, image: ImageResult) -> None:
    """State Modality LUT, VOI LUT and polarity of a film as it was read.

    Of several windows or tables the one that reading used: they would be alternatives, of which a state holds one
    (dcmtk does not load one with two). A window that hides part of the film is left out: then all values are shown.
    Greys of a table are written over 16 bits, whatever its descriptor says of fewer.
    """
    source = of_frame(source, 0)  # objects are made of films of one frame
    _state_modality(made, source)
    raw = _raw_inverse(source, image)
    if raw is not None:
        made.PresentationLUTShape = "INVERSE" if raw else "IDENTITY"
        return
    view = _view_used(source, image)
    if view is not None:
        made.SoftcopyVOILUTSequence = [_voi_item(view)]
    # A state replaces the film's own polarity (PS3.4 N.2), so it has to say it again.
    inverse = is_inverse(source, [])
    if not hasattr(made, "SoftcopyVOILUTSequence") and view_falls(source):
        inverse = not inverse
    made.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"


def _raw_inverse(source: Dataset, image: ImageResult) -> bool | None:
    """Return True if low values of a raw film are shown white; ``None`` for a film that goes by its own polarity.

    Reading shows less X-ray bright, over all values and whatever else the header states (PS3.3 C.8.11.3.1.2).
    """
    if not any(flag.message.code == _BY_RELATIONSHIP for flag in image.quality_flags):
        return None
    # The sign is that of stored values, and the shape's input is what follows the Modality LUT.
    lowest, highest = modality_ends(source)
    falls = highest < lowest
    return (stated_number(source, "PixelIntensityRelationshipSign") == 1) != falls


def _view_used(source: Dataset, image: ImageResult) -> VoiView | None:
    """Return the view that a film is shown in, ``None`` for all its values."""
    flags = {flag.code: flag.message.parameters for flag in image.quality_flags}
    views, _ = voi_views(source)
    used = flags[_SEVERAL]["used"] if _SEVERAL in flags else 0
    misses = _MISSES in flags and _SEVERAL not in flags  # of several another one is used
    if WINDOW_CLIPS in flags or misses or not isinstance(used, int) or used >= len(views):
        return None
    view = views[used]
    return None if view.table is None and view.window is None else view


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


def _voi_item(view: VoiView) -> Dataset:
    """State a table or a window."""
    item = Dataset()
    table = view.table
    if table is not None:
        greys = np.rint(table.entries * ((1 << _BITS) - 1) / ((1 << table.bits) - 1)).astype(np.int64)
        item.VOILUTSequence = [_lut_item(table, greys, signed_input=table.first < 0)]
        return item
    if view.window is not None:
        center, width = view.window
        item.WindowCenter, item.WindowWidth = _decimal(center), _decimal(width)
        item.VOILUTFunction = view.function
    name = view.name.strip()[:_LONGEST_NAME]
    if name:
        item.WindowCenterWidthExplanation = name
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
