"""PNG, JPEG and TIFF files as radiographs: pixels without a description, taken with care."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import DecodeError, HOImagingError, NotARadiographError, TooLargeError, UsageError
from ho_imaging.messages import Message
from ho_imaging.reading.colour import grey_of
from ho_imaging.reading.compression import NOT_KNOWN, Compression, compression_of_codestream, with_pixels
from ho_imaging.reading.compression_flags import compression_flags
from ho_imaging.reading.decode import MAX_PIXELS
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.radiograph import QualityFlag, Radiograph, Sourced
from ho_imaging.reading.spacing import NO_SPACING
from ho_imaging.reading.uid import made_uid
from ho_imaging.vocabulary import Laterality, Region, View

__all__ = [
    "LEAST_SIDE_PX",
    "NO_HEADER",
    "NO_PIXEL_SIZE",
    "radiograph_from_raster",
    "radiograph_of_values",
    "raster_uid",
]

LEAST_SIDE_PX = 64
NO_HEADER = QualityFlag("raster_file")
NO_PIXEL_SIZE = QualityFlag("spacing_missing", Message("raster_without_spacing"))
_ORIENTATION = 0x0112
_TURNED = QualityFlag("turned_by_exif")


def raster_uid(data: bytes, role: str = "instance") -> str:
    """UID of a file that has none: made from its bytes, the same for the same file (PS3.5 B.2, under 2.25)."""
    return made_uid(role.encode() + data)


def radiograph_from_raster(
    data: bytes, kind: FileKind, *, path: str | None, frame: int | None = None, max_pixels: int = MAX_PIXELS
) -> Radiograph:
    """Read a raster file; bright is taken as bright, except where a TIFF says that white is zero.

    Raises
    ------
    DecodeError, TooLargeError, NotARadiographError
        If it cannot be decoded, is too large, or is a colour picture, a stack of pages or tiny.

    """
    flags = [NO_HEADER]
    values = _decode(data, kind, frame, max_pixels, flags)
    if values.ndim not in {2, 3} or values.size == 0:
        raise DecodeError(Message("raster_without_rows", format=kind.value.upper()))
    if values.ndim == 3:
        values = _grey(values, flags)
    if min(values.shape) < LEAST_SIDE_PX:
        raise NotARadiographError(Message("image_too_small", rows=values.shape[0], columns=values.shape[1]))
    compression = with_pixels(_compression(data, kind, frame or 0), values)
    quality = (*flags, *compression_flags(compression), NO_PIXEL_SIZE)
    return radiograph_of_values(values, data, path=path, frame=frame or 0, quality=quality, compression=compression)


def radiograph_of_values(
    values: NDArray[np.generic],
    data: bytes,
    *,
    path: str | None,
    frame: int,
    quality: tuple[QualityFlag, ...],
    compression: Compression,
) -> Radiograph:
    """Return a radiograph of grey values (rows, columns), bright as bright, of which nothing else is known.

    ``data``: what its UIDs are made from.
    """
    low, high = float(values.min()), float(values.max())
    scale = high - low if high > low else 1.0
    return Radiograph(
        pixels=((values.astype(np.float32) - np.float32(low)) / np.float32(scale)).astype(np.float32),
        padding=None,
        spacing=NO_SPACING,
        region=Sourced(Region.UNKNOWN, "none"),
        view=Sourced(View.UNKNOWN, "none"),
        laterality=Sourced(Laterality.UNKNOWN, "none"),
        study_uid=raster_uid(data, "study"),
        series_uid=raster_uid(data, "series"),
        sop_instance_uid=raster_uid(data),
        frame=frame,
        path=path,
        modality="",
        quality=quality,
        compression=compression,
    )


def _compression(data: bytes, kind: FileKind, page: int) -> Compression:
    """Read a JPEG's own tables, or those of a TIFF page that holds one."""
    if kind is FileKind.JPEG:
        return compression_of_codestream(data)
    if kind is FileKind.TIFF:
        import tifffile  # noqa: PLC0415  (only for TIFF)

        with tifffile.TiffFile(BytesIO(data)) as file:
            chosen = cast("tifffile.TiffPage", file.pages[page])
            if chosen.compression == tifffile.COMPRESSION.JPEG:
                tables = chosen.jpegtables
                first = data[chosen.dataoffsets[0] : chosen.dataoffsets[0] + chosen.databytecounts[0]]
                # The tables may stand beside the pixels: a JPEG of tables only, SOI to EOI (TIFF Technical Note 2).
                return compression_of_codestream(first if not tables else tables[:-2] + first[2:])
    return NOT_KNOWN


def _decode(
    data: bytes, kind: FileKind, frame: int | None, max_pixels: int, flags: list[QualityFlag]
) -> NDArray[np.generic]:
    try:
        if kind is FileKind.TIFF:
            return _decode_tiff(data, frame, max_pixels, flags)
        if frame not in {None, 0}:
            raise UsageError(f"has no frame {frame}, only 1", remedy="count frames from 0")
        return _decode_with_pillow(data, 0, max_pixels, flags)
    except HOImagingError:
        raise
    except Exception as error:  # image libraries raise many kinds on damaged files
        raise DecodeError(Message("raster_damaged", format=kind.value.upper(), kind=type(error).__name__)) from error


