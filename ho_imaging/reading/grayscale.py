"""From stored values to what the maker meant to be seen, in the standard's order (DICOM PS3.4 N.2).

Stored value -> Modality LUT or rescale -> VOI LUT or window -> presentation polarity. A film has at most 65,536
stored values, so the whole chain is worked out once per value, as a table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.errors import UsageError
from ho_imaging.messages import Message
from ho_imaging.reading.decode import photometric_of
from ho_imaging.reading.luts import LookupTable, LookupTableError, read_lookup_table
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.reading.rescaling import rescale
from ho_imaging.reading.values import one_number, stated_number, stated_whole, stated_word, values_of
from ho_imaging.reading.visibility import LEAST_SAID, MOST_LOST, Picture, share_lost

__all__ = [
    "WINDOW_CLIPS",
    "GrayscaleTable",
    "VoiView",
    "grayscale_table",
    "is_inverse",
    "modality_ends",
    "modality_lut",
    "view_falls",
    "voi_views",
    "window_values",
]

Values = NDArray[np.float64]

_LEAST_SHOWN = 1e-3
"""A range of grey smaller than this cannot be seen on any display."""

WINDOW_CLIPS = "window_clips"
"""Code of the flag that says that the view in use leaves part of the film black or white."""


_NEARLY_ALL = 0.99
"""A view that tells any two values apart is followed, if no other is better."""


@dataclass(frozen=True, eq=False)
class GrayscaleTable:
    """``table[i]`` is the displayed value, float32 in [0, 1], of stored value ``first + i``.

    ``view``: number of the VOI view that was used, ``None`` where all values are shown.
    """

    first: int
    table: NDArray[np.float32]
    flags: tuple[QualityFlag, ...]
    view: int | None = None


@dataclass(frozen=True, eq=False)
class VoiView:
    """One VOI view that a header offers: a lookup table, or center and width of a window; neither if it is unusable."""

    name: str
    table: LookupTable | None = None
    window: tuple[float, float] | None = None
    function: str = "LINEAR"

    @property
    def kind(self) -> str:
        """Return what it is, as a word of the vocabulary."""
        return "window" if self.table is None else "VOI_lookup_table"

    def shown(self, values: Values) -> Values | None:
        """Return values as they are shown, 0 to 1; ``None`` if the view is unusable."""
        if self.table is not None:
            return self.table.shown(values)
        return None if self.window is None else window_values(values, *self.window, self.function)


def grayscale_table(
    dataset: Dataset,
    first: int,
    last: int,
    occurring: tuple[int, int],
    voi: int | str | None = None,
    *,
    picture: Picture | None = None,
    whole_range: bool = False,
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
        By default the first that shows most of the film's detail.
    picture
        The image made small, as stored: a view is judged by what it leaves of it. Without one, every view that shows
        more than one grey is taken.
    whole_range
        Show all values, whatever the header says of windows.

    Raises
    ------
    UsageError
        If ``voi`` names no view of this file, or is given together with ``whole_range``.

    """
    flags: list[QualityFlag] = []
    if whole_range and voi is not None:
        raise UsageError("is shown by a VOI view or over its whole range, not both", remedy="leave one of them out")
    stored = np.arange(first, last + 1, dtype=np.float64)
    values = _modality(dataset, stored, occurring, flags)
    reached = values[max(occurring[0] - first, 0) : occurring[1] - first + 1]  # a table need not rise all the way
    ends = np.array([reached.min(), reached.max()])
    raw = stated_word(dataset, "PresentationIntentType") == "FOR PROCESSING"
    linear = stated_word(dataset, "PixelIntensityRelationship") == "LIN"
    sign = stated_number(dataset, "PixelIntensityRelationshipSign")
    if raw and sign in {1, -1}:
        if voi is not None:
            raise UsageError("is a raw image (FOR PROCESSING) and offers no VOI view", remedy="leave voi out")
        # The sign is that of the stored values (PS3.3 C.8.11.3.1.2), which a negative slope turns round.
        falls = float(values[-1]) < float(values[0])
        shown = _raw(values, ends, linear=linear, sign=-int(sign) if falls else int(sign))
        flags.append(QualityFlag("for_processing", Message("raw_by_relationship")))
        return GrayscaleTable(first, shown.astype(np.float32), tuple(flags))
    if raw:
        flags.append(QualityFlag("for_processing", Message("raw_as_stored")))
    view: int | None = None
    shown = _everything(values, ends)
    if view_falls(dataset, occurring):
        # A table that makes low values white says so of all values, whatever it hides.
        shown = 1.0 - shown
    if not whole_range:
        view, chosen = _voi(dataset, occurring, values, voi, _Judge(picture, first, shown, ends), flags)
        shown = shown if chosen is None else chosen
    if is_inverse(dataset, flags):
        shown = 1.0 - shown
    return GrayscaleTable(first, np.clip(shown, 0.0, 1.0).astype(np.float32), tuple(flags), view)


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
        raise ValueError(f"{function!r} is not a VOI LUT function")
    if width == 1:
        return np.where(values > center - 0.5, 1.0, 0.0)
    return np.asarray(np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0))


