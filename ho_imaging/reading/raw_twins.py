"""Raw images (FOR PROCESSING) of which the study holds the processed film too: the film counts, however they come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

__all__ = ["Exposure", "exposure_of", "raw_twins"]

_EVENT = "event "

_Stated = tuple[bool, str, str, str]
"""True if the exposure's event is stated; body part, view and side, empty where they are not stated."""


@dataclass(frozen=True)
class Exposure:
    """Statements of an image's header on the exposure that it is of.

    Parameters
    ----------
    sop_uid
        SOP Instance UID of the image.
    raw
        True for an image FOR PROCESSING.
    event
        What images of one exposure share: the event's UID, else time and projection; empty without both.
    shows
        Body part, view and side, each empty where it is not stated.
    sources
        SOP Instance UIDs of the images that it was made from.

    """

    sop_uid: str
    raw: bool = False
    event: str = ""
    shows: tuple[str, str, str] = ("", "", "")
    sources: frozenset[str] = frozenset()


def exposure_of(dataset: Dataset, sop_uid: str) -> Exposure:
    """Read what a header states of its exposure; what cannot be read is not stated.

    Parameters
    ----------
    dataset
        The header.
    sop_uid
        Its SOP Instance UID, as it is used here.

    """
    part, view, side = (_first(dataset, keyword) for keyword in ("BodyPartExamined", "ViewPosition", "ImageLaterality"))
    event, taken = _first(dataset, "IrradiationEventUID"), _first(dataset, "AcquisitionTime")
    return Exposure(
        sop_uid,
        raw=_first(dataset, "PresentationIntentType").upper() == "FOR PROCESSING",
        event=_EVENT + event if event else "|".join((taken, part, view, side)) if taken else "",
        shows=(part, view, side),
        sources=_sources(dataset),
    )


def raw_twins(study: Sequence[Exposure]) -> set[str]:
    """Return the SOP Instance UIDs of raw images of a study whose processed film it holds.

    A processed film names its raw image, or shares the exposure with it. Of the rest numbers decide: as many processed
    films as raw ones are taken for the same exposures, among those that state no other event, body part, view or side.

    Parameters
    ----------
    study
        The images of one study.

    """
    raws, films = [one for one in study if one.raw], [one for one in study if not one.raw]
    named = {source for film in films for source in film.sources}
    events = {film.event for film in films} - {""}
    twins = [raw for raw in raws if raw.sop_uid in named or raw.event in events]
    found = {raw.sop_uid for raw in twins}
    found_events = {raw.event for raw in twins} - {""}
    rest = [raw for raw in raws if raw.sop_uid not in found]
    free = [film for film in films if not film.sources & found and film.event not in found_events]
    counts, film_counts = Counter(map(_stated, rest)), Counter(map(_stated, free))
    enough = set()
    for raw in counts:
        possible = [film for film in film_counts if _may_be_one(raw, film)]
        rivals = [other for other in counts if any(_may_be_one(other, film) for film in possible)]
        if possible and sum(film_counts[film] for film in possible) >= sum(counts[other] for other in rivals):
            enough.add(raw)
    return found | {raw.sop_uid for raw in rest if _stated(raw) in enough}


def _stated(image: Exposure) -> _Stated:
    return image.event.startswith(_EVENT), *image.shows


def _may_be_one(raw: _Stated, film: _Stated) -> bool:
    """Return True if images without a shared event may be of one exposure: neither contradicts the other."""
    return not (raw[0] and film[0]) and all(
        not one or not other or one == other for one, other in zip(raw[1:], film[1:], strict=True)
    )


def _first(dataset: Dataset, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001  a damaged value makes pydicom raise nearly anything; reading says so
        return ""
    return str(value[0] if isinstance(value, list | MultiValue) and value else value or "").strip()


def _sources(dataset: Dataset) -> frozenset[str]:
    try:
        items = dataset.get("SourceImageSequence") or []
        return frozenset(str(item.get("ReferencedSOPInstanceUID", "") or "") for item in items) - {""}
    except Exception:  # noqa: BLE001  as above
        return frozenset()
