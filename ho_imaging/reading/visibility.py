"""Visibility of a film through a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ho_imaging.reading.percentiles import percentiles

__all__ = ["LEAST_GREYS", "LEAST_SAID", "MOST_LOST", "Picture", "share_covered", "share_lost"]

LEAST_SAID = 0.1
"""A window that loses more of a film's detail than this is said to.

On two simulated films, one with a bridge and one with islands, cut from the dark end, no grade changed up to 0.07. At
0.15, with 30 % of the film black, the bridge was graded as no ectopic bone. Cut from the bright end, grades held up to
0.65, but what a reader sees there is white.
"""

MOST_LOST = 0.5
"""A window that loses this much of it is passed over for another one that the header offers."""

LEAST_GREYS = 0.1
"""A film that is shown within less than this part of the range of greys shows a reader nothing."""

_CLIPPED = 1.0 / 255.0
"""Least distance from black or white that is visible on a display of 8 bits."""

_SIDE_PX = 128
_CAP = 0.05
"""A step counts up to this part of the film's range: edges of metal and of shutters are not the film's detail."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A film made small, as stored, integers (rows, columns); ``padding`` likewise, bool, or ``None``."""

    stored: NDArray[np.integer]
    padding: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, stored: NDArray[np.integer], padding: NDArray[np.bool_] | None) -> Picture:
        """Take some pixels of each cell: enough to tell its brightness, and no copy of the film."""
        step = -(-min(stored.shape) // (4 * _SIDE_PX))
        return cls(stored[::step, ::step], None if padding is None else padding[::step, ::step])

    def through(self, shown: NDArray[np.float64], first: int) -> NDArray[np.float32]:
        """Return it through a table of greys, of which the first is that of the value ``first``; NaN for padding."""
        greys = np.clip(shown, 0.0, 1.0).astype(np.float32)[self.stored.astype(np.intp) - first]
        if self.padding is not None:
            greys[self.padding] = np.nan
        return np.asarray(greys, dtype=np.float32)


def share_lost(view: NDArray[np.float32], whole: NDArray[np.float32]) -> float:
    """Return the share of a film's detail that is all black or all white in a view, 0 to 1.

    Detail is the sum of steps between neighbouring cells, of pixels averaged, where all values are shown. So air,
    shutters and padding, which have none, do not count whatever their size, nor does noise. A step is lost where most
    of the pixels of both cells are black, or white. A view that squeezes the film into a small part of the range of
    greys loses in proportion.

    Parameters
    ----------
    view, whole
        The film in the view and with all values shown, (rows, columns) float32 in [0, 1], NaN for padding.

    """
    lost = _lost(whole, (view < _CLIPPED, view > 1.0 - _CLIPPED))
    if lost is None:
        return 0.0
    dark, bright = percentiles(view[np.isfinite(view)], 0.5, 99.5)
    return max(lost, 1.0 - min(1.0, (bright - dark) / LEAST_GREYS))


def share_covered(picture: Picture) -> float:
    """Return the share of a film's detail, as above, that lies within its padding, 0 to 1."""
    if picture.padding is None:
        return 0.0
    return _lost(picture.stored.astype(np.float32), (picture.padding,)) or 0.0


def _lost(whole: NDArray[np.float32], covers: Sequence[NDArray[np.bool_]]) -> float | None:
    """Return the share of detail under one of several covers; ``None`` where a film has none."""
    known = whole[np.isfinite(whole)]
    low, high = percentiles(known, 0.5, 99.5) if known.size else (0.0, 0.0)
    if not high > low:
        return None
    cap = _CAP * (high - low)
    cells = _cells(whole)
    ends = [_cells(cover.astype(np.float32)) > 0.5 for cover in covers]
    total = lost = 0.0
    for axis in (0, 1):
        steps = np.minimum(np.nan_to_num(np.abs(np.diff(cells, axis=axis))), cap)
        total += float(steps.sum())
        for end in ends:
            first, second = (end[:-1], end[1:]) if axis == 0 else (end[:, :-1], end[:, 1:])
            lost += float(steps[first & second].sum())
    return lost / total if total > 0.0 else None


def _cells(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average a picture over cells, of which the shorter side has at most 128."""
    import cv2  # noqa: PLC0415  (only when a film is read)

    rows, columns = image.shape
    scale = min(1.0, _SIDE_PX / min(rows, columns))
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
