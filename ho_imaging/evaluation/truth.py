"""Studies with their truth on disk: a film and, beside it, ``truth/``, as ``ho-imaging simulate`` writes them.

``ho-imaging export-reviews`` writes the same of reviewed studies; their truth names the film, which stays where it is,
and knows of no anatomy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import ReadError, UsageError

__all__ = ["StudyTruth", "list_studies", "read_truth"]

Mask = NDArray[np.bool_]

MAX_TRUTH_BYTES = 20_000_000
_REMEDY = "simulate or export it again"


@dataclass(frozen=True, eq=False)
class StudyTruth:
    """Truth of one film.

    ``nodules``: uint8 (rows, columns) on the film's grid, 0 or the number of a nodule in ``about_nodules`` from 1.
    ``masks``: bool, same shape, by name. ``about``: the whole of ``truth.json``.
    """

    film: Path
    nodules: NDArray[np.uint8]
    masks: Mapping[str, Mask]
    about: Mapping[str, Any]

    @property
    def about_nodules(self) -> list[Mapping[str, Any]]:
        """Facts on each nodule."""
        return list(self.about["truth"].get("nodules", ()))

    @property
    def sides(self) -> list[Mapping[str, Any]]:
        """Facts on each side: ``side``, its grade by the name of the grading system, ``gap_mm``."""
        return list(self.about["truth"].get("sides", ()))

    @property
    def left_open(self) -> Mask:
        """Mask of the pixels on which readers left open if there is ectopic bone.

        Of a simulated nodule only the edge is open, and what lies behind metal: that there is one is known.
        """
        by_readers = "readers" in self.about["truth"] and "ignore" in self.masks
        return self.masks["ignore"] if by_readers else np.zeros(self.nodules.shape, dtype=bool)

    @property
    def callers_word(self) -> dict[str, Any]:
        """The caller's statements on the film in place of its file, as `ho_imaging.Analyzer` takes them."""
        return dict(self.about.get("caller", {}))


def list_studies(folder: Path) -> list[Path]:
    """Return the folders below ``folder`` that hold a film with its truth, in the order of their names."""
    found = sorted(path.parent.parent for path in folder.glob("*/truth/truth.json"))
    if not found:
        raise UsageError(
            "holds no studies with truth", path=folder, remedy="make some with: ho-imaging simulate --out DIR"
        )
    return found


def read_truth(folder: Path) -> StudyTruth:
    """Read the truth of a study.

    Raises
    ------
    ReadError
        If a part is missing or does not fit the others.

    """
    path = folder / "truth" / "truth.json"
    try:
        if path.stat().st_size > MAX_TRUTH_BYTES:
            raise ReadError("is too large to be a study's truth", path=path, remedy=_REMEDY)
        about = json.loads(path.read_text(encoding="utf-8"))
        about["region"], about["view"], dict(about["truth"]), dict(about.get("caller", {}))  # there, and of their kind
        shape = (int(about["rows"]), int(about["columns"]))
        pictures = {name: _picture(path.parent / f"{name}.png", shape) for name in about["masks"]}
        nodules = _picture(path.parent / "nodules.png", shape)
        valid = path.parent / "valid.png"
        pictures["valid"] = _picture(valid, shape) if valid.exists() else np.full(shape, 255, dtype=np.uint8)
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        # The system's own text names the path, which has no place in a record.
        why = error.strerror if isinstance(error, OSError) else error
        raise ReadError(f"is no study's truth: {why}", path=path, remedy=_REMEDY) from error
    film = Path(about["film"]) if isinstance(about.get("film"), str) else folder / "film.dcm"
    return StudyTruth(film, nodules, {name: p > 0 for name, p in pictures.items()}, about)


def _picture(path: Path, shape: tuple[int, int]) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.shape != shape or picture.dtype != np.uint8:
        raise ReadError(f"is missing or no mask of {shape[0]} x {shape[1]}", path=path, remedy=_REMEDY)
    return np.asarray(picture, dtype=np.uint8)
