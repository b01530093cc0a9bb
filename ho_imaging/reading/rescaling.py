"""Rescale Slope and Intercept, from stored values to those of a window (DICOM PS3.3 C.11.1)."""

from __future__ import annotations

import math

from pydicom.dataset import Dataset

from ho_imaging.reading.values import one_number, values_of

__all__ = ["loses_values", "rescale"]

_MOST_STORED = 65535.0


def rescale(dataset: Dataset) -> tuple[float, float] | None:
    """Return Rescale Slope and Intercept, ``None`` where neither is stated or one cannot be used."""
    found = _stated(dataset)
    return None if found is None or not _keeps_apart(*found) else found


def loses_values(dataset: Dataset) -> bool:
    """Return True for numbers by which stored values that differ become alike, or none at all."""
    found = _stated(dataset)
    return found is not None and not _keeps_apart(*found)


def _stated(dataset: Dataset) -> tuple[float, float] | None:
    slope, intercept = (one_number(values_of(dataset, keyword)) for keyword in ("RescaleSlope", "RescaleIntercept"))
    unread = any(part.value is None and part.wrong is not None for part in (slope, intercept))
    if unread or slope.value == 0.0 or (slope.value is None and intercept.value is None):
        return None
    return 1.0 if slope.value is None else slope.value, intercept.value or 0.0


def _keeps_apart(slope: float, intercept: float) -> bool:
    """Return True if neighbouring stored values of 16 bits differ after rescaling, in double precision."""
    largest = abs(intercept) + abs(slope) * _MOST_STORED
    return math.isfinite(largest) and math.ulp(largest) < abs(slope) / 2.0
