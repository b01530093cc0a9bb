"""Export of a training run as a model folder: averaged weights, calibration, thresholds and a model card."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logit

from ho_imaging.errors import ModelError
from ho_imaging.findings.nodules import GROW_SHARE, POSSIBLE_LEVEL, SMALLEST_NODULE_MM2
from ho_imaging.network.calibration import Calibration, calibrate
from ho_imaging.network.devices import choose_device, choose_dtype
from ho_imaging.network.model_store import ModelDescription, find_model, read_description, save_model
from ho_imaging.network.unet import UNet
from ho_imaging.statistics.detection import FilmLesions, match_lesions
from ho_imaging.training.averaging import halfway
from ho_imaging.training.calibration import best_dice_threshold, fit_platt, scope_cut
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS
from ho_imaging.training.checkpoint import read_average
from ho_imaging.training.config import copy_config, load_config
from ho_imaging.training.films import FilmMaker, simulate_film
from ho_imaging.training.initial_weights import without_mimics
from ho_imaging.training.loop import BEST_FILE
from ho_imaging.training.validation import (
    FilmLogits,
    ValidationFilm,
    film_logits,
    inference_net,
    make_validation_films,
    score_films,
)
from ho_imaging.vocabulary import Structure

__all__ = ["export_model"]

logger = logging.getLogger(__name__)

SAMPLES_PER_FILM = 20_000

HIGHEST_THRESHOLD = 0.99

USUAL_SHARE = 0.95
"""Fraction of the images in scope that have at least the usual scope logit; the others are tested for polarity and
orientation, which takes time."""

MOST_FALSE_ALARMS_PER_FILM = 0.125
"""Half of the rate that readers accept (Schultheiss et al. 2021: 0.26): images of manufacturers that were not in
training give more false positives than those of validation, and few nodules are lost from a quarter to an eighth."""


def export_model(
    config_path: Path,
    run_dir: Path,
    folder: Path,
    *,
    version: str,
    cases_dir: Path | None = None,
    films_dir: Path | None = None,
    checkpoint: str = BEST_FILE,
    halfway_to: str | Path | None = None,
    calibration_films: int = 320,
    make_film: FilmMaker = simulate_film,
) -> ModelDescription:
    """Write a run's averaged weights as a model, with calibration and thresholds fitted on validation images.

    The images are made anew from the validation cases; reviewed radiographs of the validation split are added. What
    these images cannot determine, such as the thresholds of anatomy on reviewed ones, is taken from the model that the
    run began from. The configuration is copied as ``training.toml``.

    Parameters
    ----------
    config_path
        Configuration of the run.
    run_dir
        Folder of the run.
    folder
        Folder of the model to write; its name is the model's name.
    version
        Version of the model.
    cases_dir
        Folder of cases, in place of the configuration's.
    films_dir
        Folder of reviewed radiographs, in place of the configuration's.
    checkpoint
        File name of the checkpoint in ``run_dir``.
    halfway_to
        Name or folder of a model to average the weights with, see `ho_imaging.training.averaging`.
    calibration_films
        Number of validation cases, and of reviewed radiographs, to calibrate on.
    make_film
        Function that makes an image from a case.

    Returns
    -------
    ModelDescription
        Description of the model that was written.

    Raises
    ------
    UsageError
        If the run was made with another configuration, or there are no validation cases.
    ReadError
        If the checkpoint cannot be read.

    """
    config = load_config(config_path, cases_dir=cases_dir, films_dir=films_dir)
    state, progress = read_average(run_dir / checkpoint, config.fixed)
    if halfway_to is not None:
        state = halfway(state, halfway_to, config, make_film)
    films = make_validation_films(
        config.data.cases,
        calibration_films,
        config.run.seed + 1,
        make_film,
        config.data.films,
        pixel_mm=config.preparation.pixel_mm,
    )
    device = choose_device()
    # Calibrated in the number format that most users will use.
    tested = inference_net(state, config.network, len(config.structures), device, choose_dtype(device))
    logits = film_logits(tested, films)
    base = _described(progress.began_from if halfway_to is None else halfway_to)
    calibration, thresholds = _calibrate_structures(films, logits, config.structures, config.run.seed, base)
    scope_calibration, scope_threshold, usual_scope_logit = _calibrate_scope(films, logits, base)
    scores = score_films(films, logits, config.structures)
    if not any(info.anatomy_known for info, _, _ in films):
        for structure in set(config.structures) - {Structure.HO}:
            del scores[f"dice_{structure}"]  # no truth
    net = UNet(config.network, len(config.structures))
    net.load_state_dict(without_mimics(state, len(config.structures)))
    folder.mkdir(parents=True, exist_ok=True)
    copy_config(config_path, folder / "training.toml")
    return save_model(
        folder,
        net,
        name=folder.name,
        version=version,
        structures=config.structures,
        preparation=config.preparation,
        thresholds=thresholds,
        calibration=calibration,
        scope_threshold=scope_threshold,
        scope_calibration=scope_calibration,
        usual_scope_logit=usual_scope_logit,
        finding_confidence=_finding_confidence(films, _ho_maps(logits, config.structures, calibration), base),
        training={
            "seed": config.run.seed,
            "steps": progress.step,
            "minutes": round(progress.seconds / 60, 1),
            "torch": torch.__version__.split("+")[0],
        },
        card=_card(folder.name, version, films, scores, thresholds),
    )


def _described(model: str | Path | None) -> ModelDescription | None:
    """Return the description of the model that a run began from; None for random weights or a missing model."""
    if not model:
        return None
    try:
        return read_description(find_model(model))
    except ModelError as error:
        logger.warning("the initial model of the run is not available: %s", error)
        return None


def _both(labels: NDArray[np.bool_]) -> bool:
    """Return True if there are both positives and negatives to fit."""
    return bool(labels.any() and not labels.all())


def _warn(what: str, base: ModelDescription | None) -> None:
    taken = "a default" if base is None else f"that of {base.name} {base.version}"
    logger.warning("the validation images do not determine %s; using %s", what, taken)


def _calibrate_structures(
    films: Sequence[ValidationFilm],
    logits: Sequence[FilmLogits],
    structures: Sequence[Structure],
    seed: int,
    base: ModelDescription | None,
) -> tuple[dict[Structure, Calibration], dict[Structure, float]]:
    rng = np.random.default_rng(seed)
    calibration: dict[Structure, Calibration] = {}
    thresholds: dict[Structure, float] = {}
    for channel, structure in enumerate(structures):
        samples, truths = [np.empty(0, dtype=np.float32)], [np.empty(0, dtype=bool)]
        for (info, film, _), given in zip(films, logits, strict=True):
            counts = film.valid
            if structure is Structure.HO:
                counts = counts & (film.bits >> IGNORE_BIT & 1 == 0)
            elif not info.anatomy_known:
                continue
            chosen = _sample(counts, rng)
            samples.append(given.structures[channel].ravel()[chosen])
            truths.append((film.bits.ravel()[chosen] >> MASK_BITS[structure] & 1).astype(bool))
        sample, truth = np.concatenate(samples), np.concatenate(truths)
        if _both(truth):
            calibration[structure] = fit_platt(sample, truth)
            thresholds[structure] = best_dice_threshold(calibrate(sample, calibration[structure]), truth)
        else:
            _warn(f"the threshold of {structure}", base)
            calibration[structure] = Calibration() if base is None else base.calibration[structure]
            thresholds[structure] = 0.5 if base is None else base.thresholds[structure]
        if structure is Structure.HO:
            maps = _ho_maps(logits, structures, calibration)
            thresholds[structure] = _operating_threshold(films, maps, least=thresholds[structure])
    return calibration, thresholds


def _calibrate_scope(
    films: Sequence[ValidationFilm], logits: Sequence[FilmLogits], base: ModelDescription | None
) -> tuple[Calibration, float, float | None]:
    """Return the calibration of the scope logit, the threshold on its probability, and the usual logit in scope."""
    scope_logits = np.array([given.scope for given in logits], dtype=np.float32)
    in_scope = np.array([info.scope for info, _, _ in films])
    if _both(in_scope):
        calibration = fit_platt(scope_logits, in_scope)
        usual = round(float(np.quantile(scope_logits[in_scope], 1.0 - USUAL_SHARE)), 2)
        return calibration, scope_cut(calibrate(scope_logits, calibration), in_scope), usual
    _warn("the scope threshold (0 lets every film through)", base)
    if base is None:
        return Calibration(), 0.0, None
    return base.scope_calibration, base.scope_threshold, base.usual_scope_logit


def _ho_maps(
    logits: Sequence[FilmLogits], structures: Sequence[Structure], calibration: Mapping[Structure, Calibration]
) -> list[NDArray[np.float32]]:
    channel = list(structures).index(Structure.HO)
    return [calibrate(given.structures[channel], calibration[Structure.HO]) for given in logits]


def _operating_threshold(
    films: Sequence[ValidationFilm], maps: Sequence[NDArray[np.float32]], *, least: float
) -> float:
    """Return the lowest threshold from ``least`` on with at most `MOST_FALSE_ALARMS_PER_FILM` per image."""
    tried = [*np.arange(round(least, 2), 0.96, 0.02), 0.97, 0.98, HIGHEST_THRESHOLD]
    for threshold in (value for value in tried if value >= round(least, 2)):
        matched = _match(films, maps, level=GROW_SHARE * float(threshold))
        alarms = sum(int((film.false_alarm_scores >= threshold).sum()) for film in matched)
        if alarms <= MOST_FALSE_ALARMS_PER_FILM * len(matched):
            return round(float(threshold), 2)
    return HIGHEST_THRESHOLD


def _finding_confidence(
    films: Sequence[ValidationFilm], maps: Sequence[NDArray[np.float32]], base: ModelDescription | None
) -> Calibration:
    """Fit the probability that a candidate is a nodule, from the highest probability in it."""
    matched = _match(films, maps, level=GROW_SHARE * POSSIBLE_LEVEL)
    right = np.concatenate([np.empty(0), *(film.lesion_scores for film in matched)])
    wrong = np.concatenate([np.empty(0), *(film.false_alarm_scores for film in matched)])
    scores = np.concatenate([right, wrong])
    is_nodule = np.arange(len(scores)) < len(right)
    counts = scores >= POSSIBLE_LEVEL
    if not _both(is_nodule[counts]):
        _warn("the confidence of findings", base)
        return Calibration() if base is None else base.finding_confidence
    return fit_platt(logit(scores[counts].clip(1e-6, 1 - 1e-6)), is_nodule[counts])


def _match(films: Sequence[ValidationFilm], maps: Sequence[NDArray[np.float32]], *, level: float) -> list[FilmLesions]:
    """Match candidates with nodules on images in scope; images out of scope are refused and give no false positives."""
    return [
        match_lesions(
            np.where(film.valid, probability, np.float32(0.0)),
            (film.bits >> MASK_BITS[Structure.HO] & 1).astype(bool),
            pixel_mm=pixel_mm,
            ignore=(film.bits >> IGNORE_BIT & 1).astype(bool),
            threshold=level,
            min_area_mm2=SMALLEST_NODULE_MM2,
        )
        for (info, film, pixel_mm), probability in zip(films, maps, strict=True)
        if info.scope
    ]


def _sample(counts: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw at most `SAMPLES_PER_FILM` of the pixels that count, as flat indices."""
    where = np.flatnonzero(counts)
    return where if len(where) <= SAMPLES_PER_FILM else rng.choice(where, SAMPLES_PER_FILM, replace=False)


def _card(
    name: str,
    version: str,
    films: Sequence[ValidationFilm],
    scores: Mapping[str, float],
    thresholds: Mapping[Structure, float],
) -> str:
    reviewed = sum(not info.anatomy_known for info, _, _ in films)
    adapted = (
        f"Fine-tuned on radiographs reviewed by a site's readers. {reviewed} of the images below are reviewed;\n"
        "the scores of HO are over both kinds.\n\n"
    )
    rows = "\n".join(f"| {key} | {value:.3f} |" for key, value in scores.items() if np.isfinite(value))
    cuts = "\n".join(f"| {structure} | {value:.2f} |" for structure, value in thresholds.items())
    return f"""# {name} {version}

Outlines heterotopic ossification, pelvis, femur, femoral heads, implants and the body on radiographs of hip and pelvis.

**For research only.** Trained on simulated radiographs; the scores below are on simulated images as well and say
nothing about patients.

{adapted if reviewed else ""}## Performance on {len(films)} {"" if reviewed else "simulated "}validation images

The same images were used to choose the checkpoint, the calibration and the thresholds.

| score | value |
| --- | --- |
{rows}

## Thresholds on the calibrated probability

| structure | threshold |
| --- | --- |
{cuts}
"""
