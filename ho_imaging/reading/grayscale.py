"""From stored values to what the maker meant to be seen, in the standard's order (DICOM PS3.4 N.2).

Stored value -> Modality LUT or rescale -> VOI LUT or window -> presentation polarity. A film has at most 65,536
stored values, so the whole chain is worked out once per value, as a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.reading.decode import photometric_of
from ho_imaging.reading.radiograph import QualityFlag

__all__ = ["GrayscaleTable", "grayscale_table", "window_values"]

Values = NDArray[np.float64]

_LEAST_SHOWN = 1e-3
"""A range of grey smaller than this cannot be seen on any display."""


@dataclass(frozen=True, eq=False)
class GrayscaleTable:
    """``table[i]`` is the displayed value, float32 in [0, 1], of stored value ``first + i``."""

    first: int
    table: NDArray[np.float32]
    flags: tuple[QualityFlag, ...]


def grayscale_table(
    dataset: Dataset, first: int, last: int, occurring: tuple[int, int], voi: int | str | None = None
) -> GrayscaleTable:
    """Work out the display of every stored value.

    Parameters
    ----------
    dataset
        Header of a grayscale image.
    first, last
        Smallest and largest stored value the table is for (inclusive).
    occurring
        Smallest and largest stored value in the image, padding left out: the range shown where nothing states a window.
    voi
        Which VOI view to take when a file offers several: an index over VOI LUTs, then windows, or its explanation.

    Raises
    ------
    ReadError
        For a LUT that cannot be used.
    UsageError
        If ``voi`` names no view of this file.

    """
    flags: list[QualityFlag] = []
    stored = np.arange(first, last + 1, dtype=np.float64)
    ends = np.array(occurring, dtype=np.float64)
    values, ends = _modality(dataset, stored, flags), _modality(dataset, ends, flags=[])
    raw = str(dataset.get("PresentationIntentType", "")).upper() == "FOR PROCESSING"
    linear = str(dataset.get("PixelIntensityRelationship", "")).upper() == "LIN"
    sign = _number(dataset.get("PixelIntensityRelationshipSign"))
    if raw and sign in {1, -1}:
        if voi is not None:
            raise UsageError("is a raw image (FOR PROCESSING) and offers no VOI view", remedy="leave voi out")
        # The sign is that of the stored values (PS3.3 C.8.11.3.1.2), which a negative slope turns round.
        falls = float(values[-1]) < float(values[0])
        shown = _raw(values, ends, linear=linear, sign=-int(sign) if falls else int(sign))
        flags.append(
            QualityFlag(
                "for_processing",
                "Raw detector image: shown by its intensity relationship, not by the maker's processing.",
            )
        )
        return GrayscaleTable(first, shown.astype(np.float32), tuple(flags))
    if raw:
        flags.append(
            QualityFlag("for_processing", "Raw detector image of unstated intensity relationship: shown as stored.")
        )
    shown = _voi(dataset, values, ends, voi, flags)
    if _hides_all(shown, values, ends):
        flags.append(
            QualityFlag("window_misses", "The stated window or LUT shows every pixel alike: all values are shown.")
        )
        shown = _everything(values, ends)
    if _is_inverse(dataset, flags):
        shown = 1.0 - shown
    return GrayscaleTable(first, np.clip(shown, 0.0, 1.0).astype(np.float32), tuple(flags))


def window_values(values: Values, center: float, width: float, function: str = "LINEAR") -> Values:
    """Apply a window, output 0 to 1 (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Raises
    ------
    ValueError
        For a width the function does not allow: LINEAR needs at least 1, the others more than 0.

    """
    if not (np.isfinite(center) and np.isfinite(width)) or width <= 0 or (function == "LINEAR" and width < 1):
        raise ValueError(f"window width {width} is not allowed for {function}")
    if function == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700.0, 700.0))))
    if function == "LINEAR_EXACT":
        return np.asarray(np.clip((values - center) / width + 0.5, 0.0, 1.0))
    if function != "LINEAR":
        raise ValueError(f"{function!r} is no VOI LUT function")
    if width == 1:
        return np.where(values > center - 0.5, 1.0, 0.0)
    return np.asarray(np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0))


def _modality(dataset: Dataset, stored: Values, flags: list[QualityFlag]) -> Values:
    luts = dataset.get("ModalityLUTSequence")
    if luts:
        entries, start, _ = _lut(luts[0], dataset, signed_input=int(dataset.get("PixelRepresentation", 0) or 0) == 1)
        return np.asarray(entries[np.clip(stored - start, 0, len(entries) - 1).astype(np.int64)], dtype=np.float64)
    slope, intercept = _number(dataset.get("RescaleSlope")), _number(dataset.get("RescaleIntercept"))
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    if slope == 0.0 or not np.isfinite([slope, intercept]).all():
        flags.append(
            QualityFlag(
                "rescale_invalid", "Rescale Slope is zero, or it or the intercept is no number: rescale was left out."
            )
        )
        return stored
    return stored * slope + intercept


def _may_be_negative(dataset: Dataset) -> bool:
    """Whether the Modality LUT can give negative values, whatever values occur: then a VOI LUT's input is signed."""
    bits = int(dataset.get("BitsStored", 16) or 16)
    lowest = -(1 << (bits - 1)) if int(dataset.get("PixelRepresentation", 0) or 0) == 1 else 0
    ends = np.array([lowest, lowest + (1 << bits) - 1], dtype=np.float64)
    return float(_modality(dataset, ends, flags=[]).min()) < 0.0


def _number(value: object) -> float | None:
    try:
        return None if value is None or value == "" else float(value)  # type: ignore[arg-type]  # the except is the check
    except (TypeError, ValueError):
        return None


def _lut(item: Dataset, dataset: Dataset, *, signed_input: bool) -> tuple[Values, int, int]:
    """Entries, first value mapped, and bits of an entry of a LUT (PS3.3 C.11.1.1 and C.11.2.1.1).

    The first value mapped is signed where the LUT's input is, whatever representation it was written in.
    """
    descriptor = item.get("LUTDescriptor")
    data = item.get("LUTData")
    if not isinstance(descriptor, list | MultiValue) or len(descriptor) != 3 or data is None:
        raise ReadError("a lookup table has no valid descriptor", remedy="have the file repaired by its sender")
    count, start, bits = (int(v) for v in descriptor)
    count = count & 0xFFFF or 65536
    start = start - 65536 if signed_input and start > 32767 else start
    if isinstance(data, bytes):
        words = ">u2" if getattr(dataset, "original_encoding", (None, True))[1] is False else "<u2"
        entries = np.frombuffer(data + b"\0" * (len(data) % 2), dtype=words)
    else:
        entries = np.atleast_1d(np.asarray(data))
        if entries.dtype.kind == "i":
            entries = entries & 0xFFFF
    if len(entries) < count <= 2 * len(entries):  # two 8-bit entries in each word, the first in its low byte
        entries = entries.astype("<u2").view(np.uint8)
    if len(entries) < count:
        raise ReadError(
            f"a lookup table states {count} entries and has {len(entries)}",
            remedy="have the file repaired by its sender",
        )
    return entries[:count].astype(np.float64), start, bits if 0 < bits <= 16 else 16


def _voi(dataset: Dataset, values: Values, ends: Values, voi: int | str | None, flags: list[QualityFlag]) -> Values:
    luts = list(dataset.get("VOILUTSequence") or [])
    windows = _windows(dataset)
    names = [str(lut.get("LUTExplanation", "") or "") for lut in luts] + [name for _, _, name in windows]
    if not names:
        if voi is not None:
            raise UsageError("offers no VOI view", remedy="leave voi out")
        return _everything(values, ends)
    chosen = _choose(names, voi)
    if len(names) > 1:
        offered = ", ".join(f"{i}: {name or 'unnamed'}" for i, name in enumerate(names))
        flags.append(QualityFlag("several_voi_views", f"View {chosen} of {len(names)} was used ({offered})."))
    if chosen < len(luts):
        entries, start, bits = _lut(luts[chosen], dataset, signed_input=_may_be_negative(dataset))
        top = float(max(2**bits - 1, entries.max()))
        return np.asarray(entries[np.clip(np.rint(values) - start, 0, len(entries) - 1).astype(np.int64)] / top)
    center, width, _ = windows[chosen - len(luts)]
    function = str(dataset.get("VOILUTFunction", "") or "LINEAR").upper()
    try:
        return window_values(values, center, width, function)
    except ValueError:
        flags.append(
            QualityFlag("window_invalid", "The stated window is not allowed by the standard: all values are shown.")
        )
        return _everything(values, ends)


def _everything(values: Values, ends: Values) -> Values:
    """Show the range that occurs."""
    low, high = float(ends.min()), float(ends.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _hides_all(shown: Values, values: Values, ends: Values) -> bool:
    """Whether all values that occur are shown as one, though they differ."""
    low, high = float(ends.min()), float(ends.max())
    inside = np.clip(shown[(values >= low) & (values <= high)], 0.0, 1.0)
    return high > low and inside.size > 0 and float(np.ptp(inside)) < _LEAST_SHOWN


def _windows(dataset: Dataset) -> list[tuple[float, float, str]]:
    def listed(keyword: str) -> list[object]:
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        return list(value) if isinstance(value, list | MultiValue) else [value]

    centers = [_number(v) for v in listed("WindowCenter")]
    widths = [_number(v) for v in listed("WindowWidth")]
    names = [str(v) for v in listed("WindowCenterWidthExplanation")]
    pairs = []
    for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if center is not None and width is not None:
            pairs.append((center, width, names[number] if number < len(names) else ""))
    return pairs


def _choose(names: list[str], voi: int | str | None) -> int:
    if voi is None:
        return 0
    if isinstance(voi, int) and 0 <= voi < len(names):
        return voi
    if isinstance(voi, str):
        for number, name in enumerate(names):
            if name.strip().lower() == voi.strip().lower():
                return number
    offered = ", ".join(f"{i}: {name or 'unnamed'}" for i, name in enumerate(names))
    raise UsageError(f"has no VOI view {voi!r}", remedy=f"choose one of {offered}")


def _is_inverse(dataset: Dataset, flags: list[QualityFlag]) -> bool:
    """Whether the VOI output is inverted: low values white.

    MONOCHROME1 and Presentation LUT Shape INVERSE are one statement (PS3.3 C.8.11.3.1), so together they invert once.
    Where they differ the shape counts: it is the later step of the pipeline and says directly how P-values come about
    (PS3.3 C.11.6).
    """
    photometric = photometric_of(dataset)
    shape = str(dataset.get("PresentationLUTShape", "") or "").strip().upper()
    by_photometric = photometric == "MONOCHROME1"
    if shape not in {"INVERSE", "IDENTITY"}:
        return by_photometric
    by_shape = shape == "INVERSE"
    if photometric and by_shape != by_photometric:
        flags.append(
            QualityFlag(
                "polarity_statements_disagree",
                f"Photometric Interpretation {photometric} and Presentation LUT Shape {shape} differ: shape counts.",
            )
        )
    return by_shape


def _raw(values: Values, ends: Values, *, linear: bool, sign: int) -> Values:
    """Show a raw image with bone bright: log of linear intensity, less X-ray bright (PS3.3 C.8.11.3.1.2)."""
    low, high = float(ends.min()), float(ends.max())
    if not high > low:
        return np.zeros_like(values)
    if linear and sign == 1:
        floor = max(high * 1e-4, 1e-6)
        log = -np.log(np.maximum(values, floor))
        least, most = -np.log(max(high, floor)), -np.log(max(low, floor))
        return np.asarray(np.clip((log - least) / max(most - least, 1e-9), 0.0, 1.0))
    scaled = np.clip((values - low) / (high - low), 0.0, 1.0)
    return scaled if sign == -1 else 1.0 - scaled
