"""The numbers that fix the network's shape, and what every runtime of it offers; nothing here loads one."""

from __future__ import annotations

from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["INPUT_CHANNELS", "SCOPE_WIDTH", "SUB_PIXELS", "Architecture", "Network"]

INPUT_CHANNELS = 2
"""The film in [0, 1] and its valid mask."""

SUB_PIXELS = 4
"""Channels of the head for each map, one after another: two by two sub-pixels."""

SCOPE_WIDTH = 64
"""Channels in which evidence for the judgement of scope is gathered."""

Width = Annotated[int, Field(ge=4, le=1024)]
Depth = Annotated[int, Field(ge=0, le=8)]


class Architecture(BaseModel):
    """The numbers that fix the network's shape; the limits bound what a damaged or hostile file can allocate.

    ``widths[i]`` channels at 1 / 2**(i + 1) of the film's resolution, with ``blocks[i]`` residual blocks on the way
    down. ``dilations`` adds further residual blocks at the bottom, which widen the view to the whole hip: whether
    calcified tissue is a bone or a nodule beside it shows in the surroundings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    widths: Annotated[tuple[Width, ...], Field(min_length=2, max_length=6, strict=False)] = (32, 48, 96, 128, 160)
    blocks: Annotated[tuple[Depth, ...], Field(min_length=2, max_length=6, strict=False)] = (0, 1, 1, 1, 1)
    dilations: Annotated[tuple[Annotated[int, Field(ge=1, le=16)], ...], Field(max_length=8, strict=False)] = (1, 2)

    @model_validator(mode="after")
    def _one_depth_per_width(self) -> Architecture:
        if len(self.widths) != len(self.blocks):
            raise ValueError("widths and blocks must have the same length")
        return self

    @property
    def stride(self) -> int:
        """Rows and columns of the input must be multiples of this."""
        return int(2 ** len(self.widths))


class Network(Protocol):
    """Weights in a runtime, ready to look at films; many threads may use it at the same time."""

    architecture: Architecture
    structures: int

    def look(self, film: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return the logits of a film, (structures, rows, columns) float32, and its scope logit.

        ``film``: (2, rows, columns) float32, pixels in [0, 1] (zero where not valid) and the valid mask; rows and
        columns are multiples of the architecture's stride.
        """
        ...
