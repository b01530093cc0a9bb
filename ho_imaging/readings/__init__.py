"""Readings: what readers decided, what it rests on, and how well readers agree.

Names load when they are first used; importing this loads no pipeline, no OpenCV and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ho_imaging.readings.agreement import Agreement, agreements
    from ho_imaging.readings.decisions import Decision
    from ho_imaging.readings.grounds import grounds_of
    from ho_imaging.readings.plan import ReadingPlan, read_plan, write_plan
    from ho_imaging.readings.readings import Reading, model_reading, reader_reading
    from ho_imaging.readings.review_store import ReviewStore

__all__ = [
    "Agreement",
    "Decision",
    "Reading",
    "ReadingPlan",
    "ReviewStore",
    "agreements",
    "grounds_of",
    "model_reading",
    "read_plan",
    "reader_reading",
    "write_plan",
]

_HOME = {
    "Agreement": "agreement",
    "Decision": "decisions",
    "Reading": "readings",
    "ReadingPlan": "plan",
    "ReviewStore": "review_store",
    "agreements": "agreement",
    "grounds_of": "grounds",
    "model_reading": "readings",
    "read_plan": "plan",
    "reader_reading": "readings",
    "write_plan": "plan",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"ho_imaging.readings.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