def _modality(dataset: Dataset, stored: Values, occurring: tuple[int, int], flags: list[QualityFlag]) -> Values:
    luts = values_of(dataset, "ModalityLUTSequence")
    if luts:
        try:
            return _table(luts[0], dataset, "ModalityLUTSequence", occurring, flags, signed=_is_signed(dataset)).apply(
                stored
            )
        except LookupTableError as error:
            flags.append(
                QualityFlag(
                    "modality_lut_invalid",
                    Message(
                        "attribute_not_understood",
                        keyword="ModalityLUTSequence",
                        wrong=error.wrong,
                        taken=Message("taken.stored_values"),
                    ),
                )
            )
            return stored
    # What of rescale cannot be used is flagged with all attributes that are not understood.
    slope, intercept = rescale(dataset) or (1.0, 0.0)
    return stored * slope + intercept


def _table(
    item: object,
    dataset: Dataset,
    keyword: str,
    occurring: tuple[float, float],
    flags: list[QualityFlag],
    *,
    signed: bool,
) -> LookupTable:
    if not isinstance(item, Dataset):
        raise LookupTableError(Message("wrong.no_sequence"))
    little_endian = getattr(dataset, "original_encoding", (None, True))[1] is not False
    table = read_lookup_table(item, little_endian=little_endian, signed_input=signed, occurring=occurring)
    code = "voi_lut_invalid" if keyword == "VOILUTSequence" else "modality_lut_invalid"
    flags += [QualityFlag(code, Message("attribute_repaired", keyword=keyword, wrong=doubt)) for doubt in table.doubts]
    return table


def _is_signed(dataset: Dataset) -> bool:
    return stated_number(dataset, "PixelRepresentation") == 1


def _possible(dataset: Dataset) -> tuple[int, int]:
    """Return the smallest and largest value that the stored bits can hold."""
    bits = stated_whole(dataset, "BitsStored", 16)
    bits = bits if 0 < bits <= 16 else 16
    lowest = -(1 << (bits - 1)) if _is_signed(dataset) else 0
    return lowest, lowest + (1 << bits) - 1


def _may_be_negative(dataset: Dataset) -> bool:
    """Return True if the Modality LUT can give negative values, occurring or not: a VOI LUT's input is signed then."""
    possible = _possible(dataset)
    return float(_modality(dataset, np.array(possible, dtype=np.float64), possible, flags=[]).min()) < 0.0


@dataclass(frozen=True, eq=False)
class _Judge:
    """Judges what a view leaves of a film; ``whole`` shows all values, ``ends`` are the smallest and largest there."""

    picture: Picture | None
    first: int
    whole: Values
    ends: Values

    def lost(self, shown: Values, values: Values) -> float:
        """Return the share of the film's detail that cannot be seen in a view, 1.0 if it hides the film."""
        low, high = float(self.ends.min()), float(self.ends.max())
        inside = np.clip(shown[(values >= low) & (values <= high)], 0.0, 1.0)
        if high > low and inside.size and float(np.ptp(inside)) < _LEAST_SHOWN:
            return 1.0
        if self.picture is None:
            return 0.0
        lost = share_lost(self.picture.through(shown, self.first), self.picture.through(self.whole, self.first))
        return min(lost, _NEARLY_ALL)


def _voi(
    dataset: Dataset,
    occurring: tuple[int, int],
    values: Values,
    voi: int | str | None,
    judge: _Judge,
    flags: list[QualityFlag],
) -> tuple[int | None, Values | None]:
    """Return number and greys of the view that is used; ``None`` for both where all values are to be shown.

    Where the caller names none it is the first of which most of the film's detail can be seen, or else the best.
    """
    views, wrong = voi_views(dataset, occurring)
    flags += wrong
    names = [view.name for view in views]
    if not names:
        if voi is not None:
            raise UsageError("offers no VOI view", remedy="leave voi out")
        return None, None
    wanted = _choose(names, voi)
    shown = [view.shown(values) for view in views]
    lost = [1.0 if greys is None else judge.lost(greys, values) for greys in shown]
    used = wanted
    if voi is None and lost[wanted] >= MOST_LOST:
        used = next((n for n, share in enumerate(lost) if share < MOST_LOST), int(np.argmin(lost)))
    flags += [
        _said(views[number].kind, lost[number], used=number == used)
        for number in sorted({wanted, used})
        if shown[number] is not None and lost[number] > LEAST_SAID
    ]
    if lost[used] >= 1.0:
        return None, None
    if len(names) > 1:
        offered = [f"{number}: {name}" if name else str(number) for number, name in enumerate(names)]
        message = Message("several_voi_views", used=used, count=len(names), offered=offered)
        flags.append(QualityFlag("several_voi_views", message))
    return used, shown[used]


