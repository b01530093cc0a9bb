"""Write results for others: DICOM objects, FHIR, pictures, reports, tables, and formats of annotation tools.

`names` lists the outputs, `write` writes one. `to_dicom` and `to_fhir` return objects in memory.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ho_imaging.outputs.dicom.write import to_dicom
    from ho_imaging.outputs.fhir import to_fhir
    from ho_imaging.outputs.label_mask import mask
    from ho_imaging.outputs.matplotlib_plot import plot
    from ho_imaging.outputs.registry import Needs, Option, Output, Per, Source, names, write

__all__ = ["Needs", "Option", "Output", "Per", "Source", "mask", "names", "plot", "to_dicom", "to_fhir", "write"]

_HOME = dict.fromkeys(__all__, "registry") | {
    "mask": "label_mask",
    "plot": "matplotlib_plot",
    "to_dicom": "dicom.write",
    "to_fhir": "fhir",
}


def __getattr__(name: str) -> object:
    # Each writer loads its libraries when it is first used (PEP 562).
    if name in _HOME:
        return getattr(import_module(f"ho_imaging.outputs.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
