"""Plan of a reading: readers, readers a study, adjudicator, and blinding to the model.

Kept as ``plan.json`` in the store of decisions, so that everybody who works on a batch keeps to the same plan.
"""

from __future__ import annotations

import hashlib
from itertools import combinations
from os import PathLike
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ho_imaging.errors import ReadError, UsageError, WriteError
from ho_imaging.files.atomic import write_text
from ho_imaging.files.given_path import given_path
from ho_imaging.readings.compare import disagreements
from ho_imaging.readings.readings import Reading

__all__ = ["ReadingPlan", "read_plan", "write_plan"]

PLAN_FILE = "plan.json"
_MOST_BYTES = 1 << 20
_STORE = "the folder of decisions: reviews in the --out of ho-imaging analyze"

Name = Annotated[str, Field(min_length=1, max_length=100)]


class ReadingPlan(BaseModel):
    """A plan of reading. ``blinded``: rows and films say nothing of the model until the reader has committed.

    Studies on which two committed readings disagree go to the ``adjudicator``: grades ``grade_steps`` classes or more
    apart on a side, ectopic bone by one reader only, or outlines whose Dice coefficient is below ``least_dice``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    version: Literal["1.0"] = Field(default="1.0", description="Version of this form.")
    readers: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(description="Names or codes of the readers.")
    readings_per_study: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Number of readers of each study; who reads it follows from its UID."
    )
    adjudicator: Name | None = Field(
        default=None, description="Who reads the studies on which readers disagree; null for nobody."
    )
    blinded: bool = Field(default=False, description="True where the model's result is hidden until a commitment.")
    grade_steps: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Grades of a side that are so many classes or more apart are a disagreement."
    )
    least_dice: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        default=0.5, description="Outlines whose Dice coefficient, 0 to 1, is below this are a disagreement."
    )

    @model_validator(mode="after")
    def _possible(self) -> ReadingPlan:
        if len(set(self.readers)) != len(self.readers):
            raise ValueError("a reader is named twice")
        if self.readings_per_study > len(self.readers):
            raise ValueError("more readings a study than readers")
        if self.adjudicator in self.readers:
            raise ValueError("the adjudicator is one of the readers")
        return self

    def readers_of(self, study_uid: str) -> tuple[str, ...]:
        """Return the readers of a study: chosen by its UID alone, evenly over many studies."""
        number = int.from_bytes(hashlib.sha256(study_uid.encode("utf-8", "surrogateescape")).digest()[:8], "big")
        teams = list(combinations(self.readers, self.readings_per_study))
        return teams[number % len(teams)]

    def disagreements(self, readings: list[Reading]) -> tuple[str, ...]:
        """Say where committed readings of a study differ, by this plan's limits."""
        committed = [reading for reading in readings if reading.committed]
        found = [
            words
            for first, second in combinations(committed, 2)
            for words in disagreements(first, second, grade_steps=self.grade_steps, least_dice=self.least_dice)
        ]
        return tuple(dict.fromkeys(found))


def write_plan(store: str | PathLike[str], plan: ReadingPlan) -> None:
    """Keep a plan in a store of decisions, in place of an earlier one.

    Parameters
    ----------
    store
        Folder of the decisions; made if need be.
    plan
        Who reads what.

    Raises
    ------
    TypeError
        If the store is no path.
    WriteError
        If it cannot be written.

    """
    folder = given_path(store, _STORE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be made: {error.strerror}", path=folder, remedy="check space and rights") from error
    write_text(folder / PLAN_FILE, plan.model_dump_json(indent=2) + "\n")


def read_plan(store: str | PathLike[str]) -> ReadingPlan | None:
    """Read the plan of a store; ``None`` where there is none.

    Parameters
    ----------
    store
        Folder of the decisions.

    Returns
    -------
    ReadingPlan or None
        Who reads what.

    Raises
    ------
    TypeError
        If the store is no path.
    ReadError
        If it cannot be read.
    UsageError
        If it is no plan.

    """
    path = given_path(store, _STORE) / PLAN_FILE
    try:
        if not path.exists():
            return None
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError("is too large to be a plan", path=path, remedy="write it again")
        return ReadingPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check your rights to it") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the plan"
        raise UsageError(f"{where}: {first['msg']}", path=path, remedy="correct it") from error
