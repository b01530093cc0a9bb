"""Results of studies: their versioned schema, how they are built, and what is kept beside them.

Names load when they are first used; importing this loads no OpenCV and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ho_imaging.results.analysis import FilmAnalysis, StudyAnalysis
    from ho_imaging.results.batch import BatchResults, read_batch
    from ho_imaging.results.folder import read_result
    from ho_imaging.results.schema import (
        RESEARCH_USE,
        SCHEMA_VERSION,
        FindingResult,
        ImageResult,
        SideResult,
        StudyResult,
        json_schema,
    )

__all__ = [
    "RESEARCH_USE",
    "SCHEMA_VERSION",
    "BatchResults",
    "FilmAnalysis",
    "FindingResult",
    "ImageResult",
    "SideResult",
    "StudyAnalysis",
    "StudyResult",
    "json_schema",
    "read_batch",
    "read_result",
]

_HOME = dict.fromkeys(__all__, "schema") | {
    "BatchResults": "batch",
    "FilmAnalysis": "analysis",
    "StudyAnalysis": "analysis",
    "read_batch": "batch",
    "read_result": "folder",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"ho_imaging.results.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
