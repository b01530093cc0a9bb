"""Validation of the averaged weights, on the same simulated images every time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ho_imaging.errors import UsageError
from ho_imaging.network.architecture import Architecture
from ho_imaging.network.inference import predict_logits
from ho_imaging.network.unet import UNet, fold_batch_norm
from ho_imaging.statistics.detection import cpm, froc, match_lesions, sensitivity_at
from ho_imaging.statistics.roc import auroc
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, CaseInfo, list_cases, read_case
from ho_imaging.training.films import Film, FilmMaker, on_grid
from ho_imaging.training.initial_weights import without_mimics
from ho_imaging.training.reviewed_films import ReviewedInfo, list_films, read_film
from ho_imaging.vocabulary import Structure

__all__ = [
    "FilmLogits",
    "ValidationFilm",
    "film_logits",
    "inference_net",
    "make_validation_films",
    "score_films",
    "spread",
]


class ValidationFilm(NamedTuple):
    """Image of the validation set, its pixel size, and the metadata of its case or review."""

    info: CaseInfo | ReviewedInfo
    film: Film
    pixel_mm: float


@dataclass(frozen=True, eq=False)
class FilmLogits:
    """Logits of one image: (structures, rows, columns) float32, and the scope logit."""

    structures: NDArray[np.float32]
    scope: float


def make_validation_films(
    folder: Path, count: int, seed: int, make_film: FilmMaker, films_dir: Path | None = None, *, pixel_mm: float
) -> list[ValidationFilm]:
    """Make images of validation cases on the network's grid; the same for the same seed.

    Parameters
    ----------
    folder
        Folder of cases.
    count
        Number of cases, spread evenly over all, and of reviewed radiographs.
    seed
        Seed of the images.
    make_film
        Function that makes an image from a case.
    films_dir
        Folder of reviewed radiographs to add, or ``None``.
    pixel_mm
        Side of the network's pixels in mm.

    Returns
    -------
    list of ValidationFilm
        Cases first.

    Raises
    ------
    UsageError
        If there are neither validation cases nor reviewed radiographs.

    """
    films = []
    for index, path in enumerate(spread(list_cases(folder, "val"), count)):
        case = read_case(path)
        made = make_film(case, np.random.default_rng([seed, 2**32 + index]))
        films.append(ValidationFilm(case.info, on_grid(made, case.info.pixel_mm, pixel_mm), pixel_mm))
    if films_dir is not None:
        for path in spread(list_films(films_dir, "val"), count):
            info, film, _ = read_film(path)
            films.append(ValidationFilm(info, on_grid(film, info.pixel_mm, pixel_mm), pixel_mm))
    if not films:
        raise UsageError("holds no validation cases", path=folder, remedy='simulate cases with split "val"')
    return films


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """Return ``count`` of the paths at even distances, so that every kind of case is represented."""
    if len(paths) <= count:
        return list(paths)
    return [paths[round(position)] for position in np.linspace(0, len(paths) - 1, count)]


def inference_net(
    state: Mapping[str, Tensor], architecture: Architecture, structures: int, device: torch.device, dtype: torch.dtype
) -> UNet:
    """Build the network for inference: evaluation mode, batch normalisation folded, in the given number format.

    Parameters
    ----------
    state
        Weights by name.
    architecture
        Architecture of the network.
    structures
        Number of structures.
    device, dtype
        Device and number format.

    Returns
    -------
    UNet
        Without the map of mimics.

    """
    net = UNet(architecture, structures)
    net.load_state_dict(without_mimics(state, structures))
    return fold_batch_norm(net.eval().requires_grad_(False)).to(device=device, dtype=dtype)


def film_logits(net: UNet, films: Sequence[ValidationFilm]) -> list[FilmLogits]:
    """Run the network on whole images.

    Parameters
    ----------
    net
        From `inference_net`.
    films
        Images of the validation set.

    Returns
    -------
    list of FilmLogits
        One per image.

    """
    return [FilmLogits(*predict_logits(net, film.pixels, film.valid)) for _, film, _ in films]


def score_films(
    films: Sequence[ValidationFilm], logits: Sequence[FilmLogits], structures: Sequence[Structure]
) -> dict[str, float]:
    """Return the scores of a set of images.

    Parameters
    ----------
    films
        Images of the validation set.
    logits
        Their logits.
    structures
        Structures in channel order.

    Returns
    -------
    dict of str to float
        ``score``: mean of the HO Dice and the HO competition performance metric (CPM), or the Dice alone if the images
        show no lesion and the metric is NaN. ``dice_<structure>``: over the pixels of all images, for structures other
        than HO only of those with known anatomy, at a probability of one half. ``froc_1``: lesion sensitivity at one
        false positive per image. ``cpm``, ``film_auroc``, ``scope_auroc``: CPM, and AUC of the images and of the scope.

    """
    scores: dict[str, float] = {}
    ho_open = [(film.bits >> IGNORE_BIT & 1).astype(bool) for _, film, _ in films]
    for channel, structure in enumerate(structures):
        overlap = total = 0
        for (info, film, _), given, is_open in zip(films, logits, ho_open, strict=True):
            if structure is not Structure.HO and not info.anatomy_known:
                continue
            counts = film.valid & ~is_open if structure is Structure.HO else film.valid
            truth = (film.bits >> MASK_BITS[structure] & 1).astype(bool) & counts
            found = (given.structures[channel] > 0) & counts
            overlap += int((truth & found).sum())
            total += int(truth.sum()) + int(found.sum())
        scores[f"dice_{structure}"] = 2 * overlap / total if total else 1.0
    if Structure.HO in structures:
        channel = list(structures).index(Structure.HO)
        matched = [
            match_lesions(
                np.where(film.valid, 1 / (1 + np.exp(-given.structures[channel])), 0.0).astype(np.float32),
                (film.bits >> MASK_BITS[Structure.HO] & 1).astype(bool) & film.valid & ~is_open,
                pixel_mm=pixel_mm,
                ignore=is_open,
            )
            for (_, film, pixel_mm), given, is_open in zip(films, logits, ho_open, strict=True)
        ]
        curve = froc(matched)
        scores["cpm"] = cpm(curve)
        scores["froc_1"] = sensitivity_at(curve, 1.0)
        scores["film_auroc"] = auroc([film.film_score for film in matched], [film.has_lesion for film in matched])
        scores["score"] = float(np.nanmean([scores["dice_ho"], scores["cpm"]]))
    scores["scope_auroc"] = auroc([given.scope for given in logits], [info.scope for info, _, _ in films])
    return scores
