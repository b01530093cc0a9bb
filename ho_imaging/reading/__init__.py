"""Files in, radiographs out: true grey values, millimetres with their basis, and what a film says it shows."""

from ho_imaging.reading.array import radiograph_from_array
from ho_imaging.reading.discover import Discovery, Rejected, StudyRef, discover
from ho_imaging.reading.radiograph import QualityFlag, Radiograph, Sourced, Spacing
from ho_imaging.reading.read import ImageRef, read_radiograph
from ho_imaging.reading.sources import ImageSource

__all__ = [
    "Discovery",
    "ImageRef",
    "ImageSource",
    "QualityFlag",
    "Radiograph",
    "Rejected",
    "Sourced",
    "Spacing",
    "StudyRef",
    "discover",
    "radiograph_from_array",
    "read_radiograph",
]
