"""Training cases on disk: a simulated patient's projected thicknesses and exact masks, before any X-ray physics.

Each ``case_*.safetensors`` file holds ``thickness_<material>`` float16 (rows, columns) in mm for every material
present, ``masks`` uint16 (rows, columns) with a bit per structure (`MASK_BITS`), one for pixels to ignore
(`IGNORE_BIT`) and one for mimics (`MIMIC_BIT`), and the metadata of `CaseInfo` as JSON with the version of the masks.
Nodules are stored separately, ``nodule_<n>`` float16 in mm of cortex, and are in neither the thickness nor the masks,
so that a patient can be used with other nodules, or none. An image is exposed and processed anew each time a case is
drawn.
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
from ho_imaging.files.atomic import write_bytes
from ho_imaging.simulation.scene import FRINGE_MM, VISIBLE_MM, Layer, Material, Scene, lay
from ho_imaging.vocabulary import Laterality, Structure

__all__ = [
    "BITS",
    "IGNORE_BIT",
    "MASKS_VERSION",
    "MASK_BITS",
    "MIMIC_BIT",
    "Case",
    "CaseInfo",
    "as_bit",
    "case_from_scene",
    "list_cases",
    "read_bits",
    "read_case",
    "read_case_info",
    "read_nodules",
    "write_case",
]

IGNORE_BIT = 6
"""Bit of pixels where the truth about HO is open: bone that no image of this case can show."""
MIMIC_BIT = 7
"""Bit of mimics, structures that look like HO."""

_MARKS = (IGNORE_BIT, MIMIC_BIT)

MASK_BITS: Mapping[Structure, int] = MappingProxyType(
    {structure: place if place < min(_MARKS) else place + len(_MARKS) for place, structure in enumerate(Structure)}
)
"""Bit of each structure, by its place in the vocabulary: the first six come before the two marks, the rest after."""

BITS = np.uint16
"""Type of a bit field of masks: room for 14 structures and the two marks."""

MASKS_VERSION = 2
"""Of the bit field in files. Version 1, which files without a version have, held eight bits, with the same meaning."""

MAX_SIDE = 8192

_AGAIN = "simulate it again"

Split = Literal["train", "val", "test"]


class CaseInfo(BaseModel):
    """Metadata of a case. ``scope``: whether it is of a kind that the model is made for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pixel_mm: Annotated[float, Field(gt=0.0)]
    magnification: Annotated[float, Field(ge=1.0)] = 1.0
    region: str = "hip"
    view: str = "ap"
    laterality: Laterality = Laterality.UNKNOWN
    anatomy_seed: int = 0
    split: Split = "train"
    scope: bool = True
    heads_rc: tuple[tuple[float, float], ...] = ()
    """Centres of the femoral heads, (row, column), inside the image or not."""
    nodules: tuple[tuple[int, int, bool], ...] = ()
    """Top, left and ``fixed`` of each `Layer`."""

    @property
    def anatomy_known(self) -> bool:
        """True: the masks of bones, implants and the body of a simulated patient are exact."""
        return True


class Case(NamedTuple):
    """A case in memory.

    ``bits``: (rows, columns) uint16, the masks. ``nodules``: neither in the masks nor in the thickness until
    `with_nodules`.
    """

    info: CaseInfo
    thickness_mm: dict[Material, NDArray[np.float32]]
    bits: NDArray[np.uint16]
    nodules: tuple[Layer, ...] = ()

    def mask(self, structure: Structure) -> NDArray[np.bool_]:
        """Return the exact mask of a structure.

        Parameters
        ----------
        structure
            The structure.

        Returns
        -------
        ndarray
            (rows, columns) bool.

        """
        return (self.bits >> MASK_BITS[structure] & 1).astype(bool)

    def with_nodules(self) -> Case:
        """Return the same patient with the nodules added to thickness and masks.

        Returns
        -------
        Case
            A case without separate nodules.

        """
        if not self.nodules:
            return self
        mineral = lay(self.bits.shape, self.nodules)
        thickness = dict(self.thickness_mm)
        thickness[Material.BONE] = thickness[Material.BONE] + mineral
        thickness[Material.MUSCLE] = np.maximum(thickness[Material.MUSCLE] - mineral, np.float32(0.0))
        seen = mineral > VISIBLE_MM
        is_open = (mineral > FRINGE_MM) & ~seen | seen & self.mask(Structure.IMPLANT)
        bits = self.bits | as_bit(seen, MASK_BITS[Structure.HO]) | as_bit(is_open, IGNORE_BIT)
        return Case(self.info, thickness, bits)


