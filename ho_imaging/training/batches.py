"""Training batches as a pure function of seed and step, so that a run can be resumed at any step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from ho_imaging.errors import UsageError
from ho_imaging.simulation.scene import VISIBLE_MM
from ho_imaging.training.augmentation import CropPlan, bent, change_picture, cut_crop
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, MIMIC_BIT, list_cases, read_case, read_nodules
from ho_imaging.training.config import DataConfig, TrainingConfig
from ho_imaging.training.films import Film, FilmMaker
from ho_imaging.training.laying_in import lay_in, soft_tissue
from ho_imaging.training.mining import HardSpot, read_hard_spots, spot_name
from ho_imaging.training.regrowth import Place, regrow, turned
from ho_imaging.training.reviewed_films import list_films, read_film
from ho_imaging.vocabulary import Structure

__all__ = ["Batch", "StepBatches", "list_training", "nodule_weights"]


DONORS = 4
"""Cases that are looked through for nodules to insert."""

SMALL_MM2, SMALL_SHARE = 120.0, 0.6
"""Nodules below this area are missed most often in real radiographs, so this share of insertions takes them alone."""

LAID_IN_BLUR_PX = (0.4, 1.5)
"""Blur of real radiographs on the prepared grid (range of the standard deviation in pixels); inserted nodules are
blurred alike."""


FILM_LANES = 2
"""Consecutive steps alternate between this many lanes, and steps of a lane share images. Batches must not depend on the
number of workers, and with two, the default, no image is made twice."""


EDGE_PX = 4
"""Distance from a nodule within which a pixel has the nodule's weight."""


class Batch(NamedTuple):
    """Crops and their truth.

    ``films``: (batch, 2, size, size) float32, image and valid mask. ``bits``: (batch, size, size) int32 masks.
    ``ho_weight``: (batch, size, size) float16 weight of pixels in the HO loss. ``scope``: (batch,) float32, 1 in scope.
    ``anatomy``: (batch,) float32, 1 where the masks of bones, implants and the body are known.
    """

    films: torch.Tensor
    bits: torch.Tensor
    ho_weight: torch.Tensor
    scope: torch.Tensor
    anatomy: torch.Tensor


class Drawn(NamedTuple):
    """Image to cut crops from; ``places`` are preferred centres, and ``hard`` restricts crops to them."""

    film: Film
    pixel_mm: float
    scope: bool
    anatomy: bool
    places: tuple[Place, ...] = ()
    hard: bool = False


def list_training(data: DataConfig) -> tuple[list[Path], list[Path]]:
    """Return the cases and the reviewed radiographs to train on.

    Parameters
    ----------
    data
        Folders, and shares of the two kinds.

    Returns
    -------
    cases, films : list of Path
        Files of the training split.

    Raises
    ------
    UsageError
        If there are none of a kind that batches are drawn from.

    """
    cases = list_cases(data.cases, "train")
    films = list_films(data.films, "train") if data.films is not None else []
    if data.films is not None and not films:
        raise UsageError("holds no reviewed training films", path=data.films, remedy="export reviews first")
    if not cases and not (films and data.film_share == 1.0):
        raise UsageError("holds no training cases", path=data.cases, remedy="simulate cases first")
    return cases, films


