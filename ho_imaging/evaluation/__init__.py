"""Evaluation on images with known answers: validation on a site's own labelled images.

Names load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ho_imaging.evaluation.evaluate import evaluate_studies
    from ho_imaging.evaluation.labels import read_labels

__all__ = ["evaluate_studies", "read_labels"]

_HOME = {"evaluate_studies": "evaluate", "read_labels": "labels"}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"ho_imaging.evaluation.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
