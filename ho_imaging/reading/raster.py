"""PNG, JPEG and TIFF files as radiographs: pixels without a description, taken with care."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import DecodeError, NotARadiographError, TooLargeError
from ho_imaging.reading.decode import MAX_PIXELS
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.radiograph import QualityFlag, Radiograph, Sourced
from ho_imaging.reading.spacing import NO_SPACING
from ho_imaging.vocabulary import Laterality, Region, View

__all__ = ["radiograph_from_raster", "raster_uid"]

_LEAST_SIDE_PX = 64
_GREY_TOLERANCE = 12


def raster_uid(data: bytes, role: str = "instance") -> str:
    """UID of a file that has none: made from its bytes, the same for the same file (PS3.5 B.2, under 2.25)."""
    return f"2.25.{int.from_bytes(hashlib.sha256(role.encode() + data).digest()[:16], 'big')}"


def radiograph_from_raster(
    data: bytes, kind: FileKind, *, path: str | None, frame: int | None = None, max_pixels: int = MAX_PIXELS
) -> Radiograph:
    """Read a raster file; bright is taken as bright, except where a TIFF says that white is zero.

    Raises
    ------
    DecodeError, TooLargeError, NotARadiographError
        If it cannot be decoded, is too large, or is a colour picture, a stack of pages or tiny.

    """
    flags = [
        QualityFlag("raster_file", "Not DICOM: nothing says how it was made, what it shows, or how large a pixel is.")
    ]
    values = _decode(data, kind, frame, max_pixels, flags)
    if values.ndim == 3:
        values = _grey(values, flags)
    if min(values.shape) < _LEAST_SIDE_PX:
        raise NotARadiographError(f"is only {values.shape[0]} x {values.shape[1]} pixels", remedy="give the full image")
    low, high = float(values.min()), float(values.max())
    scale = high - low if high > low else 1.0
    pixels = ((values.astype(np.float32) - np.float32(low)) / np.float32(scale)).astype(np.float32)
    return Radiograph(
        pixels=pixels,
        padding=None,
        spacing=NO_SPACING,
        region=Sourced(Region.UNKNOWN, "none"),
        view=Sourced(View.UNKNOWN, "none"),
        laterality=Sourced(Laterality.UNKNOWN, "none"),
        study_uid=raster_uid(data, "study"),
        series_uid=raster_uid(data, "series"),
        sop_instance_uid=raster_uid(data),
        frame=frame or 0,
        path=path,
        modality="",
        quality=(*flags, QualityFlag("spacing_missing", "Raster files carry no spacing that can be believed.")),
    )


def _decode(
    data: bytes, kind: FileKind, frame: int | None, max_pixels: int, flags: list[QualityFlag]
) -> NDArray[np.generic]:
    try:
        if kind is FileKind.TIFF:
            return _decode_tiff(data, frame, max_pixels)
        return _decode_other(data, max_pixels, flags)
    except (DecodeError, TooLargeError, NotARadiographError):
        raise
    except Exception as error:
        raise DecodeError(
            f"is a damaged {kind.value.upper()} ({type(error).__name__})", remedy="send it again"
        ) from error


def _decode_tiff(data: bytes, frame: int | None, max_pixels: int) -> NDArray[np.generic]:
    import tifffile  # noqa: PLC0415  (only for TIFF)

    with tifffile.TiffFile(BytesIO(data)) as file:
        pages = file.pages
        if len(pages) > 1 and frame is None:
            raise NotARadiographError(
                f"holds {len(pages)} pages, not one film", remedy="choose one with frame=0 and so on"
            )
        page = pages[frame or 0].aspage()
        _check_size(int(page.shape[0]), int(page.shape[1]), max_pixels)
        values = np.asarray(page.asarray())
        if values.dtype.kind == "f":
            if not np.isfinite(values).all():
                raise DecodeError("holds values that are no numbers", remedy="export it again as 16 bit")
        elif values.dtype.kind not in "iub" or values.dtype.itemsize > 2:
            raise DecodeError(f"holds {values.dtype} samples", remedy="export it as 8 or 16 bit")
        # TIFF 6.0: PhotometricInterpretation 0 is WhiteIsZero.
        if int(page.photometric) == 0:
            values = np.asarray(values.max() - values)
        return values


def _decode_other(data: bytes, max_pixels: int, flags: list[QualityFlag]) -> NDArray[np.generic]:
    from PIL import Image, ImageOps  # noqa: PLC0415  (only for raster files)

    with Image.open(BytesIO(data)) as image:
        _check_size(image.height, image.width, max_pixels)
        turned = ImageOps.exif_transpose(image)
        if turned.size != image.size or (image.getexif().get(0x0112, 1) != 1):
            flags.append(
                QualityFlag(
                    "turned_by_exif", "The file says that its picture is turned or mirrored: it was turned back."
                )
            )
        if turned.mode in {"P", "PA", "RGBA", "LA", "CMYK", "YCbCr", "1"}:
            has_alpha = "A" in turned.mode or "transparency" in turned.info
            turned = turned.convert("RGB" if turned.mode not in {"1", "LA"} else "L")
            if has_alpha:
                flags.append(QualityFlag("alpha_dropped", "Transparency was left out."))
        return np.asarray(turned)


def _check_size(rows: int, columns: int, max_pixels: int) -> None:
    if rows * columns > max_pixels:
        raise TooLargeError(
            f"is {rows} x {columns} pixels, above the limit of {max_pixels:,}", remedy="make it smaller"
        )


def _grey(values: NDArray[np.generic], flags: list[QualityFlag]) -> NDArray[np.generic]:
    channels = values[..., :3].astype(np.float32)
    if channels.shape[-1] != 3:
        return np.asarray(values[..., 0])
    top = {"uint8": 255.0, "uint16": 65535.0}.get(values.dtype.name, float(channels.max() or 1.0))
    spread = channels.max(axis=-1) - channels.min(axis=-1)
    if float(np.percentile(spread[::4, ::4], 98.0)) > _GREY_TOLERANCE * top / 255:
        raise NotARadiographError("is a colour picture, not a radiograph", remedy="give the original grey image")
    flags.append(QualityFlag("colour_converted", "Stored in colour though it is grey: taken as its luminance."))
    return np.asarray(channels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))
