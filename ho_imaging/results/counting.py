"""Choice of the nodules of a study that add up: a nodule that two projections show counts once."""

from __future__ import annotations

from collections.abc import Iterable

from ho_imaging.results.schema import FindingResult, StudyResult

__all__ = ["area_mm2", "counted_findings"]


def counted_findings(result: StudyResult) -> tuple[FindingResult, ...]:
    """Return the nodules of one projection of each side, each once.

    Nodules are matched between films of one projection (``same_as``), never between projections. So the projection that
    the side's grade was read from counts where it shows any nodule, else the one that shows most.
    """
    view_of = {image.sop_instance_uid: image.view for image in result.images}
    graded = {
        side.side: side.evidence.sop_instance_uid for side in (() if result.severity is None else result.severity.sides)
    }
    unique = [finding for finding in result.findings if finding.same_as is None]
    counted: set[str] = set()
    for side in dict.fromkeys(finding.side for finding in unique):
        by_view: dict[str, list[FindingResult]] = {}
        for finding in unique:
            if finding.side == side:
                by_view.setdefault(view_of.get(finding.sop_instance_uid, ""), []).append(finding)
        film = graded.get(side)
        of_grade = None if film is None else by_view.get(view_of.get(film, ""))
        most = max(by_view.values(), key=lambda shown: (area_mm2(shown) or 0.0, len(shown)))
        counted.update(finding.id for finding in of_grade or most)
    return tuple(finding for finding in unique if finding.id in counted)


def area_mm2(findings: Iterable[FindingResult]) -> float | None:
    """Add up areas; ``None`` without any and where one is not known in mm²: the sum would be too small."""
    areas = [finding.area_mm2 for finding in findings]
    known = [area for area in areas if area is not None]
    return sum(known) if known and len(known) == len(areas) else None
