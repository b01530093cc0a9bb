"""How far the burden moves when a film is resampled, or its outlines are off by a little.

Reads studies with truth (``ho-imaging simulate``), grades their true masks, and grades them again with masks resampled
to another pixel size and with outlines moved in or out at random along their length. Prints a table.

    python benchmarks/burden_stability.py STUDIES [--limit N]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from ho_imaging.evaluation.truth import StudyTruth, list_studies, read_truth
from ho_imaging.evaluation.truth_reading import read_truth_masks
from ho_imaging.severity import FilmReading, grade_study

NOISE_LENGTH_MM = 4.0
"""How far along an outline its error stays the same."""


def moved(mask: NDArray[np.bool_], sd_px: float, length_px: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Move a mask's outline in and out by a smooth random field with that standard deviation."""
    field = gaussian_filter(rng.standard_normal(mask.shape), length_px)
    signed = distance_transform_edt(mask) - distance_transform_edt(~mask)
    return np.asarray(signed > field / field.std() * sd_px, dtype=bool)


def noisy(truth: StudyTruth, sd_mm: float, rng: np.random.Generator) -> StudyTruth:
    """Give the truth with the nodules' outlines moved."""
    mm_per_px = float(truth.about["pixel_mm"])
    found = moved(truth.nodules > 0, sd_mm / mm_per_px, NOISE_LENGTH_MM / mm_per_px, rng)
    return replace(truth, nodules=found.astype(np.uint8))


def resampled(truth: StudyTruth, pixel_mm: float) -> StudyTruth:
    """Give the truth on a grid of another pixel size."""
    scale = float(truth.about["pixel_mm"]) / pixel_mm
    shape = tuple(round(n * scale) for n in truth.nodules.shape)

    def resize(mask: NDArray[np.generic]) -> NDArray[np.bool_]:
        return np.asarray(
            cv2.resize(mask.astype(bool).astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5,
            dtype=np.bool_,
        )

    masks = {name: resize(mask) for name, mask in truth.masks.items()}
    about = {**truth.about, "pixel_mm": pixel_mm, "rows": shape[0], "columns": shape[1]}
    return replace(truth, masks=masks, nodules=resize(truth.nodules).astype(np.uint8), about=about)


def scores(film: FilmReading) -> dict[str, float]:
    """Give each side's burden."""
    return {str(side.side): side.score for side in grade_study([film]).sides if side.score}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    options = parser.parse_args()
    changes: dict[str, Callable[[StudyTruth, np.random.Generator], StudyTruth]] = {
        f"pixels of {mm:g} mm": lambda truth, _, mm=mm: resampled(truth, mm)  # type: ignore[misc]  # binds mm
        for mm in (0.25, 0.6, 0.9)
    }
    changes |= {
        f"outlines off by {sd:g} mm (SD)": lambda truth, rng, sd=sd: noisy(truth, sd, rng)  # type: ignore[misc]  # binds
        for sd in (0.3, 0.6)
    }
    moves: dict[str, list[float]] = {name: [] for name in changes}
    for number, path in enumerate(list_studies(options.studies)[: options.limit]):
        truth = read_truth(path)
        if not truth.sides or not truth.about_nodules:
            continue
        base = scores(read_truth_masks(truth))
        for name, change in changes.items():
            changed = scores(read_truth_masks(change(truth, np.random.default_rng(number))))
            moves[name] += [abs(changed.get(side, 0.0) - score) for side, score in base.items()]
    sys.stdout.write("| change | sides | median move | 95th percentile |\n|---|---|---|---|\n")
    for name, found in moves.items():
        sys.stdout.write(f"| {name} | {len(found)} | {np.median(found):.1f} | {np.quantile(found, 0.95):.1f} |\n")


if __name__ == "__main__":
    main()
