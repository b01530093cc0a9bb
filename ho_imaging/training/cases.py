"""Cases on disk: a simulated patient's projected thicknesses and exact masks, before any X-ray physics.

One ``case_*.safetensors`` file each: ``thickness_<material>`` float16 (rows, columns) in mm for every material present,
``masks`` uint8 (rows, columns), a bit per structure (`MASK_BITS`) and one for what must not count (`IGNORE_BIT`), and
the metadata of `CaseInfo` as JSON. A new film is exposed and developed from a case every time it is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ho_imaging.errors import ReadError
from ho_imaging.simulation.scene import Material, Scene
from ho_imaging.vocabulary import Laterality, Structure

__all__ = [
    "IGNORE_BIT",
    "MASK_BITS",
    "Case",
    "CaseInfo",
    "case_from_scene",
    "list_cases",
    "read_case",
    "read_case_info",
    "write_case",
]

MASK_BITS: Mapping[Structure, int] = MappingProxyType(
    {
        Structure.HO: 0,
        Structure.PELVIS: 1,
        Structure.FEMUR: 2,
        Structure.FEMORAL_HEAD: 3,
        Structure.IMPLANT: 4,
        Structure.BODY: 5,
    }
)
IGNORE_BIT = 6
"""Where the truth about HO is open: bone that no film of this case can show."""

MAX_SIDE = 8192

Split = Literal["train", "val", "test"]


class CaseInfo(BaseModel):
    """What a case says about itself. ``scope``: whether it is of the kind the model is made for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pixel_mm: Annotated[float, Field(gt=0.0)]
    magnification: Annotated[float, Field(ge=1.0)] = 1.0
    region: str = "hip"
    view: str = "ap"
    laterality: Laterality = Laterality.UNKNOWN
    anatomy_seed: int = 0
    split: Split = "train"
    scope: bool = True


class Case(NamedTuple):
    """A case in memory; ``bits`` is the uint8 bit field of masks."""

    info: CaseInfo
    thickness_mm: dict[Material, NDArray[np.float32]]
    bits: NDArray[np.uint8]

    def mask(self, structure: Structure) -> NDArray[np.bool_]:
        """Give the exact mask of a structure, (rows, columns) bool."""
        return (self.bits >> MASK_BITS[structure] & 1).astype(bool)


def case_from_scene(scene: Scene, *, anatomy_seed: int, split: Split, scope: bool = True) -> Case:
    """Give the case of a simulated scene; its mask ``ignore``, where there is one, marks where truth is open."""
    bits = np.zeros(next(iter(scene.thickness_mm.values())).shape, dtype=np.uint8)
    for name, bit in [*MASK_BITS.items(), ("ignore", IGNORE_BIT)]:
        mask = scene.masks.get(str(name))
        if mask is not None:
            bits |= mask.astype(np.uint8) << bit
    info = CaseInfo(
        pixel_mm=scene.pixel_mm,
        magnification=scene.magnification,
        region=scene.region,
        view=scene.view,
        laterality=Laterality(scene.laterality),
        anatomy_seed=anatomy_seed,
        split=split,
        scope=scope,
    )
    return Case(info, dict(scene.thickness_mm), bits)


def write_case(path: Path, case: Case, *, truth: Mapping[str, Any] | None = None) -> None:
    """Write a case file, whole or not at all."""
    tensors: dict[str, NDArray[Any]] = {
        f"thickness_{material}": np.ascontiguousarray(values, dtype=np.float16)
        for material, values in case.thickness_mm.items()
    }
    tensors["masks"] = np.ascontiguousarray(case.bits)
    metadata = {"case": json.dumps(dict(truth or {}) | case.info.model_dump(mode="json"))}
    part = path.with_suffix(".part")
    part.write_bytes(save(tensors, metadata=metadata))
    part.replace(path)


def read_case_info(path: Path) -> CaseInfo:
    """Read what a case says about itself, without its arrays."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            return _info(file.metadata(), path)
    except (OSError, SafetensorError) as error:
        raise ReadError(f"is not a case file: {error}", path=path, remedy="simulate it again") from error


def read_case(path: Path) -> Case:
    """Read a case file."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            info = _info(file.metadata(), path)
            shape = tuple(file.get_slice("masks").get_shape())
            if len(shape) != 2 or max(shape) > MAX_SIDE or 0 in shape:
                raise ReadError(f"has masks of shape {shape}", path=path, remedy="simulate it again")
            bits = file.get_tensor("masks")
            thickness_mm = {
                Material(name.removeprefix("thickness_")): file.get_tensor(name).astype(np.float32)
                for name in file.keys()  # noqa: SIM118  # the file is no mapping
                if name.startswith("thickness_")
            }
    except (OSError, SafetensorError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"is not a case file: {error}", path=path, remedy="simulate it again") from error
    if bits.dtype != np.uint8 or any(values.shape != shape for values in thickness_mm.values()):
        raise ReadError("holds arrays of different shapes or types", path=path, remedy="simulate it again")
    return Case(info, thickness_mm, bits)


def list_cases(folder: Path, split: Split | None = None) -> list[Path]:
    """Give the case files of a folder in the order of their names, all or those of one split."""
    paths = sorted(folder.glob("case_*.safetensors"))
    return [path for path in paths if split is None or read_case_info(path).split == split]


def _info(metadata: Mapping[str, str] | None, path: Path) -> CaseInfo:
    try:
        return CaseInfo.model_validate(json.loads((metadata or {})["case"]))
    except (KeyError, json.JSONDecodeError, ValidationError) as error:
        raise ReadError("does not describe its case", path=path, remedy="simulate it again") from error
