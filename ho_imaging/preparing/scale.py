"""Size of a cell of the prepared grid: the one place that converts lengths in cells to millimetres."""

from __future__ import annotations

from dataclasses import dataclass

from ho_imaging.vocabulary import SpacingBasis

__all__ = ["Scale"]


@dataclass(frozen=True)
class Scale:
    """Side of a cell of the prepared grid, and what it rests on.

    Attributes
    ----------
    cell_mm
        Side of a cell in mm. Without a believable spacing it is the size that the grid was chosen for, which is good
        enough to choose a size of search by and nothing else.
    basis
        What the millimetres rest on.

    """

    cell_mm: float
    basis: SpacingBasis

    @property
    def is_assumed(self) -> bool:
        """Return True if nothing says how large the film is: there are no millimetres to report."""
        return self.basis is SpacingBasis.NONE

    @property
    def measured_mm(self) -> float | None:
        """Side of a cell as lengths and areas may be reported by; ``None`` where it is assumed."""
        return None if self.is_assumed else self.cell_mm
