"""Recognition of this program's own objects: a picture of findings must not be read as a radiograph."""

from __future__ import annotations

from pydicom.dataset import Dataset

__all__ = ["MANUFACTURER", "MODEL_NAME", "is_own"]

MANUFACTURER = "ho_imaging"
MODEL_NAME = "ho_imaging (research use only)"


def is_own(dataset: Dataset) -> bool:
    """Return True if a data set states that this program made it."""
    return bool(dataset.get("Manufacturer") == MANUFACTURER and dataset.get("ManufacturerModelName") == MODEL_NAME)
