"""Fit the confidence of findings to simulated and real images together, and write it into ``model.toml``.

    ho-imaging simulate --out STUDIES --count 60 --seed 640000000 --pixel-mm 0.4
    python benchmarks/fit_confidence.py STUDIES FILMS --labels CSV --model DIR --kept KEPT.jsonl [--write]

Judged are the reported and possible findings of simulated studies, of real images without ectopic bone as they are
(``ho`` is ``no`` in the table), and of those of 800 pixels and more with simulated nodules laid in, at 0.5 mm a pixel
(see `resolution.py`). Kinds, and images with and without ectopic bone, weigh the same: see
`ho_imaging.evaluation.confidence_fit`. Prints the present calibration, the new one, and how well either holds on each
kind, the new one by cross-validation over patients, as JSON. KEPT.jsonl keeps what was judged: run the same command
again to resume it. ``--write`` changes nothing in the model but the confidence; the operating threshold acts on the
probability, not on the confidence. Takes minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from real_backgrounds import sample_nodules
from real_films import films_labelled
from resolution import FINEST_MM, LEAST_PX, measure, pair_of

from ho_imaging import Analyzer
from ho_imaging.evaluation.confidence_fit import (
    Judged,
    JudgedImage,
    cross_validated,
    fit_finding_confidence,
    reliability_of,
    stated_by,
)
from ho_imaging.evaluation.truth import StudyTruth, list_studies, read_truth
from ho_imaging.files.atomic import write_text
from ho_imaging.files.toml import to_toml
from ho_imaging.network.model_store import DESCRIPTION_FILE, find_model, read_description
from ho_imaging.results.analysis import FilmAnalysis
from ho_imaging.vocabulary import Structure

SIMULATED, REAL = "simulated", "real"
LAID_AT_MM = 0.5
MIN_OVERLAP, OPEN_SHARE = 0.1, 0.5
LEAST_FINDINGS = 20

Mask = NDArray[np.bool_]
Job = tuple[str, Callable[[], JudgedImage | None]]


def judged(film: FilmAnalysis, truth: StudyTruth | None = None) -> tuple[Judged, ...]:
    """Say of each finding whether a tenth of it lies on a nodule; leave out those where the truth is open."""
    probability = film.prediction.probabilities[Structure.HO]
    nodules, is_open = (np.zeros(probability.shape, dtype=bool) for _ in range(2))
    if truth is not None:
        grid = film.reading.prepared.grid
        rows = np.rint(grid.row_offset + grid.row_scale * np.arange(grid.prepared_shape[0])).astype(int)
        columns = np.rint(grid.column_offset + grid.column_scale * np.arange(grid.prepared_shape[1])).astype(int)
        pick = np.ix_(rows.clip(0, grid.source_shape[0] - 1), columns.clip(0, grid.source_shape[1] - 1))
        nodules, is_open = truth.nodules[pick] > 0, truth.left_open[pick]
    found = []
    for finding in (*film.reading.findings, *film.reading.possible):
        on_nodule = bool(nodules[finding.mask].mean() >= MIN_OVERLAP)
        if on_nodule or is_open[finding.mask].mean() < OPEN_SHARE:
            found.append(Judged(float(probability[finding.mask].max()), on_nodule))
    return tuple(found)


def study_image(analyzer: Analyzer, folder: Path) -> JudgedImage | None:
    """Judge a simulated study; ``None`` if its image is refused."""
    truth = read_truth(folder)
    told = Analyzer(analyzer.model, **truth.callers_word) if truth.callers_word else analyzer
    film = next(iter(told.analyze_films([truth.film]).films.values()), None)
    if film is None:
        return None
    return JudgedImage(folder.name, SIMULATED, bool(truth.about_nodules), judged(film, truth))


def plain_image(analyzer: Analyzer, path: Path) -> JudgedImage | None:
    """Judge a real image without ectopic bone as it is; ``None`` if it is refused."""
    film = next(iter(analyzer.analyze_films([path]).films.values()), None)
    return None if film is None else JudgedImage(path.stem, REAL, has_nodules=False, findings=judged(film))


def laid_image(analyzer: Analyzer, path: Path, nodules: list[Any], draw: tuple[int, int]) -> JudgedImage | None:
    """Judge a real image with nodules laid in; ``None`` if it is refused or there is no room for a nodule."""
    pair = pair_of(analyzer, path, nodules, np.random.default_rng([1, *draw]))
    if pair is None or not pair.masks:
        return None
    seen = measure(analyzer, pair, LAID_AT_MM, None)
    found = tuple(Judged(peak, is_nodule) for peak, is_nodule in seen.candidates)
    return None if seen.refused else JudgedImage(path.stem, REAL, has_nodules=True, findings=found)


def jobs(analyzer: Analyzer, options: argparse.Namespace) -> Iterator[Job]:
    """Name every image, with the call that judges it."""
    for folder in list_studies(options.studies)[: options.limit]:
        yield f"study {folder.name}", lambda folder=folder: study_image(analyzer, folder)
    for path in films_labelled(options.films, options.labels, least_px=0):
        yield f"plain {path.stem}", lambda path=path: plain_image(analyzer, path)
    nodules: list[Any] = []
    for number, path in enumerate(films_labelled(options.films, options.labels, least_px=LEAST_PX)):
        for draw in range(options.draws):

            def lay(path: Path = path, place: tuple[int, int] = (number, draw)) -> JudgedImage | None:
                if not nodules:
                    nodules.extend(sample_nodules(FINEST_MM, options.patients))
                return laid_image(analyzer, path, nodules, place)

            yield f"laid {path.stem} {draw}", lay


def judged_images(analyzer: Analyzer, options: argparse.Namespace) -> list[JudgedImage]:
    """Judge every image that the file of kept ones does not hold for these weights and this threshold, and keep it."""
    model = [analyzer.model.identity.sha256, analyzer.model.description.thresholds[Structure.HO]]
    kept: dict[str, dict[str, Any] | None] = {}
    if options.kept.exists():
        for line in options.kept.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["model"] == model:
                kept[row["name"]] = row["image"]
    images = []
    with options.kept.open("a", encoding="utf-8") as stream:
        for number, (name, judge) in enumerate(jobs(analyzer, options), start=1):
            if name in kept:
                row = kept[name]
            else:
                image = judge()
                row = None if image is None else vars(image)
                stream.write(json.dumps({"model": model, "name": name, "image": row}) + "\n")
                stream.flush()
            if row is not None:
                images.append(JudgedImage(**row | {"findings": tuple(Judged(*found) for found in row["findings"])}))
            if number % 25 == 0:
                sys.stderr.write(f"{number} images\n")
    return images


def described(images: list[JudgedImage], stated: list[float]) -> dict[str, Any]:
    """Say for each kind what is stated and what is true."""
    held = {kind: reliability_of(images, stated, kind) for kind in (SIMULATED, REAL)}
    return {
        kind: {
            "images": sum(image.kind == kind for image in images),
            "findings": found.count,
            "stated": round(found.stated, 3),
            "true": round(found.true, 3),
            "calibration_error": round(found.error, 3),
            "bins": [[count, round(mean, 2), round(share, 2)] for count, mean, share in found.bins],
        }
        for kind, found in held.items()
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, help="simulated studies that are not used to evaluate the model")
    parser.add_argument("films", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--kept", type=Path, required=True, help="file that keeps what was judged")
    parser.add_argument("--limit", type=int, default=60, help="number of simulated studies")
    parser.add_argument("--draws", type=int, default=2, help="times that nodules are laid into each image")
    parser.add_argument("--patients", type=int, default=8, help="simulated patients that nodules are taken from")
    parser.add_argument("--write", action="store_true", help="write the new confidence into the model's model.toml")
    options = parser.parse_args()
    analyzer = Analyzer(options.model)
    images = judged_images(analyzer, options)
    right = [found.is_nodule for image in images for found in image.findings]
    if min(sum(right), len(right) - sum(right)) < LEAST_FINDINGS:
        parser.error(f"too few findings: {sum(right)} nodules, {len(right) - sum(right)} others")
    before, after = analyzer.model.description.finding_confidence, fit_finding_confidence(images)
    after = after.model_copy(update={"temperature": round(after.temperature, 3), "bias": round(after.bias, 3)})
    report = {
        "model": f"{analyzer.model.identity.name} {analyzer.model.identity.version}",
        "before": before.model_dump() | described(images, stated_by(images, before)),
        "after": after.model_dump() | described(images, cross_validated(images)),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    if options.write:
        folder = find_model(options.model)
        changed = read_description(folder).model_copy(update={"finding_confidence": after})
        write_text(folder / DESCRIPTION_FILE, to_toml(changed.model_dump(mode="json", exclude_unset=True)))


if __name__ == "__main__":
    main()
