"""Preparation contract of a set of weights: the same in training and in use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["COARSEST_SOURCE", "PreparationContract"]

COARSEST_SOURCE = 0.8
"""Largest source pixel, as a share of a prepared one, that a film may be reduced to before it is prepared.

Root mean square difference of prepared pixels from those of all stored pixels, in thousandths of the film's standard
deviation, on nine simulated films: 3 to 8 where the reduced pixel is 0.59 to 0.72 of the prepared one, 6 to 10 at 0.85
to 0.9, 28 to 46 at 0.9 to 0.96 and four stored pixels a side. Cutting one row and one column off a film makes 9 to 95.
"""


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

    @property
    def coarsest_source_mm(self) -> float:
        """Largest source pixel, in mm, whose means over prepared pixels are still those of the finest source."""
        return COARSEST_SOURCE * self.pixel_mm
