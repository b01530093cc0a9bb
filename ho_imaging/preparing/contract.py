"""Preparation contract of a set of weights: the same in training and in use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PreparationContract"]


class PreparationContract(BaseModel):
    """Preparation that a network was trained with.

    Parameters
    ----------
    pixel_mm
        Side of a prepared pixel in mm.
    normalisation
        Name of the intensity scale, see `normalise_intensity`.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pixel_mm: Annotated[float, Field(gt=0.05, lt=10.0)] = 0.6
    normalisation: Literal["robust"] = "robust"
