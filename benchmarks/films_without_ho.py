"""Prepare real films without ectopic bone as reviewed training films (``film_*.safetensors``).

    python benchmarks/films_without_ho.py LIST.csv FOLDER OUT [--model hip]

LIST.csv names each picture in FOLDER (``file``), what it shows (``region``: hip, knee, other), how many quarter turns
counter-clockwise bring it upright (``quarter_turns``), and how often it is to count (``copies``). Hips and knees are
taught as films that the model reads, all else as out of scope. ``models/hip/real_films.csv`` lists those that the
released weights learnt from, with their SHA-256. Whoever makes the list vouches that none shows ectopic bone, and for
the licence. With ``--model`` each hip keeps where ectopic bone may lie, by the bones that the model sees: nodules are
laid in there alone, and not into the cavity of the pelvis, where they would teach that a phlebolith is one.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ho_imaging.network.inference import predict
from ho_imaging.network.model_store import Model, load_model
from ho_imaging.preparing import PreparationContract, Prepared, prepare
from ho_imaging.reading import read_radiograph
from ho_imaging.training.films import Film
from ho_imaging.training.laying_in import beside_joint
from ho_imaging.training.reviewed_films import ReviewedFilm, ReviewedInfo, write_film
from ho_imaging.vocabulary import Structure

PIXEL_MM = 0.5
IN_SCOPE = {"hip", "knee"}


def main() -> None:
    """Read the list, check each picture against it, write the films."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", help="a model that outlines pelvis and femur")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    model = None if options.model is None else load_model(options.model)
    with options.list.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for line, row in enumerate(rows, start=2):
        path = options.folder / row["file"]
        if hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
            sys.exit(f"{options.list}:{line}: {path} is another picture than the list's; get the one that it names")
        prepared = prepare(read_radiograph(path), PreparationContract(pixel_mm=PIXEL_MM))
        turns = int(row["quarter_turns"])
        pixels, valid = (np.ascontiguousarray(np.rot90(part, turns)) for part in (prepared.pixels, prepared.valid))
        film = Film(pixels, valid, np.zeros(pixels.shape, dtype=np.uint16))
        info = ReviewedInfo(pixel_mm=PIXEL_MM, scope=row["region"] in IN_SCOPE, region=row["region"])
        may_lie = _may_lie(model, prepared, turns) if model is not None and row["region"] == "hip" else None
        for copy in range(int(row["copies"])):
            write_film(options.out / f"film_{path.stem}_{copy}.safetensors", ReviewedFilm(info, film, may_lie))


def _may_lie(model: Model, prepared: Prepared, turns: int) -> NDArray[np.bool_]:
    """Return where ectopic bone of the hips on a picture may lie, once it stands upright."""
    pixels, valid = (np.ascontiguousarray(np.rot90(part, turns)) for part in (prepared.pixels, prepared.valid))
    seen = predict(model, replace(prepared, pixels=pixels, valid=valid)).probabilities
    femur, pelvis = (
        ndimage.binary_opening(seen[structure] > 0.5, iterations=steps)
        for structure, steps in ((Structure.FEMUR, 5), (Structure.PELVIS, 3))
    )
    return beside_joint(femur, pelvis, PIXEL_MM)


if __name__ == "__main__":
    main()
