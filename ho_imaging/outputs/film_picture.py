"""A film as an 8-bit picture of bounded size, square in mm, and the way from source pixels into it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.results.schema import ImageResult

__all__ = ["FilmView", "film_picture"]

_LONG_SIDE_PX = 1600
_SHORTEST_LONG_SIDE_PX = 900


@dataclass(frozen=True)
class FilmView:
    """Source pixels to picture pixels."""

    row_scale: float
    column_scale: float

    def xy(self, point_xy_px: tuple[float, float]) -> tuple[float, float]:
        """Map a source (x, y), pixel centres at whole numbers, to picture (x, y), edges at whole numbers."""
        return (point_xy_px[0] + 0.5) * self.column_scale, (point_xy_px[1] + 0.5) * self.row_scale


def film_picture(radiograph: Radiograph, image: ImageResult) -> tuple[NDArray[np.uint8], FilmView]:
    """Return a film as uint8 (rows, columns), bone bright, in its maker's window, and the mapping of its pixels."""
    rows, columns = (radiograph.reduction * length for length in radiograph.pixels.shape)
    spacing = image.measured_spacing_mm or image.spacing_mm
    aspect = radiograph.aspect_ratio if spacing is None else spacing[0] / spacing[1]  # height over width of a pixel
    height, width = rows * aspect, float(columns)
    longest = max(height, width)
    scale = min(_LONG_SIDE_PX / longest, max(1.0, _SHORTEST_LONG_SIDE_PX / longest))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    shown = cv2.resize(radiograph.pixels, size, interpolation=method)
    inside = shown if radiograph.padding is None else radiograph.pixels[~radiograph.padding][::7]
    low, high = np.percentile(inside, [0.5, 99.8])
    stretched = np.clip((shown - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    return (stretched * 255.0).astype(np.uint8), FilmView(size[1] / rows, size[0] / columns)
