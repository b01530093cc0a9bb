"""How a film must be prepared for a set of weights: the agreement between training and use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PreparationContract"]


class PreparationContract(BaseModel):
    """What the network was trained on.

    ``pixel_mm``: side of a prepared pixel; ``normalisation``: the name of the intensity scale (`normalise_intensity`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pixel_mm: Annotated[float, Field(gt=0.05, lt=10.0)] = 0.6
    normalisation: Literal["robust"] = "robust"