def _said(view: str, lost: float, *, used: bool) -> QualityFlag:
    if lost >= 1.0:
        return QualityFlag("window_misses", Message("view_shows_nothing", view=view))
    if not used:
        return QualityFlag("window_misses", Message("view_hides_much", view=view, share=lost))
    return QualityFlag(WINDOW_CLIPS, Message("window_clips", view=view, share=lost))


def view_falls(dataset: Dataset, occurring: tuple[int, int] | None = None) -> bool:
    """Return True if the first VOI view of a header is a lookup table that makes low values white."""
    first, last = occurring or _possible(dataset)
    views, _ = voi_views(dataset, (first, last))
    if not views or views[0].table is None:
        return False
    ends = views[0].table.shown(_modality(dataset, np.array([first, last], dtype=np.float64), (first, last), flags=[]))
    rises = float(np.diff(_modality(dataset, np.array([first, last], dtype=np.float64), (first, last), flags=[]))[0])
    return float(ends[1] - ends[0]) * rises < 0.0


def voi_views(
    dataset: Dataset, occurring: tuple[int, int] | None = None
) -> tuple[tuple[VoiView, ...], tuple[QualityFlag, ...]]:
    """Return the VOI views of a header, lookup tables first, and what is wrong with them.

    Parameters
    ----------
    dataset
        Header of a grayscale image.
    occurring
        Smallest and largest stored value in the image; by default what its bits can hold.

    """
    flags: list[QualityFlag] = []
    views: list[VoiView] = []
    first, last = occurring or _possible(dataset)
    ends = _modality(dataset, np.array([first, last], dtype=np.float64), (first, last), flags=[])
    reached = float(ends.min()), float(ends.max())
    for item in values_of(dataset, "VOILUTSequence"):
        name = str(item.get("LUTExplanation", "") or "") if isinstance(item, Dataset) else ""
        try:
            signed = _may_be_negative(dataset)
            views.append(VoiView(name, table=_table(item, dataset, "VOILUTSequence", reached, flags, signed=signed)))
        except LookupTableError as error:
            message = Message(
                "attribute_not_understood",
                keyword="VOILUTSequence",
                wrong=error.wrong,
                taken=Message("taken.not_used"),
            )
            flags.append(QualityFlag("voi_lut_invalid", message))
            views.append(VoiView(name))
    function = stated_word(dataset, "VOILUTFunction") or "LINEAR"
    for center, width, name in _windows(dataset):
        view = VoiView(name)
        try:
            if center is not None and width is not None:
                window_values(ends, center, width, function)
                view = VoiView(name, window=(center, width), function=function)
        except ValueError:
            flags.append(QualityFlag("window_invalid", Message("window_not_allowed")))
        views.append(view)
    return tuple(views), tuple(flags)


def modality_lut(dataset: Dataset) -> LookupTable | None:
    """Return the Modality LUT of a header, ``None`` where there is none that can be used."""
    items = values_of(dataset, "ModalityLUTSequence")
    try:
        signed = _is_signed(dataset)
        return (
            _table(items[0], dataset, "ModalityLUTSequence", _possible(dataset), [], signed=signed) if items else None
        )
    except LookupTableError:
        return None


def modality_ends(dataset: Dataset) -> tuple[float, float]:
    """Return what Modality LUT or rescale make of the smallest and the largest value of the stored bits."""
    possible = _possible(dataset)
    first, last = _modality(dataset, np.array(possible, dtype=np.float64), possible, flags=[])
    return float(first), float(last)


def _everything(values: Values, ends: Values) -> Values:
    """Show the range that occurs."""
    low, high = float(ends.min()), float(ends.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _windows(dataset: Dataset) -> list[tuple[float | None, float | None, str]]:
    """Return center, width and explanation of each window; ``None`` for a number that cannot be read."""
    centers, widths = (
        [one_number([value]).value for value in values_of(dataset, keyword)]
        for keyword in ("WindowCenter", "WindowWidth")
    )
    names = [str(value) for value in values_of(dataset, "WindowCenterWidthExplanation")]
    pairs = zip(centers, widths, strict=False)
    return [(center, width, names[n] if n < len(names) else "") for n, (center, width) in enumerate(pairs)]


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


def is_inverse(dataset: Dataset, flags: list[QualityFlag]) -> bool:
    """Return True if the VOI output is inverted: low values white.

    MONOCHROME1 and Presentation LUT Shape INVERSE are one statement (PS3.3 C.8.11.3.1), so together they invert once.
    Where they differ the shape counts: it is the later step of the pipeline and says directly how P-values come about
    (PS3.3 C.11.6).
    """
    photometric = photometric_of(dataset)
    shape = stated_word(dataset, "PresentationLUTShape")
    by_photometric = photometric == "MONOCHROME1"
    if shape not in {"INVERSE", "IDENTITY"}:
        return by_photometric
    by_shape = shape == "INVERSE"
    if photometric and by_shape != by_photometric:
        flags.append(
            QualityFlag(
                "polarity_statements_disagree",
                Message("polarity_statements_disagree", photometric=photometric, shape=shape),
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
