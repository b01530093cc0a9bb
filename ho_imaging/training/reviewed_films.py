"""Reviewed radiographs on disk: a site's images, prepared for the network, with the nodules outlined by readers.

Each ``film_*.safetensors`` file holds ``pixels`` uint16 (rows, columns), the normalised image of `Prepared` times
65535; ``bits`` uint16 of the same shape, the masks of `ho_imaging.training.cases`; ``valid`` uint8; ``may_lie`` uint8,
where it is known where ectopic bone may lie; and `ReviewedInfo` as JSON. Unlike a case such an image is not exposed
anew, only augmented. Readers review only ectopic bone, so the anatomy of these images is not used in training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ho_imaging.errors import ReadError
from ho_imaging.files.atomic import write_bytes
from ho_imaging.training.cases import BITS, IGNORE_BIT, MASK_BITS, MASKS_VERSION, MAX_SIDE, MIMIC_BIT, Split, read_bits
from ho_imaging.training.films import Film
from ho_imaging.vocabulary import Structure

__all__ = ["ReviewedFilm", "ReviewedInfo", "list_films", "read_film", "read_film_info", "write_film"]

_FULL = 65535.0
_MEANT_BITS = 1 << MASK_BITS[Structure.HO] | 1 << IGNORE_BIT | 1 << MIMIC_BIT


class ReviewedInfo(BaseModel):
    """Metadata of a reviewed radiograph. ``scope``: whether it is of a kind that the model is made for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pixel_mm: Annotated[float, Field(gt=0.0)]
    study_uid: str = ""
    image_uid: str = ""
    region: str = "hip"
    view: str = "ap"
    split: Split = "train"
    scope: bool = True
    readers: tuple[str, ...] = ()
    """Readers of the outlines; empty for images that nobody outlined because they show no ectopic bone."""

    @property
    def anatomy_known(self) -> bool:
        """False: readers do not review the masks of bones, implants and the body."""
        return False


class ReviewedFilm(NamedTuple):
    """A reviewed radiograph in memory."""

    info: ReviewedInfo
    film: Film
    may_lie: NDArray[np.bool_] | None = None
    """Mask of the pixels where simulated nodules may be laid in, (rows, columns); ``None`` if unknown."""


def write_film(path: Path, reviewed: ReviewedFilm) -> None:
    """Write a reviewed radiograph atomically.

    Parameters
    ----------
    path
        File to write.
    reviewed
        The radiograph and its metadata.

    """
    film = reviewed.film
    tensors = {
        "pixels": np.rint(np.clip(film.pixels, 0.0, 1.0) * _FULL).astype(np.uint16),
        "bits": np.ascontiguousarray(film.bits & _MEANT_BITS, dtype=BITS),
        "valid": np.ascontiguousarray(film.valid, dtype=np.uint8),
    }
    if reviewed.may_lie is not None:
        tensors["may_lie"] = np.ascontiguousarray(reviewed.may_lie, dtype=np.uint8)
    about = reviewed.info.model_dump(mode="json") | {"masks_version": MASKS_VERSION}
    write_bytes(path, save(tensors, metadata={"film": json.dumps(about)}))


def read_film(path: Path) -> ReviewedFilm:
    """Read a reviewed radiograph.

    Parameters
    ----------
    path
        File written by `write_film`.

    Returns
    -------
    ReviewedFilm
        The radiograph and its metadata.

    Raises
    ------
    ReadError
        If it is not such a file.

    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            info = _info(file.metadata(), path)
            shape = tuple(file.get_slice("bits").get_shape())
            if len(shape) != 2 or max(shape) > MAX_SIDE or 0 in shape:
                raise _wrong(path, f"has masks of shape {shape}")
            pixels, kept, valid = (file.get_tensor(name) for name in ("pixels", "bits", "valid"))
            bits = read_bits(kept, file.metadata()["film"], path)
            may_lie = file.get_tensor("may_lie") if "may_lie" in file.keys() else None  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError) as error:
        if isinstance(error, ReadError):
            raise
        raise _wrong(path, f"is not a reviewed film: {error}") from error
    shapes = {part.shape for part in (pixels, bits, valid, *([] if may_lie is None else [may_lie]))}
    if (pixels.dtype, valid.dtype) != (np.uint16, np.uint8) or len(shapes) != 1:
        raise _wrong(path, "holds arrays of different shapes or types")
    return ReviewedFilm(info, _film(pixels, bits, valid), None if may_lie is None else may_lie > 0)


def read_film_info(path: Path) -> ReviewedInfo:
    """Read the metadata of a reviewed radiograph, without its arrays.

    Parameters
    ----------
    path
        File written by `write_film`.

    Returns
    -------
    ReviewedInfo
        The metadata.

    Raises
    ------
    ReadError
        If it is not such a file.

    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            return _info(file.metadata(), path)
    except (OSError, SafetensorError) as error:
        if isinstance(error, ReadError):
            raise
        raise _wrong(path, f"is not a reviewed film: {error}") from error


def list_films(folder: Path, split: Split | None = None) -> list[Path]:
    """Return the reviewed radiographs of a folder, sorted by name.

    Parameters
    ----------
    folder
        Folder of ``film_*.safetensors``.
    split
        Restrict to one split.

    Returns
    -------
    list of Path
        The files.

    """
    paths = sorted(folder.glob("film_*.safetensors"))
    return [path for path in paths if split is None or read_film_info(path).split == split]


def _film(pixels: NDArray[np.uint16], bits: NDArray[np.uint16], valid: NDArray[np.uint8]) -> Film:
    is_valid = valid > 0
    return Film(np.where(is_valid, pixels / np.float32(_FULL), np.float32(0.0)), is_valid, bits & BITS(_MEANT_BITS))


def _info(metadata: Mapping[str, str] | None, path: Path) -> ReviewedInfo:
    try:
        return ReviewedInfo.model_validate(json.loads((metadata or {})["film"]))
    except (KeyError, json.JSONDecodeError, ValidationError) as error:
        raise _wrong(path, "has no valid metadata") from error


def _wrong(path: Path, problem: str) -> ReadError:
    return ReadError(problem, path=path, remedy="export the reviews again")