def _decode_tiff(data: bytes, frame: int | None, max_pixels: int, flags: list[QualityFlag]) -> NDArray[np.generic]:
    import tifffile  # noqa: PLC0415  (only for TIFF)

    with tifffile.TiffFile(BytesIO(data)) as file:
        # Reduced copies (TIFF 6.0, NewSubfileType bit 0) are thumbnails of the film, not further films.
        numbers = [n for n, page in enumerate(file.pages) if not getattr(page, "is_reduced", False)]
        if len(numbers) > 1 and frame is None:
            raise NotARadiographError(Message("several_pages", pages=len(numbers)))
        if not numbers:
            raise DecodeError(Message("tiff_without_pages"))
        if not 0 <= (frame or 0) < len(numbers):
            raise UsageError(f"has no page {frame}, only {len(numbers)}", remedy="count pages from 0")
        number = numbers[frame or 0]
        page = cast("tifffile.TiffPage", file.pages[number])
        _check_size(int(page.imagelength), int(page.imagewidth), max_pixels)
        if page.samplesperpixel > 4 or page.imagedepth > 1:
            raise NotARadiographError(Message("tiff_page_of_several"))
        kind = "" if page.dtype is None else page.dtype.kind
        if page.dtype is None or kind not in "uibf" or page.dtype.itemsize > (4 if kind == "f" else 2):
            raise DecodeError(Message("samples_unsupported", samples=str(page.dtype)))
        try:
            values = np.asarray(page.asarray())
        except ValueError:
            # LZW, JPEG and fax compression are Pillow's: tifffile alone does without them.
            values = _decode_with_pillow(data, number, max_pixels, flags)
            white_is_zero = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and values.dtype.itemsize == 2
            return values.max() - values if white_is_zero else values  # Pillow turns 8 bits itself, not 16
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise DecodeError(Message("samples_not_numbers"))
        if values.dtype.kind == "b":
            values = values.astype(np.uint8)
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            values = np.moveaxis(np.asarray(page.colormap), 0, -1)[values]
        elif page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and values.ndim == 3:
            values = np.moveaxis(values, 0, -1)
        elif page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            wide = values.astype(np.int32) if values.dtype.kind == "i" else values  # their range needs a bit more
            values = np.asarray(wide.max() - wide)
        tag = page.tags.get("Orientation")
        return _turned(values, 1 if tag is None else int(tag.value), flags)


def _turned(values: NDArray[np.generic], orientation: int, flags: list[QualityFlag]) -> NDArray[np.generic]:
    """Bring row 0 to the top and column 0 to the left by a TIFF or EXIF Orientation, 1 to 8 (TIFF 6.0, tag 274)."""
    if orientation not in range(2, 9):
        return values
    flags.append(_TURNED)
    if orientation in {5, 6, 7, 8}:
        values = values.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        values = values[::-1]
    if orientation in {2, 3, 6, 7}:
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


def _decode_with_pillow(data: bytes, page: int, max_pixels: int, flags: list[QualityFlag]) -> NDArray[np.generic]:
    from PIL import Image  # noqa: PLC0415  (only for raster files)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked here
            image = Image.open(BytesIO(data))
    except Image.DecompressionBombError as error:
        raise TooLargeError(Message("raster_bomb", most_pixels=max_pixels)) from error
    with image:
        if page:
            image.seek(page)
        _check_size(image.height, image.width, max_pixels)
        stated = int(image.getexif().get(_ORIENTATION, 1))
        image.load()
        # Pillow turns a TIFF as it loads it, and then says so.
        orientation = int(image.getexif().get(_ORIENTATION, 1))
        if stated in range(2, 9) and orientation not in range(2, 9):
            flags.append(_TURNED)
        has_alpha = "A" in image.mode or "transparency" in image.info
        if has_alpha:
            flags.append(QualityFlag("alpha_dropped"))
        grey_modes = {"1": "L", "LA": "L", "La": "L"}
        if image.mode in grey_modes:
            values = np.asarray(image.convert(grey_modes[image.mode]))
        elif image.mode == "L" or image.mode.startswith(("I;16", "F")):
            values = np.asarray(image)
        elif image.mode == "I":
            values = np.asarray(image)
            if values.size and not (values.min() >= 0 and values.max() <= 65535):
                raise DecodeError(Message("samples_too_deep"))
            values = values.astype(np.uint16)
        else:
            values = np.asarray(image.convert("RGB"))
    return _turned(values, orientation, flags)


def _check_size(rows: int, columns: int, max_pixels: int) -> None:
    if rows * columns > max_pixels:
        raise TooLargeError(Message("raster_too_large", rows=rows, columns=columns, most_pixels=max_pixels))


def _grey(values: NDArray[np.generic], flags: list[QualityFlag]) -> NDArray[np.generic]:
    if values.shape[-1] < 3:
        return np.asarray(values[..., 0])
    channels = values[..., :3]
    top = {"uint8": 255.0, "uint16": 65535.0}.get(values.dtype.name, float(channels.max() or 1.0))
    return grey_of(channels, top, flags)
