"""Preparation of a radiograph for the network: exposed area, intensity, pixel size, and the mapping to the source."""

from ho_imaging.preparing.contract import PreparationContract
from ho_imaging.preparing.intensity import normalise_intensity
from ho_imaging.preparing.prepare import prepare
from ho_imaging.preparing.prepared import GridMap, Prepared
from ho_imaging.preparing.resample import mask_to_prepared, mask_to_source, probability_to_source
from ho_imaging.preparing.scale import Scale

__all__ = [
    "GridMap",
    "PreparationContract",
    "Prepared",
    "Scale",
    "mask_to_prepared",
    "mask_to_source",
    "normalise_intensity",
    "prepare",
    "probability_to_source",
]