class StepBatches(Dataset[Batch]):
    """Dataset in which ``batches[step]`` is the whole batch of that step; use it with ``batch_size=None``.

    Parameters
    ----------
    cases
        Files of simulated cases.
    config
        Configuration of the run.
    make_film
        Function that makes an image from a case.
    steps
        Number of steps.
    hard_spots
        File of hard examples, read anew for each batch; with it a batch is a function of seed, step and that file.
        Examples of cases that are not in ``cases`` are ignored.
    films
        Files of reviewed radiographs, mixed with the cases according to ``data.film_share``.

    """

    def __init__(
        self,
        cases: Sequence[Path],
        config: TrainingConfig,
        make_film: FilmMaker,
        steps: int,
        hard_spots: Path | None = None,
        films: Sequence[Path] = (),
    ) -> None:
        self._cases = list(cases)
        self._by_name = {spot_name(path): path for path in self._cases}
        self._films = list(films)
        self._hard_spots = hard_spots
        self._config = config
        self._make_film = make_film
        self._steps = steps
        self._shared: dict[tuple[int, int, int], list[Drawn]] = {}

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> Batch:
        data = self._config.data
        rng = np.random.default_rng([self._config.run.seed, step])
        shares = np.array(data.crop_size_shares) / sum(data.crop_size_shares)
        halved = 2 if step < data.coarse_steps else 1
        whole = int(rng.choice(data.crop_sizes, p=shares))
        size, count = whole // halved, max(1, data.pixels_per_batch // whole**2)
        pixel_mm = self._config.preparation.pixel_mm * halved
        crops: list[Film] = []
        drawn: list[Drawn] = []
        each = data.crops_per_film * halved
        for from_film in self._draw_films(step, -(-count // each)):
            film = from_film.film
            for _ in range(min(each, count - len(crops))):
                # Crops have the network's pixel size, whatever the image's own is.
                scale = from_film.pixel_mm / pixel_mm
                plan = self._plan(film, from_film.places, size, rng, always=from_film.hard, scale=scale)
                bend = bent(size, pixel_mm, rng) if rng.random() < data.bend_share else None
                crops.append(change_picture(cut_crop(film, plan, bend), rng, travelled_share=data.travelled_share))
                drawn.append(from_film)
        return self._collate(crops, drawn, pixel_mm)

    def _draw_films(self, step: int, count: int) -> list[Drawn]:
        """Return the ``count`` images of a step; every ``FILM_LANES``-th step shares them, ``steps_per_film`` in all.

        Making an image costs four times as much as cutting a crop from it, and no two crops are augmented alike.
        Workers take steps in turn: with as many workers as lanes each makes its own images and no other does.
        """
        data = self._config.data
        # With one step per image the key is the step; with more it still does not depend on the number of workers.
        lane, group = step % FILM_LANES, step // (FILM_LANES * data.steps_per_film)
        key = (lane, group, count)
        if key not in self._shared:
            known = read_hard_spots(self._hard_spots) if self._hard_spots is not None and data.hard_share > 0 else []
            spots = [spot for spot in known if spot.case in self._by_name]
            rng = np.random.default_rng([self._config.run.seed, 2**34, lane, group])
            films: list[Drawn] = []
            for _ in range(count):
                # Nothing is drawn from the generator without reviewed films, so that such runs stay reproducible.
                is_reviewed = bool(self._films) and rng.random() < data.film_share
                films.append(self._draw_film(rng) if is_reviewed else self._draw_case(spots, rng))
            # A single process takes the lanes in turn and keeps the images of each.
            self._shared = {
                other: made for other, made in self._shared.items() if other[0] != lane or other[1] == group
            }
            self._shared[key] = films
        return self._shared[key]

    def _draw_case(self, spots: Sequence[HardSpot], rng: np.random.Generator) -> Drawn:
        data = self._config.data
        spot = spots[int(rng.integers(len(spots)))] if spots and rng.random() < data.hard_share else None
        path = self._cases[int(rng.integers(len(self._cases)))]
        case = read_case(path if spot is None else self._by_name[spot.case])
        places: tuple[Place, ...] = ()
        if spot is not None:
            places = (Place(round(spot.row), round(spot.column), 1, 1),)
        elif data.regrow and case.info.scope:
            donor = read_nodules(self._cases[int(rng.integers(len(self._cases)))])
            case, places = regrow(case, donor, rng)
        return Drawn(self._make_film(case, rng), case.info.pixel_mm, case.info.scope, True, places, spot is not None)

    def _draw_film(self, rng: np.random.Generator) -> Drawn:
        info, film, may_lie = read_film(self._films[int(rng.integers(len(self._films)))])
        share = self._config.data.lay_in_share
        shows_ho = bool((film.bits >> MASK_BITS[Structure.HO] & 1).any())
        # Nodules are inserted only where the model is meant to find them, not into hands or chests.
        if not info.scope or shows_ho or not self._cases or share == 0.0 or rng.random() >= share:
            return Drawn(film, info.pixel_mm, info.scope, anatomy=False)
        nodules = self._free_nodules(info.pixel_mm, rng)
        where = soft_tissue(film.pixels, film.valid, info.pixel_mm)
        if may_lie is not None:
            where &= may_lie
        blur_px = float(rng.uniform(*LAID_IN_BLUR_PX))
        laid = lay_in(film, nodules, where, int(rng.integers(1, 4)), rng, blur_px=blur_px)
        return Drawn(laid.film, info.pixel_mm, info.scope, anatomy=False, places=laid.places)

    def _free_nodules(self, pixel_mm: float, rng: np.random.Generator) -> list[NDArray[np.float32]]:
        """Return nodules that touch no bone, of one case, in mm of cortex; often small ones alone."""
        for _ in range(DONORS):
            donor, donated = read_nodules(self._cases[int(rng.integers(len(self._cases)))])
            free = [layer.mineral_mm for layer in donated if not layer.fixed]
            if not free:
                continue
            areas_mm2 = [float((mineral > VISIBLE_MM).sum()) * donor.pixel_mm**2 for mineral in free]
            if rng.random() < SMALL_SHARE:
                free = [one for one, area in zip(free, areas_mm2, strict=True) if area < SMALL_MM2] or free
            return [turned(mineral, rng, scale=donor.pixel_mm / pixel_mm) for mineral in free]
        return []

    def _plan(
        self,
        film: Film,
        places: tuple[Place, ...],
        size: int,
        rng: np.random.Generator,
        *,
        always: bool = False,
        scale: float = 1.0,
    ) -> CropPlan:
        data = self._config.data
        rows, columns = film.bits.shape
        smallest, largest = np.log(data.scale_range)
        scale *= float(np.exp(rng.uniform(smallest, largest)))
        chance = rng.random()
        ho = film.bits >> MASK_BITS[Structure.HO] & 1 == 1
        mimic = film.bits >> MIMIC_BIT & 1 == 1
        wander = rng.uniform(-0.35, 0.35, 2) * size / scale
        if places and (always or chance < data.ho_share):
            top, left, height, width = places[int(rng.integers(len(places)))]
            center = np.array([top + height * rng.random(), left + width * rng.random()]) + wander
        elif chance < data.ho_share and ho.any():
            center = _point_in_a_component(ho, rng) + wander
        elif chance < data.ho_share + data.mimic_share and mimic.any():
            center = _point_in_a_component(mimic, rng) + wander
        else:
            reach = np.array([rows, columns]) - size / scale
            # A crop larger than the image is centred on it, with some jitter.
            center = np.array([rows, columns]) / 2 + rng.uniform(-0.5, 0.5, 2) * np.maximum(reach, 0.15 * size)
        return CropPlan(
            center=(float(center[0]), float(center[1])),
            size=size,
            rotation_deg=float(rng.uniform(-data.rotation_deg, data.rotation_deg)),
            scale=scale,
            mirrored=bool(rng.random() < data.flip_share),
        )

    def _collate(self, crops: Sequence[Film], drawn: Sequence[Drawn], pixel_mm: float) -> Batch:
        loss = self._config.loss
        films = np.stack([np.stack([crop.pixels, crop.valid]).astype(np.float32) for crop in crops])
        bits = np.stack([crop.bits for crop in crops])
        small_px = loss.small_nodule_area_mm2 / pixel_mm**2
        weights = np.stack(
            [
                nodule_weights(
                    crop.bits,
                    small_px,
                    loss.small_nodule_max_weight,
                    mimic_weight=loss.mimic_pixel_weight,
                    # A reader's outline has no fringe: open pixels there are uncertain.
                    fringe_share=loss.fringe_share if item.anatomy else 0.0,
                )
                for crop, item in zip(crops, drawn, strict=True)
            ]
        )
        return Batch(
            torch.from_numpy(films),
            # PyTorch shifts no uint16.
            torch.from_numpy(bits.astype(np.int32)),
            torch.from_numpy(weights),
            torch.tensor([item.scope for item in drawn], dtype=torch.float32),
            torch.tensor([item.anatomy for item in drawn], dtype=torch.float32),
        )


def nodule_weights(
    bits: NDArray[np.uint16],
    small_area_px: float,
    max_weight: float,
    *,
    mimic_weight: float = 1.0,
    fringe_share: float = 0.0,
) -> NDArray[np.float16]:
    """Return the weight of each pixel in the HO loss.

    In nodules smaller than ``small_area_px`` the weight is the root of the ratio of areas: otherwise a nodule of 5 mm
    would count a hundredth of one of 5 cm, though both are findings. Pixels within a few pixels of a nodule have its
    weight as well: if false positives cost less than false negatives there, outlines would be too wide. Open pixels
    have the weight 0.

    Parameters
    ----------
    bits
        (rows, columns) uint16 masks, see `ho_imaging.training.cases`.
    small_area_px
        Area in pixels below which nodules count more.
    max_weight
        Largest weight.
    mimic_weight
        Weight of mimics outside nodules.
    fringe_share
        Fraction of a nodule's weight that its thin fringe has, as no bone: outlines then end where bone starts to show.

    Returns
    -------
    ndarray
        (rows, columns) float16.

    """
    ho = (bits >> MASK_BITS[Structure.HO] & 1).astype(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(ho, connectivity=8)
    areas = statistics[:, cv2.CC_STAT_AREA].astype(np.float64)
    weights = np.clip(np.sqrt(small_area_px / np.maximum(areas, 1.0)), 1.0, max_weight).astype(np.float32)
    weights[0] = 0.0
    of_nodules = weights[labels]
    near = cv2.dilate(of_nodules, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * EDGE_PX + 1, 2 * EDGE_PX + 1)))
    is_mimic = bits >> MIMIC_BIT & 1 == 1
    beside = np.maximum(near, np.where(is_mimic, np.float32(mimic_weight), np.float32(1.0)))
    is_open = bits >> IGNORE_BIT & 1 == 1
    weighted = np.where(ho == 1, np.where(is_open, 0.0, of_nodules), np.where(is_open, fringe_share * near, beside))
    return np.asarray(weighted, dtype=np.float16)


def _point_in_a_component(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a point in a random component, each equally likely, so that small nodules come as often as large ones."""
    count, _, statistics, centroids = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    chosen = int(rng.integers(1, count))
    spread = statistics[chosen, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]] / 2
    return np.asarray(centroids[chosen][::-1] + rng.uniform(-1.0, 1.0, 2) * spread, dtype=np.float64)
