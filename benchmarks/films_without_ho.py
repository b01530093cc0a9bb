"""Prepare real films without ectopic bone as reviewed training films (``film_*.safetensors``).

    python benchmarks/films_without_ho.py LIST.csv FOLDER OUT

LIST.csv names each picture in FOLDER (``file``), what it shows (``region``: hip, knee, other), how many quarter turns
counter-clockwise bring it upright (``quarter_turns``), and how often it is to count (``copies``). Hips and knees are
taught as films that the model reads, all else as out of scope. ``models/hip/real_films.csv`` lists those that the
released weights learnt from, with their SHA-256. Whoever makes the list vouches that none shows ectopic bone, and for
the licence.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from pathlib import Path

import numpy as np

from ho_imaging.preparing import PreparationContract, prepare
from ho_imaging.reading import read_radiograph
from ho_imaging.training.films import Film
from ho_imaging.training.reviewed_films import ReviewedFilm, ReviewedInfo, write_film

PIXEL_MM = 0.5
IN_SCOPE = {"hip", "knee"}


def main() -> None:
    """Read the list, check each picture against it, write the films."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
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
        for copy in range(int(row["copies"])):
            write_film(options.out / f"film_{path.stem}_{copy}.safetensors", ReviewedFilm(info, film))


if __name__ == "__main__":
    main()
