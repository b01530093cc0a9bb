"""An array of grey values as a radiograph: nothing is known of it but what the caller says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import TooLargeError, UsageError
from ho_imaging.reading.compression import NOT_KNOWN, with_pixels
from ho_imaging.reading.compression_flags import compression_flags
from ho_imaging.reading.decode import MAX_PIXELS
from ho_imaging.reading.radiograph import Radiograph
from ho_imaging.reading.raster import LEAST_SIDE_PX, NO_HEADER, NO_PIXEL_SIZE, radiograph_of_values
from ho_imaging.reading.read import with_callers_words
from ho_imaging.vocabulary import Laterality, Region, Side, View, to_word

__all__ = ["radiograph_from_array"]


def radiograph_from_array(
    pixels: NDArray[np.generic],
    *,
    spacing_mm: tuple[float, float] | None = None,
    region: Region | str | None = None,
    view: View | str | None = None,
    laterality: Laterality | Side | str | None = None,
    bone_is_bright: bool = True,
) -> Radiograph:
    """Make a radiograph of grey values.

    Parameters
    ----------
    pixels
        Shape (rows, columns), whole numbers or finite floating point numbers, row 0 at the top.
    spacing_mm
        Height and width of a pixel in mm; without, there are no millimetres but those that the femoral heads tell.
    region, view, laterality
        What the image shows; words may be written with spaces, a side as R, L, B or ``both``.
    bone_is_bright
        False for values in which bone is dark, as they are in MONOCHROME1.

    Returns
    -------
    Radiograph
        Its UIDs are made from the values: the same array has the same ones.

    Raises
    ------
    TypeError
        If it is no array of numbers.
    UsageError
        If it is not a grey image of rows and columns, or an argument means nothing.
    TooLargeError
        If it has more than 150 million pixels, or would be longer than 1.5 m by ``spacing_mm``.

    """
    words = to_word(Region, region), to_word(View, view), to_word(Laterality, laterality)
    values = _checked(pixels)
    described = f"array {values.shape[0]} {values.shape[1]} {values.dtype.str} {bone_is_bright} ".encode()
    data = described + values.tobytes()
    if not bone_is_bright:
        values = values.max() - values.astype(np.float64)
    compression = with_pixels(NOT_KNOWN, values)
    quality = (NO_HEADER, *compression_flags(compression), *([NO_PIXEL_SIZE] if spacing_mm is None else []))
    radiograph = radiograph_of_values(values, data, path=None, frame=0, quality=quality, compression=compression)
    return with_callers_words(radiograph, *words, spacing_mm)


def _checked(pixels: object) -> NDArray[np.generic]:
    if not isinstance(pixels, np.ndarray):
        raise TypeError(f"pixels must be a numpy array, not {type(pixels).__name__} (numpy.asarray makes one)")
    if isinstance(pixels, np.ma.MaskedArray):
        raise TypeError("pixels must not be a masked array (fill it: pixels.filled(value))")
    if pixels.dtype.kind not in "uif":
        raise TypeError(f"pixels must be numbers, not {pixels.dtype} (use pixels.astype)")
    if pixels.ndim != 2:
        raise UsageError(
            f"pixels must have the shape (rows, columns), not {pixels.shape}",
            remedy="give one grey image: of several frames one, of colours one channel",
        )
    rows, columns = pixels.shape
    if rows * columns > MAX_PIXELS:
        raise TooLargeError(
            f"is {rows} x {columns} pixels, above the limit of {MAX_PIXELS:,}", remedy="make it smaller"
        )
    if min(rows, columns) < LEAST_SIDE_PX:
        raise UsageError(f"is only {rows} x {columns} pixels", remedy="give the full image")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise UsageError("pixels hold NaN or infinity", remedy="replace them")
    if pixels.dtype.itemsize <= 4:
        return pixels.astype(np.float32) if pixels.dtype == np.float16 else pixels
    # What spans more than 32 bits can hold is scaled before it is made float32.
    wide = pixels.astype(np.float64)
    low, high = float(wide.min()), float(wide.max())
    if not np.isfinite(high - low):
        raise UsageError("pixels span more than a floating point number can hold", remedy="scale them")
    return ((wide - low) / ((high - low) or 1.0)).astype(np.float32)
