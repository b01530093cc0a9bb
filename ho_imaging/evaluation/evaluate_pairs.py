"""Run the comparison over pairs of visits with known growth: how often it says what is true."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.stats import binomtest

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.evaluation.growth_error import SideRecord, growth_figures
from ho_imaging.evaluation.truth import StudyTruth, read_truth
from ho_imaging.pipeline import Analyzer
from ho_imaging.progression.studies import Comparison, analyze_study, compare_studies
from ho_imaging.vocabulary import Side, Status

__all__ = ["PairRecord", "evaluate_pairs", "pair_figures"]

logger = logging.getLogger(__name__)


NONE = "none"
MUCH_GROWN = 1.25


class PairRecord(BaseModel):
    """One pair: its true course, the verdict, and the area change of each nodule measured on both films."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: str
    course: str
    verdict: str
    has_ho: bool
    true_ratio: float | None = None
    """True area later over earlier, both at one magnification; none without ectopic bone."""
    sides: tuple[SideRecord, ...] = ()
    """Sides that are on both films, with their true areas."""
    errors_in_sd: tuple[float, ...] = ()
    """For unchanged pairs: change over its standard error, of each nodule found on both films."""
    relative_changes: tuple[float, ...] = ()
    residuals_mm: tuple[float, ...] = ()


def evaluate_pairs(
    analyzer: Analyzer, folder: Path, *, limit: int | None = None, kept: Path | None = None
) -> list[PairRecord]:
    """Compare every pair below a folder, as ``ho-imaging simulate --pairs`` writes them.

    ``kept``: file of records, a line each; pairs that stand in it are not compared again, new ones are added.
    """
    pairs = sorted(path.parent for path in folder.glob("*/pair.json"))[:limit]
    if not pairs:
        raise UsageError("holds no pairs", path=folder, remedy="make some with: ho-imaging simulate --pairs --out DIR")
    known = {} if kept is None or not kept.is_file() else _known(kept)
    records = []
    for number, pair in enumerate(pairs, start=1):
        record = known.get(pair.name)
        if record is None:
            record = _evaluate_one(analyzer, pair)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(record.model_dump_json() + "\n")
        records.append(record)
        if number % 25 == 0:
            logger.info("%d pairs", number)
    return records


def _known(kept: Path) -> dict[str, PairRecord]:
    """Read the pairs that were compared before; a line torn when the last run ended is compared again."""
    found = {}
    for line in kept.read_text(encoding="utf-8").splitlines():
        try:
            record = PairRecord.model_validate_json(line)
        except ValueError:
            continue
        found[record.pair] = record
    return found


