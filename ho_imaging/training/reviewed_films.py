"""Reviewed films on disk: a site's own pictures, prepared for the network, with the nodules its readers outlined.

One ``film_*.safetensors`` file each: ``pixels`` uint16 (rows, columns), the normalised picture of `Prepared` times
65535; ``bits`` uint8 of the same shape, the masks of `ho_imaging.training.cases`; ``valid`` uint8; ``may_lie`` uint8,
where it is known where ectopic bone may lie; and `ReviewedInfo` as JSON. Such a film is finished: unlike a case it is not exposed anew, only changed as any crop is. Readers review
ectopic bone and nothing else, so the anatomy of these films is not taught.
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
from ho_imaging.training.cases import IGNORE_BIT, MASK_BITS, MAX_SIDE, MIMIC_BIT, Split
from ho_imaging.training.films import Film
from ho_imaging.vocabulary import Structure

__all__ = ["ReviewedFilm", "ReviewedInfo", "list_films", "read_film", "read_film_info", "write_film"]

_FULL = 65535.0
_MEANT_BITS = 1 << MASK_BITS[Structure.HO] | 1 << IGNORE_BIT | 1 << MIMIC_BIT


class ReviewedInfo(BaseModel):
    """What a reviewed film says about itself. ``scope``: whether it is of the kind the model is made for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pixel_mm: Annotated[float, Field(gt=0.0)]
    study_uid: str = ""
    image_uid: str = ""
    region: str = "hip"
    view: str = "ap"
    split: Split = "train"
    scope: bool = True
    readers: tuple[str, ...] = ()
    """Whose outlines these are; empty for films that nobody outlined because they show no ectopic bone."""

    @property
    def anatomy_known(self) -> bool:
        """Whether the masks of bones, implants and the body are true, too: nobody reviewed them."""
        return False


class ReviewedFilm(NamedTuple):
    """A reviewed film in memory."""

    info: ReviewedInfo
    film: Film
    may_lie: NDArray[np.bool_] | None = None
    """Where simulated nodules may be laid in, (rows, columns); ``None`` where nobody knows."""


def write_film(path: Path, reviewed: ReviewedFilm) -> None:
    """Write a film file, whole or not at all."""
    film = reviewed.film
    tensors = {
        "pixels": np.rint(np.clip(film.pixels, 0.0, 1.0) * _FULL).astype(np.uint16),
        "bits": np.ascontiguousarray(film.bits & _MEANT_BITS, dtype=np.uint8),
        "valid": np.ascontiguousarray(film.valid, dtype=np.uint8),
    }
    if reviewed.may_lie is not None:
        tensors["may_lie"] = np.ascontiguousarray(reviewed.may_lie, dtype=np.uint8)
    part = path.with_suffix(".part")
    part.write_bytes(save(tensors, metadata={"film": reviewed.info.model_dump_json()}))
    part.replace(path)


def read_film(path: Path) -> ReviewedFilm:
    """Read a film file.

    Raises
    ------
    ReadError
        If it is no film file.

    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            info = _info(file.metadata(), path)
            shape = tuple(file.get_slice("bits").get_shape())
            if len(shape) != 2 or max(shape) > MAX_SIDE or 0 in shape:
                raise _wrong(path, f"has masks of shape {shape}")
            pixels, bits, valid = (file.get_tensor(name) for name in ("pixels", "bits", "valid"))
            may_lie = file.get_tensor("may_lie") if "may_lie" in file.keys() else None  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError) as error:
        if isinstance(error, ReadError):
            raise
        raise _wrong(path, f"is not a reviewed film: {error}") from error
    if (pixels.dtype, bits.dtype, valid.dtype) != (np.uint16, np.uint8, np.uint8) or not (
        pixels.shape == bits.shape == valid.shape == (valid if may_lie is None else may_lie).shape
    ):
        raise _wrong(path, "holds arrays of different shapes or types")
    return ReviewedFilm(info, _film(pixels, bits, valid), None if may_lie is None else may_lie > 0)


def read_film_info(path: Path) -> ReviewedInfo:
    """Read what a film says about itself, without its arrays."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            return _info(file.metadata(), path)
    except (OSError, SafetensorError) as error:
        if isinstance(error, ReadError):
            raise
        raise _wrong(path, f"is not a reviewed film: {error}") from error


def list_films(folder: Path, split: Split | None = None) -> list[Path]:
    """Give the film files of a folder in the order of their names, all or those of one split."""
    paths = sorted(folder.glob("film_*.safetensors"))
    return [path for path in paths if split is None or read_film_info(path).split == split]


def _film(pixels: NDArray[np.uint16], bits: NDArray[np.uint8], valid: NDArray[np.uint8]) -> Film:
    is_valid = valid > 0
    return Film(np.where(is_valid, pixels / np.float32(_FULL), np.float32(0.0)), is_valid, bits & np.uint8(_MEANT_BITS))


def _info(metadata: Mapping[str, str] | None, path: Path) -> ReviewedInfo:
    try:
        return ReviewedInfo.model_validate(json.loads((metadata or {})["film"]))
    except (KeyError, json.JSONDecodeError, ValidationError) as error:
        raise _wrong(path, "does not describe its film") from error


def _wrong(path: Path, problem: str) -> ReadError:
    return ReadError(problem, path=path, remedy="export the reviews again")
