"""Films of an export, as files to train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from ho_imaging.errors import UsageError
from ho_imaging.preparing import PreparationContract, prepare
from ho_imaging.reading import Radiograph, read_radiograph
from ho_imaging.reading.read import ImageRef
from ho_imaging.readings.film_truth import film_truth
from ho_imaging.results.folder import batch_results, folder_name
from ho_imaging.results.schema import ImageResult
from ho_imaging.review.films import FilmSource
from ho_imaging.review.leaving import Leaving
from ho_imaging.review.patient_split import patient_key, split_of
from ho_imaging.review.reviewed_studies import Reviewed
from ho_imaging.training.cases import BITS, IGNORE_BIT, MASK_BITS, MIMIC_BIT, Split, as_bit
from ho_imaging.training.films import Film
from ho_imaging.training.reviewed_films import ReviewedFilm, ReviewedInfo, write_film
from ho_imaging.vocabulary import SpacingBasis, Structure

__all__ = ["FILMS_FOLDER", "FilmPlaces", "film_path", "read_again", "write_plain_film", "write_reviewed_film"]


FILMS_FOLDER = "films"


class FilmPlaces:
    """Files of a batch's images: at their old path, below the batch's folder or its parents, or in folders named."""

    def __init__(self, batch: Path, told: Sequence[str | PathLike[str]]) -> None:
        images = [image for _, result in batch_results(batch) for image in result.images]
        near = (batch, *batch.resolve().parents)
        self._films = FilmSource(images, near=near, folders=told)

    def of(self, image: ImageResult) -> Path:
        """Return the file of an image; raise `UsageError` if it is not found."""
        found = self._films.locate(image.sop_instance_uid)
        if not isinstance(found, Path):
            raise UsageError("was analysed from memory", remedy="analyse it from a file")
        return found


def read_again(path: Path, image: ImageResult) -> Radiograph:
    """Read an image as it was analysed, with what the caller stated then in place of its file."""
    radiograph = read_radiograph(path, frame=image.frame or None, **image.callers_word())
    if radiograph.shape != (image.rows, image.columns) or (radiograph.sop_instance_uid != image.sop_instance_uid):
        raise UsageError("is another film than the one that was analysed", path=path, remedy="analyse it again")
    return radiograph


def write_reviewed_film(
    reviewed: Reviewed,
    image: ImageResult,
    radiograph: Radiograph,
    out: Path,
    contract: PreparationContract,
    split: Split,
    leaving: Leaving,
) -> None:
    """Write a reviewed image with its masks, prepared for the model, as a file to train on."""
    by_heads = image.measured_spacing_mm if image.measured_basis == SpacingBasis.ANATOMICAL else None
    prepared = prepare(radiograph, contract, source_pixel_mm=None if by_heads is None else by_heads[1])
    shape = (prepared.pixels.shape[0], prepared.pixels.shape[1])
    truth = film_truth(reviewed.readings, image.sop_instance_uid, shape, prepared.grid.points_to_prepared)
    bits = (
        as_bit(truth.ho, MASK_BITS[Structure.HO])
        | as_bit(truth.is_open, IGNORE_BIT)
        | as_bit(truth.not_bone, MIMIC_BIT)
    )
    info = ReviewedInfo(
        pixel_mm=contract.pixel_mm,
        study_uid=leaving.uid(reviewed.result.study_uid),
        image_uid=leaving.uid(image.sop_instance_uid),
        region=str(image.region),
        view=str(image.view),
        split=split,
        readers=tuple(leaving.reader(reading.reader) for reading in reviewed.readings),
    )
    film = Film(prepared.pixels, prepared.valid, bits)
    write_film(film_path(out, info.image_uid), ReviewedFilm(info, film))


def film_path(out: Path, image_uid: str) -> Path:
    """Return the path of an image's file to train on."""
    return out / FILMS_FOLDER / f"film_{folder_name(image_uid)}.safetensors"


def write_plain_film(
    image: ImageRef,
    out: Path,
    contract: PreparationContract,
    shares: Mapping[str, float],
    leaving: Leaving,
    *,
    scope: bool,
) -> None:
    """Write an image without ectopic bone, prepared for the model; ``scope``: it is of the model's kind."""
    path = film_path(out, leaving.uid(image.sop_instance_uid))
    radiograph = read_radiograph(image)
    prepared = prepare(radiograph, contract)
    info = ReviewedInfo(
        pixel_mm=contract.pixel_mm,
        study_uid=leaving.uid(image.study_uid),
        image_uid=leaving.uid(image.sop_instance_uid),
        region=radiograph.region.value.value,
        view=radiograph.view.value.value,
        split=split_of(patient_key(image.path, image.study_uid), **shares),
        scope=scope,
    )
    bits = np.zeros(prepared.pixels.shape, dtype=BITS)
    write_film(path, ReviewedFilm(info, Film(prepared.pixels, prepared.valid, bits)))