def _evaluate_one(analyzer: Analyzer, pair: Path) -> PairRecord:
    try:
        truth = json.loads((pair / "pair.json").read_text(encoding="utf-8"))
        course = str(truth["course"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReadError(f"is no pair's truth: {error}", path=pair / "pair.json", remedy="simulate it again") from error
    visits = [pair / name for name in ("baseline", "followup")]
    true = _true_areas(*(read_truth(visit) for visit in visits))
    before, after = (sum(areas[visit] for areas in true.values()) for visit in range(2))
    studies = [analyze_study(analyzer, visit / "film.dcm") for visit in visits]
    comparison = compare_studies(studies)
    result = comparison.result
    sides = result.overall.sides
    measured = [n for side in sides for n in side.nodules if n.course in {"grown", "stable", "shrunk"}]
    return PairRecord(
        pair=pair.name,
        course=course,
        verdict=result.verdict,
        has_ho=before > 0.0,
        true_ratio=round(after / before, 4) if before > 0.0 else None,
        sides=_sides(comparison, true),
        errors_in_sd=tuple(round(n.change_mm2 / n.change_sd_mm2, 3) for n in measured if n.change_sd_mm2 > 0.0)
        if course == "unchanged"
        else (),
        relative_changes=tuple(round(n.change_mm2 / n.earlier_mm2, 4) for n in measured if n.earlier_mm2 > 0.0),
        residuals_mm=tuple(side.residual_mm for side in sides if side.residual_mm is not None),
    )


def _true_areas(earlier: StudyTruth, later: StudyTruth) -> dict[Side, tuple[float, float]]:
    """Return the area that the nodules of each side cover on both visits, in pixels of the earlier film.

    A person who stands nearer to the tube is shown larger. The heads of the femurs do not grow: the later area is in
    the size that they have on the earlier film.
    """
    return {
        side: (_pixels(earlier, side), _pixels(later, side) * _enlarged(earlier, later, side))
        for side in (Side.RIGHT, Side.LEFT)
    }


def _pixels(truth: StudyTruth, side: Side) -> float:
    """Return the pixels that the nodules of a side cover together."""
    numbers = [number for number, nodule in enumerate(truth.about_nodules, start=1) if nodule["side"] == side.value]
    return float(np.isin(truth.nodules, numbers).sum())


def _enlarged(earlier: StudyTruth, later: StudyTruth, side: Side) -> float:
    """Return the area of a head on the earlier film over that on the later one: of the side, or the other if cut."""
    for name in sorted((Side.LEFT.value, Side.RIGHT.value), key=lambda name: name != side.value):
        heads = [truth.masks.get(f"femoral_head_{name}") for truth in (earlier, later)]
        sizes = [0.0 if head is None or _is_cut(head) else float(head.sum()) for head in heads]
        if min(sizes) > 0.0:
            return sizes[0] / sizes[1]
    return 1.0


def _is_cut(mask: NDArray[np.bool_]) -> bool:
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _sides(comparison: Comparison, pixels: Mapping[Side, tuple[float, float]]) -> tuple[SideRecord, ...]:
    """Lay the true areas of each side that was compared beside those that were read."""
    images = [image for image in comparison.studies[0].result.images if image.status == Status.DONE]
    spacing = images[0].measured_spacing_mm if images else None
    if spacing is None:
        return ()
    found = []
    for side, compared in comparison.sides.items():
        if side is Side.UNKNOWN:
            continue
        areas = compared.change.areas
        true = [spacing[0] * spacing[1] * area for area in pixels[side]]
        found.append(
            SideRecord(
                side=side.value,
                true_mm2=(round(true[0], 2), round(true[1], 2)),
                whole=_rounded(areas.whole),
                shared=_rounded(areas.shared),
                faint=round(areas.faint, 2),
                outside=round(areas.outside, 2),
                matched=round(areas.matched, 2),
                blur=round(areas.blur, 4),
                unlike=round(areas.unlike, 4),
                held_back=compared.grade_rose or compared.change.appeared,
            )
        )
    return tuple(found)


def _rounded(areas: tuple[float, float]) -> tuple[float, float]:
    return round(areas[0], 2), round(areas[1], 2)


def pair_figures(records: list[PairRecord]) -> dict[str, Any]:
    """Count verdicts by what is true; give the rate of false spreading with its 95 % interval.

    Where there is no ectopic bone nothing can grow: such pairs are "none", and unchanged ones, whatever their course.
    """
    table: dict[str, dict[str, int]] = {}
    for truth in sorted({_truth(record) for record in records}):
        counts = Counter(record.verdict for record in records if _truth(record) == truth)
        table[truth] = dict(sorted(counts.items()))
    unchanged = [record for record in records if _truth(record) in {"unchanged", NONE}]
    grown = [record for record in records if record.true_ratio is not None and record.true_ratio >= MUCH_GROWN]
    false = sum(record.verdict == "spreading" for record in unchanged)
    interval = binomtest(false, max(len(unchanged), 1)).proportion_ci(method="wilson")
    errors = sorted(abs(z) for record in unchanged for z in record.errors_in_sd)
    changes = sorted(abs(c) for record in unchanged for c in record.relative_changes)
    residuals = sorted(r for record in records for r in record.residuals_mm)
    return {
        "pairs": len(records),
        "verdicts": table,
        "false_spreading": {
            "pairs": len(unchanged),
            "share": round(false / len(unchanged), 4) if unchanged else None,
            "low": round(float(interval.low), 4),
            "high": round(float(interval.high), 4),
        },
        "grown_by_a_quarter": {"pairs": len(grown), **Counter(record.verdict for record in grown)},
        "unchanged_nodules": len(errors),
        "unchanged_beyond_1.96_sd": round(sum(z > 1.96 for z in errors) / len(errors), 4) if errors else None,
        "unchanged_median_relative_change": changes[len(changes) // 2] if changes else None,
        "median_residual_mm": residuals[len(residuals) // 2] if residuals else None,
        "growth": growth_figures([record.sides for record in records]),
    }


def _truth(record: PairRecord) -> str:
    return record.course if record.has_ho else NONE
