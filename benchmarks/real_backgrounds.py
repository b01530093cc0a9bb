"""Simulated nodules in real radiographs without ectopic bone: what a model finds there, and what it raises falsely.

    python benchmarks/real_backgrounds.py FOLDER --model hip [--draws 8] [--seed 0] [--sheet PICTURE.png]

Nodules in real films are the fairest comparison that needs no patients with the disease (Schultheiss et al. 2021 do so
in chest films): the background, where false alarms come from, is real. Every film below FOLDER that can be read is
used, whatever it shows: the gate that would refuse most of them is left out, and the region is taken as unknown. Free
islands of simulated test patients are laid into soft tissue, at a contrast drawn at random. Soft tissue is the middle
of three classes of brightness (Otsu 1979), near what the network takes for a femur, less what it takes for bone and
what a ring of bone encloses: in there, what looks like ectopic bone is a stone or in the bowel. On a folder of
simulated films it says what could be had if real films were no different. Prints JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ho_imaging.errors import HOImagingError
from ho_imaging.findings.nodules import GROW_SHARE
from ho_imaging.network import load_model
from ho_imaging.network.inference import predict
from ho_imaging.network.model_store import Model
from ho_imaging.network.prediction import Prediction
from ho_imaging.preparing import prepare
from ho_imaging.preparing.prepared import Prepared
from ho_imaging.reading import discover, read_radiograph
from ho_imaging.simulation.contrast import contrast_to_noise
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.scene import VISIBLE_MM
from ho_imaging.statistics.detection import match_lesions
from ho_imaging.training.films import Film
from ho_imaging.training.laying_in import LaidIn, beside_joint, lay_in, soft_tissue
from ho_imaging.vocabulary import Region, Structure, View

FIRST_SEED = 700_000_000
PATIENTS = 16
NODULES_A_FILM = 2
LEAST_MM2 = 7.2
BLUR_PX, BLUR_OF_SOURCE = 0.5, 0.6
"""Standard deviation of the blur of what is laid in, in prepared pixels and in pixels of the source."""
BONE_PROBABILITY = 0.3

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


def read_films(folder: Path, model: Model) -> list[Prepared]:
    """Prepare every film below a folder, each picture once: some come in several transfer syntaxes."""
    films: dict[str, Prepared] = {}
    for study in discover([folder]).studies:
        for image in study.images:
            try:
                radiograph = read_radiograph(image, region=Region.UNKNOWN)
            except HOImagingError as error:
                sys.stderr.write(f"left out: {error}\n")
                continue
            # Rounded, so that lossy copies of a film count as the same one.
            small = cv2.resize(radiograph.pixels, (8, 8), interpolation=cv2.INTER_AREA)
            films.setdefault(
                hashlib.sha256(np.rint(small * 20).astype(np.int8).tobytes()).hexdigest(),
                prepare(radiograph, model.description.preparation),
            )
    return list(films.values())


def sample_nodules(pixel_mm: float, patients: int = PATIENTS) -> list[Image]:
    """Give mm of cortex of the free nodules of simulated test patients, each cut to where it is."""
    plan = HipPlan(grades=("I", "I"), region=Region.PELVIS, view=View.AP, clutter=False, pixel_mm=pixel_mm)
    scenes = (sample_hip_scene(FIRST_SEED + number, plan) for number in range(patients))
    layers = [layer.mineral_mm for scene in scenes for layer in scene.nodules if not layer.fixed]
    return [layer for layer in layers if (layer > VISIBLE_MM).sum() * pixel_mm**2 >= LEAST_MM2]


def where_to_lay(prediction: Prediction) -> Mask:
    """Where a nodule may be laid: in soft tissue beside what the network takes for a hip, off bone and bony rings."""
    prepared = prediction.prepared
    femur = prediction.probabilities[Structure.FEMUR]
    shaft = ndimage.binary_opening(femur > 0.5, iterations=5)
    where = soft_tissue(prepared.pixels, prepared.valid, prepared.scale.cell_mm, shaft)
    pelvis = prediction.probabilities[Structure.PELVIS]
    in_ring = ndimage.binary_fill_holes(pelvis > BONE_PROBABILITY)
    beside = beside_joint(shaft, ndimage.binary_opening(pelvis > 0.5, iterations=3), prepared.scale.cell_mm)
    return np.asarray(where & ~in_ring & beside & (pelvis + femur < BONE_PROBABILITY))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--draws", type=int, default=8, help="times that nodules are laid into each film")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write a picture of films with nodules laid in")
    options = parser.parse_args()
    model = load_model(options.model)
    films = read_films(options.folder, model)
    nodules = sample_nodules(model.description.preparation.pixel_mm)
    threshold = model.description.thresholds[Structure.HO]
    found: list[tuple[float, bool]] = []
    alarms, tiles = [], []
    for number, prepared in enumerate(films):
        plain = predict(model, prepared)
        before = plain.probabilities[Structure.HO]
        # What is outlined on the film as it is: it shows no ectopic bone.
        empty = np.zeros(before.shape, dtype=bool)
        alone = match_lesions(before, empty, pixel_mm=prepared.scale.cell_mm, threshold=GROW_SHARE * threshold)
        alarms.append(int((alone.false_alarm_scores >= threshold).sum()))
        where = where_to_lay(plain)
        film = Film(prepared.pixels, prepared.valid, np.zeros(before.shape, dtype=np.uint16))
        # No sharper than the film itself: its pixels may be larger than those it is prepared to.
        blur_px = max(BLUR_PX, BLUR_OF_SOURCE / prepared.grid.column_scale)
        for draw in range(options.draws):
            rng = np.random.default_rng([options.seed, number, draw])
            laid = lay_in(film, nodules, where, NODULES_A_FILM, rng, blur_px=blur_px)
            after = predict(model, replace(prepared, pixels=laid.film.pixels)).probabilities[Structure.HO]
            for mask in laid.masks:
                ratio = contrast_to_noise(laid.film.pixels, prepared.pixels, mask, prepared.scale.cell_mm)
                # What was outlined before is no finding of a nodule that was laid there.
                found.append((ratio, bool(after[mask].max() >= threshold > before[mask].max())))
            if draw == 0:
                tiles.append(_tile(laid, after))
    if options.sheet is not None:
        rows = [np.hstack(tiles[start : start + 4]) for start in range(0, len(tiles) - 3, 4)]
        cv2.imwrite(str(options.sheet), np.vstack(rows))
    bins = {"under 1": (0.0, 1.0), "1 to 2": (1.0, 2.0), "2 to 4": (2.0, 4.0), "4 and over": (4.0, np.inf)}
    by_contrast = {name: [hit for ratio, hit in found if low <= ratio < high] for name, (low, high) in bins.items()}
    report = {
        "model": f"{model.identity.name} {model.identity.version}",
        "films": len(films),
        "false_alarms_a_film": round(float(np.mean(alarms)), 3),
        "films_with_false_alarms": sum(count > 0 for count in alarms),
        "sensitivity_by_contrast_to_noise": {
            name: {"nodules": len(hits), "sensitivity": round(float(np.mean(hits)), 3) if hits else None}
            for name, hits in by_contrast.items()
        },
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def _tile(laid: LaidIn, probability: Image) -> NDArray[np.uint8]:
    """A film with the nodules that were laid in (green) and what is found (red)."""
    picture = cv2.cvtColor((laid.film.pixels * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    truth = np.any([np.zeros(probability.shape, dtype=bool), *laid.masks], axis=0)
    for mask, colour in ((truth, (0, 255, 0)), (probability > 0.5, (0, 0, 255))):
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, colour, 1)
    return np.asarray(cv2.resize(picture, (420, 420), interpolation=cv2.INTER_AREA), dtype=np.uint8)


if __name__ == "__main__":
    main()
