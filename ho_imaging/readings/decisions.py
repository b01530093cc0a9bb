"""A reader's decision: one line of JSON, and its schema.

Decisions are only added. A correction is another line, so that the file tells who decided what, when, and on which
model's result. Points are [x, y] = [column, row] in source pixels with pixel centres at whole numbers, as in results.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from ho_imaging.errors import UsageError
from ho_imaging.readings.decision_values import check_value
from ho_imaging.results.schema import ModelResult

__all__ = ["DECISIONS_VERSION", "Decision", "check_reader"]


Action = Literal[
    "open", "close", "accept", "reject", "reclassify", "reshape", "add", "regrade", "measure", "note", "commit",
    "undo", "redo",
]  # fmt: skip

DECISIONS_VERSION: Final = "2.0"

_VALUE = (
    "What was decided, by action. reclassify: {mimic: kind}. reshape and add: {outline_xy_px: [[[x, y], ...], ...]}, "
    "closed rings of (x, y) = (column, row) in source pixels, pixel centres at whole numbers, inside by the even-odd "
    "rule. regrade: {side, system, from: grade before or null, to: grade}. measure: {from_xy_px: [x, y], to_xy_px: "
    "[x, y], length_mm: length in mm or null, basis: what the millimetres rest on}. undo: {undoes: id}; redo: {redoes: "
    "id}, the id of what was undone. open: {blinded: true where the model's result was hidden}. close: {seconds: time "
    "that the study was open}. commit: {} or {confirmed: [{side, grade, nodules: [id, ...]}]}, where the reader was "
    "asked about a grade and nodules that contradict each other and stood by both. accept, reject and note: {}."
)

_MOST_TEXT = 10_000

_LONGEST_NAME = 100


class Decision(BaseModel):
    """One thing a reader did, as it stands in one line of ``<store>/<study folder>/<reader>.jsonl``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal["2.0"] = Field(
        default=DECISIONS_VERSION, description="Version of this schema: MAJOR.MINOR. A minor version only adds fields."
    )
    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] = Field(
        default_factory=lambda: uuid4().hex, description="Name of this decision: 32 hexadecimal digits by chance."
    )
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC), description="When it was made, in UTC.")
    reader: Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)] = Field(
        description="Name, initials or code of the reader."
    )
    study_uid: Annotated[str, Field(min_length=1)] = Field(description="Study Instance UID of the study that was read.")
    image_uid: str | None = Field(
        default=None, description="SOP Instance UID of the film; null where it is about no single film."
    )
    model: ModelResult | None = Field(default=None, description="The model whose result was read.")
    action: Action = Field(description="What the reader did.")
    target: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="The nodule: the id that its finding had then, or that of a nodule this reader added (R1) or whose "
        "outline outlived its finding (R-...). Null where it is about no nodule.",
    )
    grounds: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = Field(
        default=None,
        description="Digest of what of the model's it was made of: film and outline of a nodule; films, nodules and "
        "grades of a grade or commitment. Null where it rests on nothing of the model's.",
    )
    value: dict[str, JsonValue] = Field(default_factory=dict, description=_VALUE)
    reason: Annotated[str, Field(max_length=_MOST_TEXT)] | None = Field(
        default=None, description="Why, in the reader's words; the text of a note. A change of grade needs it."
    )

    @model_validator(mode="after")
    def _whole(self) -> Decision:
        if self.at.utcoffset() != timedelta(0):
            raise ValueError("the time is not UTC")
        check_reader(self.reader)
        if self.action in {"accept", "reject", "reclassify", "reshape", "add"} and not self.target:
            raise ValueError(f"{self.action} names no nodule")
        if self.action in {"reshape", "add"} and self.image_uid is None:
            raise ValueError(f"{self.action} names no film")
        if self.action == "regrade" and not (self.reason or "").strip():
            raise ValueError("a grade is changed with a reason")
        check_value(self.action, self.value)
        return self

    def to_line(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, allow_nan=False) + "\n"


def check_reader(reader: str) -> None:
    """Raise `UsageError`, or of what is no text ``TypeError``, unless decisions can be kept under this name."""
    if not isinstance(reader, str):
        raise TypeError(f"the reader is {type(reader).__name__} (give a name, initials or a code)")
    if not reader.strip() or not reader.isprintable():
        raise UsageError("the reader has no printable name", remedy="give initials or a code")
    if len(reader) > _LONGEST_NAME:
        raise UsageError(
            f"the reader's name has more than {_LONGEST_NAME} characters", remedy="give initials or a code"
        )
