"""What 40 reviewed studies of a site are worth: a model before and after fine-tuning on them.

A simulated hospital whose films have a look outside what the model was trained on. Its studies are analysed; the
simulator's truth stands in for a reader, who accepts, redraws, rejects and adds through the store of decisions; the
reviews are exported and the model is fine-tuned on them beside simulated cases. Both models are then scored on films
of the site that were kept apart, and on ordinary films, where forgetting would show. Prints JSON.

    python benchmarks/site_adaptation.py --work DIR            # about half an hour on two cores
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ho_imaging import Analyzer
from ho_imaging.batch.run import BatchOptions, run_batch
from ho_imaging.evaluation.evaluate import FilmRecord, evaluate_studies
from ho_imaging.evaluation.figures import figures, film_froc
from ho_imaging.evaluation.truth import StudyTruth, read_truth
from ho_imaging.findings.outline import filled, outlines
from ho_imaging.network.model_store import find_model, read_description
from ho_imaging.readings.decision_values import MIMICS
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.grounds import grounds_of
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.folder import OutputFolder, batch_results
from ho_imaging.results.points import rows_columns
from ho_imaging.results.schema import StudyResult
from ho_imaging.review.export import export_reviews
from ho_imaging.simulation.dicom_writer import write_dx, write_truth
from ho_imaging.simulation.film import make_film
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.vendor import Look
from ho_imaging.statistics.detection import sensitivity_at
from ho_imaging.statistics.roc import auroc
from ho_imaging.training import train
from ho_imaging.training.export import export_model
from ho_imaging.training.generate import write_cases

logger = logging.getLogger("site_adaptation")

SITE_LOOK = Look(
    processing="multiscale",
    detail_power=0.6,
    detail_gain=2.6,
    fine_gain=2.0,
    latitude=0.25,
    latitude_mm=12.0,
    unsharp_amount=2.2,
    unsharp_mm=3.0,
    tone="linear",
)
"""Two edge enhancements on top of each other, each at the end of its range or beyond: no training film has both."""

REVIEWED_SEED, SITE_SEED, ORDINARY_SEED = 810_000_000, 820_000_000, 830_000_000
VISIBLE_CONTRAST = 1.0
"""A reader does not see nodules with less contrast to noise, and so does not draw them."""
GOOD_OUTLINE_DICE = 0.75
"""An outline worse than this is redrawn."""


def simulate(folder: Path, count: int, first_seed: int, *, site: bool) -> Path:
    """Simulate studies with truth; those that are there are kept."""
    for number in range(count):
        seed = first_seed + number
        place = folder / f"study_{seed:09d}"
        if (place / "truth" / "truth.json").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        scene = sample_hip_scene(seed, HipPlan(pixel_mm=0.6))
        film = make_film(scene, seed, look=SITE_LOOK if site else None)
        write_dx(film, scene, place / "film.dcm", seed=seed)
        write_truth(scene, place / "truth", film)
    return folder


class TruthfulReader:
    """Reads a result with the truth beside it, and says what a careful reader would say."""

    def __init__(self, store: ReviewStore, result: StudyResult, truth: StudyTruth) -> None:
        self.store, self.result, self.truth = store, result, truth
        self.image = result.images[0]

    def read(self) -> None:
        if self.store.read(self.result.study_uid, "truth"):
            return
        self._decide("open", value={"blinded": False})
        numbers, covered = self.truth.nodules, set()
        for finding in self.result.findings:
            mask = filled([rows_columns(ring) for ring in finding.contours_xy_px], numbers.shape)
            here = np.unique(numbers[mask])
            touched = [int(n) for n in here if n and (mask & (numbers == n)).sum() >= 0.1 * (numbers == n).sum()]
            target = np.isin(numbers, touched)
            if not touched or (mask & target).sum() < 0.1 * mask.sum():
                self._reject(finding.id, mask)
                continue
            covered |= set(touched)
            dice = 2.0 * (mask & target).sum() / (mask.sum() + target.sum())
            if dice >= GOOD_OUTLINE_DICE:
                self._decide("accept", finding.id)
            else:
                self._decide("reshape", finding.id, value={"outline_xy_px": outline_of(target)})
        added = 0
        for number, nodule in enumerate(self.truth.about_nodules, start=1):
            mask = numbers == number
            if number in covered or nodule["contrast_to_noise"] < VISIBLE_CONTRAST or mask.sum() < 12:
                continue
            added += 1
            self._decide("add", f"R{added}", value={"outline_xy_px": outline_of(mask)})
        true = {side["side"]: side["brooker"] for side in self.truth.sides}
        for side in self.result.severity.sides if self.result.severity is not None else ():
            grade = true.get(str(side.side))
            if grade is not None and side.system == "brooker" and grade != side.grade:
                value = {"side": str(side.side), "system": "brooker", "from": side.grade, "to": grade}
                self._decide("regrade", value=value, reason="the simulator's truth")
        self._decide("commit")
        self._decide("close", value={"seconds": 0.0})

    def _reject(self, name: str, mask: np.ndarray) -> None:
        for kind, where in self.truth.masks.items():
            mimic = kind.removeprefix("mimic_")
            if kind != mimic and mimic in MIMICS and (where & mask).any():
                self._decide("reclassify", name, value={"mimic": mimic})
                return
        self._decide("reject", name)

    def _decide(self, action: str, target: str | None = None, *, value: Any = None, reason: str | None = None) -> None:
        self.store.append(
            Decision(
                reader="truth",
                study_uid=self.result.study_uid,
                image_uid=self.image.sop_instance_uid,
                model=self.result.model,
                action=action,  # type: ignore[arg-type]  # checked by the model
                target=target,
                grounds=grounds_of(self.result, action, target=target, side=(value or {}).get("side")),
                value=value or {},
                reason=reason,
            )
        )


def outline_of(mask: np.ndarray) -> list[list[list[float]]]:
    found = outlines(mask.astype(np.float32), 0.5)
    return [[[round(float(c), 2), round(float(r), 2)] for r, c in ring[:-1]] for ring in found if len(ring) > 4]


def gains(before: Sequence[FilmRecord], after: Sequence[FilmRecord]) -> dict[str, dict[str, float]]:
    """Differences, after less before, on the same films; 95 % intervals over resampled films, drawn in pairs."""
    rng = np.random.default_rng(0)
    draws = [np.arange(len(before)), *(rng.integers(len(before), size=len(before)) for _ in range(1000))]
    found = {}
    for name, figure in GAINS.items():
        values = [figure([after[i] for i in draw]) - figure([before[i] for i in draw]) for draw in draws]
        low, high = np.nanpercentile(values[1:], [2.5, 97.5])
        found[name] = {"value": round(values[0], 4), "low": round(float(low), 4), "high": round(float(high), 4)}
    return found


def mean_dice(records: Sequence[FilmRecord]) -> float:
    values = [record.dice["ho"] for record in records if "ho" in record.dice]
    return float(np.mean(values)) if values else float("nan")


GAINS: dict[str, Callable[[Sequence[FilmRecord]], float]] = {
    "dice_ho_mean": mean_dice,
    "sensitivity_at_half_a_false_alarm": lambda records: sensitivity_at(film_froc(records), 0.5),
    "auroc": lambda records: auroc([record.score for record in records], [record.has_ho for record in records]),
}


def score(records: Sequence[FilmRecord]) -> dict[str, Any]:
    found = figures(records)
    return {
        "films": found["films"],
        "refused": found["films_by_status"]["refused"],
        "dice_ho_median": found["dice_median"]["ho"],
        "dice_ho_mean": found["dice_ho_mean"],
        "dice_pelvis_median": found["dice_median"]["pelvis"],
        "dice_femur_median": found["dice_median"]["femur"],
        "sensitivity_at_half_a_false_alarm": found["sensitivity"]["0.5"],
        "sensitivity_clear_at_half_a_false_alarm": found["sensitivity_clear_at_half_a_false_alarm"],
        "lesions": found["lesions"],
        "lesions_clear": found["lesions_clear"],
        "cpm": found["cpm"],
        "auroc": found["study_auroc"],
        "brooker_kappa_quadratic": found["brooker"]["kappa_quadratic"],
        "films_without_ho_with_findings": found["films_without_ho_with_findings"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for everything; a run goes on there")
    parser.add_argument("--model", default="default")
    parser.add_argument("--reviewed", type=int, default=40, help="studies the reader reads")
    parser.add_argument("--held-out", type=int, default=40, help="films of the site, and ordinary ones, to score on")
    parser.add_argument("--cases", type=Path, help="folder of simulated training cases; 60 of hips are made without")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    work, started = options.work, time.monotonic()
    seconds: dict[str, float] = {}

    def note(step: str) -> None:
        nonlocal started
        seconds[step] = round(time.monotonic() - started, 1)
        started = time.monotonic()
        logger.warning("%s: %.0f s", step, seconds[step])

    site = simulate(work / "site", options.reviewed, REVIEWED_SEED, site=True)
    held_out = {
        "site": simulate(work / "held_out_site", options.held_out, SITE_SEED, site=True),
        "ordinary": simulate(work / "held_out_ordinary", options.held_out, ORDINARY_SEED, site=False),
    }
    cases = options.cases or work / "cases"
    if options.cases is None:
        write_cases(cases, train=60, val=10)
    note("simulate")

    batch = work / "batch"
    # The films alone: the masks of the truth are pictures, too.
    run_batch(sorted(site.glob("*/film.dcm")), batch, options=BatchOptions(workers=0))
    store, read = ReviewStore(OutputFolder(batch).reviews), 0
    for _, result in batch_results(batch):
        if result.status == "done":
            TruthfulReader(store, result, read_truth(Path(result.images[0].path or "").parent)).read()
            read += 1
    summary = export_reviews(batch, work / "export", model=options.model)
    note("analyse, review, export")

    run, adapted = work / "run", work / "models" / "adapted"
    config = work / "export" / "adapt.toml"
    progress = train(config, run, options.minutes, cases_dir=cases, init=options.model)
    note("train")
    version = read_description(find_model(options.model)).version
    export_model(config, run, adapted, version=f"{version}+site", cases_dir=cases)
    note("calibrate")

    found: dict[str, Any] = {
        "model": f"{read_description(find_model(options.model)).name} {version}",
        "reviewed": read,
        "not_reviewed_because_refused": options.reviewed - read,
        "exported": summary.to_dict(),
        "training": {"minutes": round(progress.seconds / 60, 1), "steps": progress.step},
    }
    for name, studies in held_out.items():
        before = evaluate_studies(Analyzer(options.model), studies, work / f"before_{name}.jsonl")
        after = evaluate_studies(Analyzer(adapted), studies, work / f"after_{name}.jsonl")
        found[name] = {"before": score(before), "after": score(after), "gain": gains(before, after)}
    note("score")
    print(json.dumps({**found, "seconds": seconds}, indent=2))


if __name__ == "__main__":
    main()