def as_bit(mask: NDArray[np.bool_], bit: int) -> NDArray[np.uint16]:
    """Return a mask as one bit of a bit field."""
    return np.asarray(mask.astype(BITS) << bit, dtype=BITS)


def read_bits(bits: NDArray[Any], about: str, path: Path) -> NDArray[np.uint16]:
    """Return the bit field of a file as it is used, whichever version it was written in.

    Parameters
    ----------
    bits
        As the file holds it: uint16, or uint8 in a file of version 1.
    about
        What the file says about itself, as JSON.
    path
        The file, for the message.

    Raises
    ------
    ReadError
        If it is of a later version, or of another type than its version asks for.

    """
    stated = json.loads(about).get("masks_version", 1)
    if stated not in range(1, MASKS_VERSION + 1):
        raise ReadError(
            f"holds masks of version {stated!s:.8}, this program reads 1 to {MASKS_VERSION}",
            path=path,
            remedy="make it again, or update the program",
        )
    if bits.dtype != (np.uint8 if stated == 1 else BITS):
        raise ReadError(f"holds masks of type {bits.dtype}, not of its version {stated}", path=path, remedy=_AGAIN)
    return bits.astype(BITS, copy=False)


def case_from_scene(scene: Scene, *, anatomy_seed: int, split: Split, scope: bool = True) -> Case:
    """Convert a simulated scene to a case.

    Parameters
    ----------
    scene
        The scene. Its mask ``ignore``, if present, marks pixels where the truth is open.
    anatomy_seed
        Seed of the patient.
    split
        Training or validation.
    scope
        True if it is of a kind that the model is made for.

    Returns
    -------
    Case
        The case.

    """
    bits = np.zeros(next(iter(scene.thickness_mm.values())).shape, dtype=BITS)
    named = [*MASK_BITS.items(), ("ignore", IGNORE_BIT)]
    if scene.nodules:
        # Stored separately, nodules are added again when an image is made.
        named = [(name, bit) for name, bit in named if name not in (Structure.HO, "ignore")]
    for name, bit in named:
        mask = scene.masks.get(str(name))
        if mask is not None:
            bits |= as_bit(mask, bit)
    for name, mask in scene.masks.items():
        if name.startswith("mimic_"):
            bits |= as_bit(mask, MIMIC_BIT)
    info = CaseInfo(
        pixel_mm=scene.pixel_mm,
        magnification=scene.magnification,
        region=scene.region,
        view=scene.view,
        laterality=Laterality(scene.laterality),
        anatomy_seed=anatomy_seed,
        split=split,
        scope=scope,
        heads_rc=tuple(
            (side["head_center_rc"][0], side["head_center_rc"][1])
            for side in scene.truth.get("sides", ())
            if "head_center_rc" in side
        ),
        nodules=tuple((layer.top, layer.left, layer.fixed) for layer in scene.nodules),
    )
    return Case(info, scene.without_nodules(), bits, tuple(scene.nodules))


def write_case(path: Path, case: Case, *, truth: Mapping[str, Any] | None = None) -> None:
    """Write a case file atomically.

    Parameters
    ----------
    path
        File to write.
    case
        The case.
    truth
        Further truth of the scene, to store as metadata.

    """
    tensors: dict[str, NDArray[Any]] = {
        f"thickness_{material}": np.ascontiguousarray(values, dtype=np.float16)
        for material, values in case.thickness_mm.items()
    }
    tensors["masks"] = np.ascontiguousarray(case.bits, dtype=BITS)
    for number, layer in enumerate(case.nodules):
        tensors[f"nodule_{number}"] = np.ascontiguousarray(layer.mineral_mm, dtype=np.float16)
    described = dict(truth or {})
    # The truth has a list of nodules of its own, with other content.
    described["nodule_truth"] = described.pop("nodules", [])
    described |= case.info.model_dump(mode="json") | {"masks_version": MASKS_VERSION}
    # One entry alone: several are written in an order that changes from run to run.
    write_bytes(path, save(tensors, metadata={"case": json.dumps(described)}))


