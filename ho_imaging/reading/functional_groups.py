"""Functional groups: the attributes of one frame of a multi-frame object (PS3.3 C.7.6.16)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from ho_imaging.reading.damaged_elements import encoded_as, readable_part
from ho_imaging.reading.values import values_of

__all__ = ["of_frame"]


_FRAME_MACROS = (
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "FrameAnatomySequence",
    "PatientOrientationInFrameSequence",
)
"""Functional groups whose attributes a single-frame radiograph has at its top level."""


def of_frame(dataset: Dataset, frame: int) -> Dataset:
    """Return a data set that describes one frame, with the attributes of its functional groups at the top level."""
    shared = _items(dataset, "SharedFunctionalGroupsSequence")[:1]
    own = _items(dataset, "PerFrameFunctionalGroupsSequence")[frame : frame + 1]
    said = [item for group in shared + own for macro in _FRAME_MACROS for item in _items(group, macro)[:1]]
    if not said:
        return dataset
    described = encoded_as(dataset, readable_part(dataset)[0])
    for item in said:
        for element in item:
            described[element.tag] = element
    return described


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    return [item for item in values_of(dataset, keyword) if isinstance(item, Dataset)]
