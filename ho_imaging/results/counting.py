"""Choice of the nodules of a study that add up: a nodule that several films show counts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ho_imaging.results.schema import FindingResult, StudyResult

__all__ = ["Shown", "area_mm2", "counted_findings", "counted_ids", "originals"]


class Shown(NamedTuple):
    """A nodule on a film, by the model or a reader; ``same_as``: the nodule of a better film that it is, too."""

    id: str
    side: str
    film: str
    same_as: str | None
    area_mm2: float | None


def counted_findings(result: StudyResult) -> tuple[FindingResult, ...]:
    """Return the nodules of one projection of each side, each once; see `counted_ids`."""
    shown = [
        Shown(found.id, str(found.side), found.sop_instance_uid, found.same_as, found.area_mm2)
        for found in result.findings
    ]
    counted = counted_ids(shown, result)
    return tuple(found for found in result.findings if found.id in counted)


def counted_ids(shown: Sequence[Shown], result: StudyResult) -> frozenset[str]:
    """Return the ids of the nodules that add up on the films of a study.

    Nodules are matched between films of one projection (``same_as``), never between projections. So the projection that
    the side's grade was read from counts where it shows any nodule, else the one that shows most.
    """
    view_of = {image.sop_instance_uid: image.view for image in result.images}
    graded = {
        str(side.side): side.evidence.sop_instance_uid
        for side in (() if result.severity is None else result.severity.sides)
    }
    better = originals(shown)
    unique = [nodule for nodule in shown if better[nodule.id] is None]
    counted: set[str] = set()
    for side in dict.fromkeys(nodule.side for nodule in unique):
        by_view: dict[str, list[Shown]] = {}
        for nodule in unique:
            if nodule.side == side:
                by_view.setdefault(view_of.get(nodule.film, ""), []).append(nodule)
        film = graded.get(side)
        of_grade = None if film is None else by_view.get(view_of.get(film, ""))
        most = max(by_view.values(), key=lambda here: (area_mm2(here) or 0.0, len(here)))
        counted.update(nodule.id for nodule in of_grade or most)
    return frozenset(counted)


def originals(shown: Iterable[Shown]) -> Mapping[str, str | None]:
    """Return which of these nodules each one is on a better film, by its id; ``None`` where it is the best itself.

    A reader may have taken away the nodule of the best film, or moved it to another side. Then the first of those that
    are left stands for it.
    """
    nodules = list(shown)
    first: dict[tuple[str, str], str] = {(nodule.id, nodule.side): nodule.id for nodule in nodules}
    better: dict[str, str | None] = {}
    for nodule in nodules:
        best = first.setdefault((nodule.same_as or nodule.id, nodule.side), nodule.id)
        better[nodule.id] = None if best == nodule.id else best
    return better


def area_mm2(nodules: Iterable[FindingResult | Shown]) -> float | None:
    """Add up areas; ``None`` without any and where one is not known in mm²: the sum would be too small."""
    areas = [nodule.area_mm2 for nodule in nodules]
    known = [area for area in areas if area is not None]
    return sum(known) if known and len(known) == len(areas) else None