def read_case_info(path: Path) -> CaseInfo:
    """Read the metadata of a case, without its arrays.

    Parameters
    ----------
    path
        Case file.

    Returns
    -------
    CaseInfo
        The metadata.

    Raises
    ------
    ReadError
        If it is not a case file.

    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            return _info(file.metadata(), path)
    except (OSError, SafetensorError) as error:
        raise ReadError(f"is not a case file: {error}", path=path, remedy=_AGAIN) from error


def read_case(path: Path) -> Case:
    """Read a case file; nodules stay separate until `Case.with_nodules`.

    Parameters
    ----------
    path
        Case file.

    Returns
    -------
    Case
        The case.

    Raises
    ------
    ReadError
        If it is not a case file, or its arrays contradict each other.

    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            info = _info(file.metadata(), path)
            shape = tuple(file.get_slice("masks").get_shape())
            if len(shape) != 2 or max(shape) > MAX_SIDE or 0 in shape:
                raise ReadError(f"has masks of shape {shape}", path=path, remedy=_AGAIN)
            bits = read_bits(file.get_tensor("masks"), file.metadata()["case"], path)
            thickness_mm = {
                Material(name.removeprefix("thickness_")): file.get_tensor(name).astype(np.float32)
                for name in file.keys()  # noqa: SIM118  # the file is no mapping
                if name.startswith("thickness_")
            }
            nodules = tuple(
                Layer(top, left, file.get_tensor(f"nodule_{number}").astype(np.float32), fixed)
                for number, (top, left, fixed) in enumerate(info.nodules)
            )
    except (OSError, SafetensorError, ValueError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"is not a case file: {error}", path=path, remedy=_AGAIN) from error
    if any(values.shape != shape for values in thickness_mm.values()):
        raise ReadError("holds arrays of different shapes or types", path=path, remedy=_AGAIN)
    if not all(_fits(layer, shape) for layer in nodules):
        raise ReadError("holds nodules outside the image", path=path, remedy=_AGAIN)
    return Case(info, thickness_mm, bits, nodules)


def read_nodules(path: Path) -> tuple[CaseInfo, tuple[Layer, ...]]:
    """Read only the nodules of a case, to add them to another patient.

    Parameters
    ----------
    path
        Case file.

    Returns
    -------
    info : CaseInfo
        The metadata.
    nodules : tuple of Layer
        The nodules.

    Raises
    ------
    ReadError
        If it is not a case file.

    """
    with safe_open(str(path), framework="numpy") as file:
        info = _info(file.metadata(), path)
        return info, tuple(
            Layer(top, left, file.get_tensor(f"nodule_{number}").astype(np.float32), fixed)
            for number, (top, left, fixed) in enumerate(info.nodules)
        )


def list_cases(folder: Path, split: Split | None = None) -> list[Path]:
    """Return the case files of a folder, sorted by name.

    Parameters
    ----------
    folder
        Folder of ``case_*.safetensors``.
    split
        Restrict to one split.

    Returns
    -------
    list of Path
        The files.

    """
    paths = sorted(folder.glob("case_*.safetensors"))
    return [path for path in paths if split is None or read_case_info(path).split == split]


def _fits(layer: Layer, shape: tuple[int, ...]) -> bool:
    rows, columns = layer.window
    return (
        layer.mineral_mm.ndim == 2
        and min(layer.top, layer.left) >= 0
        and (rows.stop <= shape[0] and columns.stop <= shape[1])
    )


def _info(metadata: Mapping[str, str] | None, path: Path) -> CaseInfo:
    try:
        return CaseInfo.model_validate(json.loads((metadata or {})["case"]))
    except (KeyError, json.JSONDecodeError, ValidationError) as error:
        raise ReadError("has no valid case metadata", path=path, remedy=_AGAIN) from error
