"""Reads radiographs, outlines heterotopic ossification, measures every nodule and grades each study.

Research software. Not a medical device. Not validated on patient data. Not for diagnosis, treatment or triage.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ho_imaging._version import __version__

if TYPE_CHECKING:
    from ho_imaging.errors import (
        DecodeError,
        HOImagingError,
        ModelError,
        NotARadiographError,
        OutOfScopeError,
        ReadError,
        RefusedError,
        TooLargeError,
        UsageError,
        WriteError,
    )
    from ho_imaging.pipeline import Analyzer, analyze, analyze_all, analyze_array
    from ho_imaging.progression import ProgressionResult, compare
    from ho_imaging.reading import Radiograph, discover, read_radiograph
    from ho_imaging.results.analysis import FilmAnalysis, StudyAnalysis
    from ho_imaging.results.batch import BatchResults, read_batch
    from ho_imaging.results.schema import StudyResult
    from ho_imaging.severity.context import StudyContext

__all__ = [
    "Analyzer",
    "BatchResults",
    "DecodeError",
    "FilmAnalysis",
    "HOImagingError",
    "ModelError",
    "NotARadiographError",
    "OutOfScopeError",
    "ProgressionResult",
    "Radiograph",
    "ReadError",
    "RefusedError",
    "StudyAnalysis",
    "StudyContext",
    "StudyResult",
    "TooLargeError",
    "UsageError",
    "WriteError",
    "__version__",
    "analyze",
    "analyze_all",
    "analyze_array",
    "compare",
    "discover",
    "read_batch",
    "read_radiograph",
]

_HOME = {
    "Analyzer": "pipeline",
    "analyze": "pipeline",
    "analyze_all": "pipeline",
    "analyze_array": "pipeline",
    "ProgressionResult": "progression",
    "compare": "progression",
    "StudyContext": "severity.context",
    "Radiograph": "reading",
    "discover": "reading",
    "read_radiograph": "reading",
    "read_batch": "results.batch",
    "BatchResults": "results.batch",
    "FilmAnalysis": "results.analysis",
    "StudyAnalysis": "results.analysis",
    "StudyResult": "results.schema",
}


def __getattr__(name: str) -> object:
    # Names load when they are first used: importing the package costs next to nothing (PEP 562).
    if name in __all__:
        return getattr(import_module(f"ho_imaging.{_HOME.get(name, 'errors')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
