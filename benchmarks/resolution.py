"""How coarse and how strongly compressed a real film may be: nodules found and false positives, step by step.

    python benchmarks/resolution.py FOLDER --labels CSV --model hip [--films 20] [--steps 0.5,1,2] [--jpeg none,60]
        [--rows ROWS.jsonl] [--placed-by MODEL]

Real films of adult hips without ectopic bone (``ho`` is ``no`` in the table), of 800 pixels and more, are brought to
0.25 mm a pixel (or left as they are, if coarser). Free nodules of simulated test patients are laid into soft tissue at
the film's own sharpness; only then the picture is scaled down to each step's pixel size, compressed as JPEG where
asked, and analysed like any film, with its pixel size stated. A nodule counts as found where the map reaches the
operating threshold in it and does not do so on the same film without it. Those counted are at least 5 mm long with a
contrast-to-noise ratio of 2 and more at 0.5 mm, before anything is lost. Prints JSON; ``--rows`` keeps every candidate.

Where nodules go depends on where a model sees bone. To compare models, give all of them the same ``--placed-by``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pydicom
from cr_film import as_dicom
from degrade import as_jpeg, scaled
from numpy.typing import NDArray
from real_backgrounds import BLUR_OF_SOURCE, NODULES_A_FILM, sample_nodules, where_to_lay
from real_films import films_labelled

from ho_imaging import Analyzer
from ho_imaging.findings.nodules import GROW_SHARE, POSSIBLE_LEVEL
from ho_imaging.findings.outline import extent
from ho_imaging.preparing import mask_to_source, probability_to_source
from ho_imaging.reading import read_radiograph
from ho_imaging.results.analysis import FilmAnalysis
from ho_imaging.simulation.contrast import contrast_to_noise
from ho_imaging.statistics.detection import match_lesions
from ho_imaging.training.films import Film
from ho_imaging.training.laying_in import lay_in
from ho_imaging.vocabulary import Structure

FINEST_MM = 0.25
JUDGED_AT_MM = 0.5
STEPS_MM = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
LEAST_CONTRAST, LEAST_LENGTH_MM = 2.0, 5.0
LEAST_PX = 800

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


class Pair(NamedTuple):
    """A film without and with nodules, (rows, columns) in [0, 1], and the nodules that a reader would see."""

    plain: Image
    laid: Image
    masks: tuple[Mask, ...]
    pixel_mm: float


@dataclass(frozen=True)
class Degraded:
    """One film at one step: what was found.

    ``candidates``: highest probability of each candidate, and whether it is a nodule that was laid in.
    """

    step_mm: float
    jpeg: int | None
    refused: bool
    found: int = 0
    nodules: int = 0
    alarms: int = 0
    candidates: tuple[tuple[float, bool], ...] = ()


def pair_of(analyzer: Analyzer, path: Path, nodules: Sequence[Image], rng: np.random.Generator) -> Pair | None:
    """Lay nodules into a film; ``None`` for one that is refused or cannot be measured in mm."""
    analysis = analyzer.analyze_films([path])
    film = next(iter(analysis.films.values()), None)
    spacing = analysis.result.images[0].measured_spacing_mm
    if film is None or spacing is None or film.reading.quality is None:
        return None
    source_mm = float(np.sqrt(spacing[0] * spacing[1]))
    pixel_mm = max(source_mm, FINEST_MM)
    plain = scaled(read_radiograph(path).pixels, source_mm / pixel_mm)
    where = mask_to_source(where_to_lay(film.prediction), film.prediction.prepared.grid)
    near = cv2.resize(where.astype(np.uint8), plain.shape[::-1], interpolation=cv2.INTER_NEAREST) == 1
    sized = [scaled(nodule, FINEST_MM / pixel_mm) for nodule in nodules]
    own_px = (film.reading.quality.resolution_mm or source_mm) / pixel_mm
    ground = Film(plain, np.ones(plain.shape, dtype=bool), np.zeros(plain.shape, dtype=np.uint8))
    laid = lay_in(ground, sized, near, NODULES_A_FILM, rng, blur_px=BLUR_OF_SOURCE * max(own_px, 1.0))
    masks = tuple(mask for mask in laid.masks if _is_seen(laid.film.pixels, plain, mask, pixel_mm))
    return Pair(plain, laid.film.pixels, masks, pixel_mm)


def _is_seen(shown: Image, without: Image, mask: Mask, pixel_mm: float) -> bool:
    if extent(np.argwhere(mask).astype(np.float64)).long_axis * pixel_mm < LEAST_LENGTH_MM:
        return False
    share = pixel_mm / JUDGED_AT_MM
    small = scaled(mask.astype(np.float32), share) > 0.5
    if not small.any():
        return False
    ratio = contrast_to_noise(scaled(shown, share), scaled(without, share), small, max(pixel_mm, JUDGED_AT_MM))
    return ratio >= LEAST_CONTRAST


def degrade(pair: Pair, step_mm: float, jpeg: int | None) -> tuple[pydicom.Dataset, pydicom.Dataset]:
    """Return the film without and with nodules at a step, as DICOM that states its pixel size."""
    share = pair.pixel_mm / step_mm
    about: dict[str, Any] = {"body_part": "HIP", "pixel_mm": max(step_mm, pair.pixel_mm)}
    both = [
        as_dicom(film, number, **about) if jpeg is None else as_jpeg(film, number, jpeg, **about)
        for number, film in enumerate((scaled(pair.plain, share), scaled(pair.laid, share)))
    ]
    return both[0], both[1]


def measure(analyzer: Analyzer, pair: Pair, step_mm: float, jpeg: int | None) -> Degraded:
    """Analyse a pair at one step."""
    seen = [
        next(iter(analyzer.analyze_films([dataset]).films.values()), None) for dataset in degrade(pair, step_mm, jpeg)
    ]
    before, after = seen
    if before is None or after is None:
        return Degraded(step_mm, jpeg, refused=True)
    threshold = analyzer.model.description.thresholds[Structure.HO]
    alarms = _peaks(before, before.prediction.thresholds[Structure.HO])
    hits, peaks = [], []
    for mask in pair.masks:
        here = _on_source(mask, after)
        was, now = (float(_map(film)[here].max(initial=0.0)) for film in (before, after))
        hits.append(now >= after.prediction.thresholds[Structure.HO] > was)
        if was < min(POSSIBLE_LEVEL, threshold) <= now:
            peaks.append((now, True))
    low = [(score, False) for score in _peaks(before, POSSIBLE_LEVEL)]
    return Degraded(
        step_mm,
        jpeg,
        refused=False,
        found=sum(hits),
        nodules=len(hits),
        alarms=len(alarms),
        candidates=(*peaks, *low),
    )


def _map(film: FilmAnalysis) -> Image:
    return probability_to_source(film.prediction.probabilities[Structure.HO], film.prediction.prepared.grid)


def _on_source(mask: Mask, film: FilmAnalysis) -> Mask:
    rows, columns = film.prediction.prepared.grid.source_shape
    return scaled_mask(mask, (rows, columns))


def scaled_mask(mask: Mask, shape: tuple[int, int]) -> Mask:
    """Bring a mask to another size; a pixel that is half covered is in it."""
    share = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(share >= min(0.5, float(share.max())))


def _peaks(film: FilmAnalysis, threshold: float) -> list[float]:
    """Return the highest probability of every group of pixels that reaches a threshold."""
    probability = film.prediction.probabilities[Structure.HO]
    empty = np.zeros(probability.shape, dtype=bool)
    pixel_mm = film.prediction.prepared.scale.cell_mm
    found = match_lesions(probability, empty, pixel_mm=pixel_mm, threshold=GROW_SHARE * threshold)
    return [float(score) for score in found.false_alarm_scores if score >= threshold]


def summary(rows: Sequence[Degraded]) -> Iterator[dict[str, Any]]:
    """Sum up by step and compression."""
    for key in dict.fromkeys((row.step_mm, row.jpeg) for row in rows):
        here = [row for row in rows if (row.step_mm, row.jpeg) == key]
        done = [row for row in here if not row.refused]
        nodules, found = sum(row.nodules for row in done), sum(row.found for row in done)
        yield {
            "mm": key[0],
            "jpeg": key[1],
            "films": len(done),
            "refused": len(here) - len(done),
            "nodules": nodules,
            "sensitivity": round(found / nodules, 3) if nodules else None,
            "false_positives_a_film": round(float(np.mean([row.alarms for row in done])), 3) if done else None,
            "films_with_false_positives": sum(row.alarms > 0 for row in done),
        }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--placed-by", help="the model whose bones say where nodules go (default: --model)")
    parser.add_argument("--films", type=int, default=20)
    parser.add_argument("--least-px", type=int, default=LEAST_PX, help="least pixels of the longer side")
    parser.add_argument("--draws", type=int, default=1, help="times that nodules are laid into each film")
    parser.add_argument("--patients", type=int, default=16, help="simulated patients that nodules are taken from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", default=",".join(map(str, STEPS_MM)), help="pixel sizes in mm")
    parser.add_argument("--jpeg", default="none,60", help="JPEG qualities; none for no compression")
    parser.add_argument("--rows", type=Path, help="write one line a film and step")
    options = parser.parse_args()
    steps = [float(step) for step in options.steps.split(",")]
    qualities = [None if quality == "none" else int(quality) for quality in options.jpeg.split(",")]
    analyzer = Analyzer(options.model)
    placing = Analyzer(options.placed_by) if options.placed_by else analyzer
    nodules = sample_nodules(FINEST_MM, options.patients)
    rows: list[Degraded] = []
    used = 0
    for number, path in enumerate(films_labelled(options.folder, options.labels, least_px=options.least_px)):
        if used == options.films:
            break
        for draw in range(options.draws):
            pair = pair_of(placing, path, nodules, np.random.default_rng([options.seed, number, draw]))
            if pair is None:
                break
            used += draw == 0
            here = [measure(analyzer, pair, step, quality) for quality in qualities for step in steps]
            rows += here
            if options.rows is not None:
                with options.rows.open("a", encoding="utf-8") as stream:
                    stream.writelines(json.dumps({"film": path.stem, **vars(row)}) + "\n" for row in here)
        sys.stderr.write(f"{used} films\n")
    identity = analyzer.model.identity
    report = {"model": f"{identity.name} {identity.version}", "films": used, "steps": list(summary(rows))}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
