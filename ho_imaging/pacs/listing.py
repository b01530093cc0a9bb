"""Comparison of an archive's listing of a study with the objects received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ho_imaging.messages import Message
from ho_imaging.reading.classes import may_be_film
from ho_imaging.reading.completeness import Completeness

__all__ = ["SeriesListed", "StudyListed", "Transfer", "completeness_of", "joined"]


@dataclass(frozen=True)
class SeriesListed:
    """A series as its archive lists it.

    ``modality``: empty where it is not said. ``count``: Number of Series Related Instances (0020,1209). ``instances``:
    SOP classes by SOP Instance UID, empty where they are not said.
    """

    uid: str
    modality: str = ""
    count: int | None = None
    instances: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_hold_films(self) -> bool:
        """Return True unless the modality says that it holds no radiograph."""
        return may_be_film("", self.modality)

    @property
    def films(self) -> frozenset[str]:
        """SOP Instance UIDs of what may be a radiograph."""
        return frozenset(uid for uid, kind in self.instances.items() if may_be_film(kind, self.modality))


@dataclass(frozen=True)
class StudyListed:
    """A study as its archive lists it.

    ``count``: Number of Study Related Instances (0020,1208). ``series_count``: Number of Study Related Series
    (0020,1206). ``series``: empty where the archive lists none. ``cut``: whether its list of series did not end well.
    """

    count: int | None = None
    series_count: int | None = None
    series: tuple[SeriesListed, ...] = ()
    cut: bool = False

    @property
    def film_classes(self) -> frozenset[str] | None:
        """SOP classes of what may be a radiograph; ``None`` where not all are known."""
        of_films = [series for series in self.series if series.may_hold_films]
        known = all(series.instances and len(series.instances) >= (series.count or 0) for series in of_films)
        found = {series.instances[uid] for series in of_films for uid in series.films}
        return frozenset(found) if self.series and known and not self.cut and "" not in found else None

    @property
    def film_series(self) -> tuple[str, ...]:
        """UIDs of the series to ask for: empty for the whole study, where all of it is, or where not all is known."""
        of_films = tuple(series.uid for series in self.series if series.may_hold_films)
        return of_films if 0 < len(of_films) < len(self.series) and self._lists_all_series() else ()

    def _lists_all_series(self) -> bool:
        if self.cut:
            return False
        known = self.series_count is None or self.series_count <= len(self.series)
        if self.count is None or any(series.count is None for series in self.series):
            return known
        return known and self.count <= sum(series.count or 0 for series in self.series)


@dataclass(frozen=True)
class Transfer:
    """Objects received of a study: series and SOP Instance UID of each, copies too, and its archive's listing.

    ``failed``, ``completed``: numbers of sub-operations by the last answer (PS3.7 9.1.3, 9.1.4), where there is one.
    ``said``: what else went wrong. ``doubts``: what may have gone wrong, where no list shows that all is here.
    """

    received: Sequence[tuple[str, str]]
    failed: int = 0
    completed: int | None = None
    said: tuple[Message, ...] = ()
    doubts: tuple[Message, ...] = ()


def joined(parts: Sequence[Transfer]) -> Transfer:
    """Return what came of a study that was asked for in several parts.

    ``received`` is that of the last part, which counts on.
    """
    completed = [part.completed for part in parts if part.completed is not None]
    return Transfer(
        parts[-1].received if parts else (),
        sum(part.failed for part in parts),
        sum(completed) if len(completed) == len(parts) and parts else None,
        tuple(dict.fromkeys(said for part in parts for said in part.said)),
        tuple(dict.fromkeys(doubt for part in parts for doubt in part.doubts)),
    )


def completeness_of(listed: StudyListed, transfer: Transfer) -> Completeness:
    """Compare what came with what the archive lists and counts, in series that can hold radiographs."""
    reasons = list(transfer.said)
    here = Counter(series for series, _ in transfer.received)
    got = {uid for _, uid in transfer.received}
    expected: list[int] = []
    blind = not listed.series
    for series in listed.series:
        if not series.may_hold_films:
            continue
        blind |= series.count is None and not series.instances
        others = [uid for uid in series.instances if uid not in series.films and uid not in got]
        missing = len(series.films - got)
        accounted = here[series.uid] + len(others)
        lacking = max(missing, (series.count or 0) - accounted)
        expected.append(here[series.uid] + max(lacking, 0))
        if lacking > 0:
            reasons.append(Message("images_missing", missing=lacking, expected=expected[-1], series=series.uid))
    reasons += _not_listed(listed, transfer)
    if transfer.failed and blind:
        reasons.append(Message("objects_not_sent", count=transfer.failed))
    if blind:
        reasons += transfer.doubts
    if transfer.completed is not None and transfer.completed > len(transfer.received):
        reasons.append(Message("objects_lost", sent=transfer.completed, received=len(transfer.received)))
    return Completeness(len(transfer.received), sum(expected) if expected else listed.count, tuple(reasons))


def _not_listed(listed: StudyListed, transfer: Transfer) -> list[Message]:
    """Return what the archive counts and does not list: a limit of a list is passed over in silence by some."""
    known = {series.uid for series in listed.series}
    counts = [series.count for series in listed.series]
    further = sum(series not in known for series, _ in transfer.received)
    if listed.count is not None and None not in counts:
        lacking = listed.count - sum(count or 0 for count in counts) - further
        if lacking > 0:
            return [Message("objects_not_listed", count=listed.count, missing=lacking)]
    elif listed.series_count is not None and listed.series_count > len(known | {s for s, _ in transfer.received}):
        return [Message("series_not_listed", count=listed.series_count, listed=len(known))]
    return []
