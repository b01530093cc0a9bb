"""Hard example mining: positions of errors on training images, to be shown more often."""

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
"""False positives below this probability, and nodules detected above it, are not hard examples."""


class HardSpot(NamedTuple):
    """Position, (row, column) in pixels of the case, of a false positive or a missed nodule.

    ``case``: its `spot_name`.
    """

    case: str
    row: float
    column: float


def spot_name(case: Path) -> str:
    """Return the name of a case in hard examples: its path, since cases of two folders may share file names."""
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
    """Run the network on images of cases and return its false positives and missed nodules.

    Parameters
    ----------
    net
        The network.
    channel
        Channel of HO.
    cases
        Case files.
    rng
        Random generator.
    make_film
        Function that makes an image from a case.
    pixel_mm
        Side of the network's pixels in mm.

    Returns
    -------
    list of HardSpot
        Positions in pixels of the case.

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
    """Read the hard examples of a run; empty if there is no file yet."""
    if not path.exists():
        return []
    return [HardSpot(*entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def write_hard_spots(path: Path, spots: Sequence[HardSpot]) -> None:
    """Write the latest hard examples atomically."""
    write_text(path, json.dumps([list(spot) for spot in spots[-MOST_SPOTS:]]))
