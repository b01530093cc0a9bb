"""Common base of the versioned schemas: strict, frozen models and bounded numbers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.results.points import PointXY

__all__ = ["AxisEnds", "NonNegative", "Part", "PointXY", "Probability", "RowColumnMm", "Score"]

AxisEnds = tuple[PointXY, PointXY]
RowColumnMm = tuple[float, float]
"""A size, not a point: along the rows' direction (down) first, as in DICOM's Pixel Spacing."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Score = Annotated[float, Field(ge=0.0, le=100.0)]
NonNegative = Annotated[float, Field(ge=0.0)]


class Part(BaseModel):
    """A part of a result: frozen, without fields that the schema does not name, without NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_enum_values=True)

    in_short: ClassVar[tuple[str, ...]] = ()
    """Fields that ``repr`` shows; all of them where none is named."""

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        if not self.in_short:
            return list(super().__repr_args__())
        return [(name, getattr(self, name)) for name in self.in_short if getattr(self, name) is not None]
