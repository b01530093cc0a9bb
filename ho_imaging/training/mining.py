"""Hard examples: where the network goes wrong on its own training films, so that it sees those places more often."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ho_imaging.files.atomic import write_text
from ho_imaging.network.inference import predict_logits
from ho_imaging.network.unet import UNet
from ho_imaging.statistics.detection import match_lesions
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, read_case
from ho_imaging.training.films import FilmMaker, on_grid
from ho_imaging.vocabulary import Structure

__all__ = ["HardSpot", "find_hard_spots", "read_hard_spots", "spot_name", "write_hard_spots"]

MOST_SPOTS = 1000
CERTAIN = 0.3
"""A false alarm below this probability, or a nodule found above it, teaches little."""


class HardSpot(NamedTuple):
    """Row and column on a case's film where the network raised a false alarm or missed a nodule.

    ``case``: its `spot_name`.
    """

    case: str
    row: float
    column: float


def spot_name(case: Path) -> str:
    """Give what a spot calls its case: the whole path, since cases of two folders may share their file names."""
    return str(case.absolute())


def find_hard_spots(
    net: UNet,
    channel: int,
    cases: Sequence[Path],
    rng: np.random.Generator,
    make_film: FilmMaker,
    *,
    pixel_mm: float,
) -> list[HardSpot]:
    """Run the network over films of ``cases`` and list its false alarms and misses; ``channel`` is that of HO.

    ``pixel_mm``: of the grid that the network sees. Spots are in the pixels of the case.
    """
    spots: list[HardSpot] = []
    for path in cases:
        case = read_case(path)
        film = on_grid(make_film(case, rng), case.info.pixel_mm, pixel_mm)
        scale = pixel_mm / case.info.pixel_mm
        logits, _ = predict_logits(net, film.pixels, film.valid)
        probability = np.where(film.valid, 1.0 / (1.0 + np.exp(-logits[channel])), 0.0).astype(np.float32)
        truth = (film.bits >> MASK_BITS[Structure.HO] & 1 == 1) & film.valid
        is_open = film.bits >> IGNORE_BIT & 1 == 1
        matched = match_lesions(probability, truth, pixel_mm=pixel_mm, ignore=is_open, threshold=CERTAIN)
        columns = film.bits.shape[1]
        alarms = (np.divmod(pixels, columns) for pixels in matched.false_alarm_pixels)
        spots += [HardSpot(spot_name(path), scale * float(r.mean()), scale * float(c.mean())) for r, c in alarms]
        spots += [HardSpot(spot_name(path), scale * row, scale * column) for row, column in matched.missed_centers_rc]
    return spots


def read_hard_spots(path: Path) -> list[HardSpot]:
    """Read the spots of a run; none where there is no file yet."""
    if not path.exists():
        return []
    return [HardSpot(*entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def write_hard_spots(path: Path, spots: Sequence[HardSpot]) -> None:
    """Write the latest spots, whole or not at all."""
    write_text(path, json.dumps([list(spot) for spot in spots[-MOST_SPOTS:]]))
