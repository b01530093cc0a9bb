"""Truth of an export: masks and data of one film, as `ho_imaging.evaluation.truth` reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ho_imaging.files.atomic import write_text
from ho_imaging.files.png import write_png
from ho_imaging.readings.film_truth import FilmTruth, film_truth
from ho_imaging.readings.readings import Nodule, NotBone, Reading
from ho_imaging.results.schema import ImageResult
from ho_imaging.review.leaving import Leaving
from ho_imaging.review.reviewed_studies import Reviewed

__all__ = ["write_truth"]


MOST_NODULES = 255
"""``nodules.png`` numbers them in a byte."""


def write_truth(reviewed: Reviewed, image: ImageResult, path: Path, folder: Path, leaving: Leaving) -> tuple[int, int]:
    """Write the truth of an image below ``folder``; return the numbers of nodules and of other structures."""
    truth = film_truth(reviewed.readings, image.sop_instance_uid, _shape(image), rim=False)
    numbered, nodules = _numbered_nodules(reviewed.readings[0], image, truth)
    taken = {
        item.id: item
        for reading in reviewed.readings
        for item in reading.not_bone
        if item.image_uid == image.sop_instance_uid
    }
    masks = {"ignore": truth.is_open} if truth.is_open.any() else {}
    masks |= _mimic_masks(reviewed.readings[0], image, truth, tuple(taken.values()))
    about = _about(reviewed, image, nodules, sorted(masks), leaving)
    place = folder / "truth"
    place.mkdir(parents=True, exist_ok=True)
    film = leaving.film(path, folder)
    about |= {} if film is None else {"film": film}
    for old in place.glob("*.png"):
        old.unlink()
    write_png(place / "nodules.png", numbered)
    for name, mask in masks.items():
        write_png(place / f"{name}.png", mask.astype(np.uint8) * np.uint8(255))
    write_text(place / "truth.json", json.dumps(about, indent=2, sort_keys=True) + "\n")
    return len(nodules), len(taken)


def _shape(image: ImageResult) -> tuple[int, int]:
    return image.rows or 0, image.columns or 0


def _numbered_nodules(
    reading: Reading, image: ImageResult, truth: FilmTruth
) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
    """Return a map that numbers the nodules that stand, from 1, and a description of each in the same order."""
    uid, shape = image.sop_instance_uid, _shape(image)
    numbered = np.zeros(shape, dtype=np.uint8)
    nodules: list[dict[str, Any]] = []
    for nodule in reading.nodules:
        if nodule.image_uid != uid or not nodule.decided or len(nodules) == MOST_NODULES:
            continue
        here = film_truth([_reading_of(reading, (nodule,), ())], uid, shape, rim=False).ho & truth.ho & (numbered == 0)
        if here.any():
            numbered[here] = len(nodules) + 1
            nodules.append(
                {
                    "id": nodule.id,
                    "side": str(nodule.side),
                    "area_mm2": nodule.area_mm2,
                    "long_axis_mm": nodule.long_axis_mm,
                    "drawn": nodule.drawn,
                }
            )
    return numbered, nodules


def _mimic_masks(
    reading: Reading, image: ImageResult, truth: FilmTruth, taken: tuple[NotBone, ...]
) -> dict[str, NDArray[np.bool_]]:
    """Return a mask for each kind of structure that readers rejected as bone."""
    masks: dict[str, NDArray[np.bool_]] = {}
    for kind in sorted({item.mimic or "other" for item in taken}):
        alike = tuple(item for item in taken if (item.mimic or "other") == kind)
        alone = _reading_of(reading, (), alike)
        # Where another reader holds it for bone it is open, and no mimic.
        mask = film_truth([alone], image.sop_instance_uid, _shape(image), rim=False).not_bone & truth.not_bone
        if mask.any():
            masks[f"mimic_{kind}"] = mask
    return masks


def _reading_of(reading: Reading, nodules: tuple[Nodule, ...], not_bone: tuple[NotBone, ...]) -> Reading:
    """Return a reading with nothing but these structures."""
    return Reading(reading.study_uid, reading.reader, nodules, not_bone, {}, {}, committed=True, seconds=0.0)


def _about(
    reviewed: Reviewed, image: ImageResult, nodules: list[dict[str, Any]], masks: list[str], leaving: Leaving
) -> dict[str, Any]:
    """Return the content of ``truth.json``."""
    spacing = image.measured_spacing_mm
    return {
        "rows": _shape(image)[0],
        "columns": _shape(image)[1],
        "pixel_mm": None if spacing is None else spacing[1],
        "region": str(image.region),
        "view": str(image.view),
        "laterality": str(image.laterality),
        "masks": masks,
        "caller": image.callers_word(),
        "truth": {
            "readers": [leaving.reader(reading.reader) for reading in reviewed.readings],
            "nodules": nodules,
            "mimics": sorted(name.removeprefix("mimic_") for name in masks if name.startswith("mimic_")),
            "sides": _sides(reviewed, image.sop_instance_uid),
        },
    }


def _sides(reviewed: Reviewed, image_uid: str) -> list[dict[str, Any]]:
    """Return the grades on which all readers agree, by system, of the sides whose grade rests on this image."""
    severity = reviewed.result.severity
    found = []
    for side in () if severity is None else severity.sides:
        grades = {reading.grades.get(str(side.side)) for reading in reviewed.readings}
        grade = grades.pop() if len(grades) == 1 else None
        if grade is not None and side.evidence.sop_instance_uid in {image_uid, None}:
            found.append({"side": str(side.side), side.system: grade})
    return found
