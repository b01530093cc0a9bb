"""Models on disk: ``NAME/model.toml``, ``NAME/weights.safetensors`` and ``NAME/MODEL_CARD.md``.

``model.toml`` says everything a program must know to use the weights as they were trained; the weights are read only
when their sha256 is the one it states, and never through pickle. A file ``DEFAULT`` beside the models names the one
that is used when none is asked for.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from safetensors import SafetensorError

from ho_imaging.errors import ModelError
from ho_imaging.files.atomic import write_bytes, write_text
from ho_imaging.files.toml import read_toml, to_toml
from ho_imaging.network.architecture import Architecture, Network
from ho_imaging.network.calibration import Calibration
from ho_imaging.network.devices import choose_device, choose_dtype, may_have_gpu
from ho_imaging.network.prediction import ModelIdentity
from ho_imaging.network.site import Site
from ho_imaging.preparing.contract import PreparationContract
from ho_imaging.regions import UNSTATED, is_read, plan_of, regions_of
from ho_imaging.vocabulary import Region, Structure

if TYPE_CHECKING:
    import torch

    from ho_imaging.network.unet import UNet

__all__ = [
    "MODELS_VARIABLE",
    "RUNTIMES",
    "RUNTIME_VARIABLE",
    "Model",
    "ModelDescription",
    "PreparationContract",
    "check_model",
    "find_model",
    "load_model",
    "load_weights",
    "read_description",
    "save_model",
]

logger = logging.getLogger(__name__)

MODELS_VARIABLE = "HO_IMAGING_MODELS"
"""Environment variable naming a folder of models that is searched first."""

RUNTIME_VARIABLE = "HO_IMAGING_RUNTIME"
"""Environment variable naming what runs the network on the processor: one of `RUNTIMES`."""

RUNTIMES = ("auto", "torch", "openvino")
"""``auto`` is OpenVINO where it is installed, else torch."""

WEIGHTS_FILE = "weights.safetensors"
DESCRIPTION_FILE = "model.toml"
CARD_FILE = "MODEL_CARD.md"
MAX_WEIGHTS_BYTES = 512 * 1024**2

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Precision = Literal["auto", "float32", "bfloat16"]

_UNSTATED_REGIONS = regions_of(UNSTATED.structures)
"""Regions that a model reads whose description states none."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelDescription(_Strict):
    """The contents of ``model.toml``.

    ``structures`` are the maps in the order of the network's channels; ``regions`` those whose films the model reads,
    for each of which it outlines every structure of the region's plan; ``thresholds`` the operating threshold of each
    on the calibrated probability. ``scope_threshold`` is the scope probability below which a film is out of scope;
    0 means the model has no such gate. ``usual_scope_logit`` is the scope logit that nearly every film in scope has;
    one with less may be swapped or turned. ``finding_confidence`` turns the highest probability in a nodule into the
    probability that it is one.
    """

    name: Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]
    version: Annotated[str, Field(min_length=1, max_length=64)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    architecture: Architecture
    preparation: PreparationContract
    structures: Annotated[tuple[Structure, ...], Field(min_length=1)]
    regions: Annotated[tuple[Region, ...], Field(min_length=1)] = _UNSTATED_REGIONS
    thresholds: dict[Structure, Annotated[float, Field(gt=0.0, lt=1.0)]]
    calibration: dict[Structure, Calibration]
    scope_threshold: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    scope_calibration: Calibration = Calibration()
    usual_scope_logit: float | None = None
    finding_confidence: Calibration = Calibration()
    training: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("structures")
    @classmethod
    def _no_structure_twice(cls, structures: tuple[Structure, ...]) -> tuple[Structure, ...]:
        if len(set(structures)) != len(structures):
            raise ValueError("a structure is named twice")
        return structures

    @property
    def identity(self) -> ModelIdentity:
        """Name, version and digest of the weights."""
        return ModelIdentity(self.name, self.version, self.sha256)

    def model_post_init(self, _context: object) -> None:
        """Check that every structure has its threshold and calibration."""
        for name, given in (("thresholds", set(self.thresholds)), ("calibration", set(self.calibration))):
            if given != set(self.structures):
                raise ValueError(f"{name} must name exactly the structures {[str(s) for s in self.structures]}")


@dataclass(frozen=True, eq=False)
class Model:
    """Weights ready to run, with what they need to be used rightly. Safe to share between threads.

    ``site``: a hospital's own operating threshold and confidence, in place of those of the description.
    """

    net: Network
    description: ModelDescription
    site: Site | None = None

    @property
    def identity(self) -> ModelIdentity:
        """Identity of the weights, for results."""
        described = self.description.identity
        return described if self.site is None else replace(described, site=self.site.identity)


def load_model(name_or_path: str | Path = "default", *, device: str = "auto", precision: Precision = "auto") -> Model:
    """Load a model for inference.

    Parameters
    ----------
    name_or_path
        A model's name, ``"default"``, or the path of a model folder.
    device
        ``"auto"`` (CUDA, then Apple's MPS, then the CPU) or a torch device such as ``"cuda:1"``.
    precision
        ``"auto"`` takes bfloat16 where the device computes it fast, float32 elsewhere, and OpenVINO for the processor
        where that is installed; the environment variable ``HO_IMAGING_RUNTIME`` says otherwise. A stated precision
        gives a `UNet` in torch.

    Raises
    ------
    ModelError
        No such model, a damaged or foreign file, a model that lacks structures of a region it is made for, or a device
        that is not there.

    """
    folder = find_model(name_or_path)
    description = read_description(folder)
    _check_plans(description, folder / DESCRIPTION_FILE)
    raw = _checked_bytes(folder / WEIGHTS_FILE, description.sha256)
    net: Network | None = None
    if precision == "auto" and _wants_openvino(device):
        net = _in_openvino(description, raw)
    if net is None:
        net = _in_torch(folder, description, _tensors(folder / WEIGHTS_FILE, raw), device=device, precision=precision)
    return Model(net=net, description=description)


def check_model(name_or_path: str | Path, *, device: str | None = None) -> ModelDescription:
    """Check that a model can be loaded, without loading it, and return its description.

    Parameters
    ----------
    name_or_path
        As for `load_model`.
    device
        Where it will run on this machine; ``None`` where another machine does the work.

    Returns
    -------
    ModelDescription
        What its ``model.toml`` states.

    Raises
    ------
    ModelError
        No such model, a damaged file, a model that lacks structures of a region it is made for, or a device that is
        not there.

    """
    if device not in {None, "auto", "cpu"}:
        choose_device(str(device))
    folder = find_model(name_or_path)
    description = read_description(folder)
    _check_plans(description, folder / DESCRIPTION_FILE)
    _checked_bytes(folder / WEIGHTS_FILE, description.sha256)
    return description


def load_weights(name_or_path: str | Path) -> tuple[ModelDescription, dict[str, torch.Tensor]]:
    """Return a model's description and its weights as trained (float32, nothing folded), to go on training from.

    Raises
    ------
    ModelError
        No such model, or a damaged file.

    """
    folder = find_model(name_or_path)
    description = read_description(folder)
    raw = _checked_bytes(folder / WEIGHTS_FILE, description.sha256)
    return description, _tensors(folder / WEIGHTS_FILE, raw)


def find_model(name_or_path: str | Path = "default") -> Path:
    """Return the folder of a model: an explicit path, or a name looked up in the folders of models.

    Looked through in this order: the folder named by the environment variable ``HO_IMAGING_MODELS``, the models the
    installed package carries, and ``models/`` of a source checkout.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or os.sep in text:
        folder = Path(name_or_path)
        if not (folder / DESCRIPTION_FILE).is_file():
            raise ModelError(f"has no {DESCRIPTION_FILE}", path=folder, remedy="give the folder of a model")
        return folder
    if not _NAME.fullmatch(text):
        raise ModelError(f"{text!r} is no model name", remedy="use letters, digits, dots, dashes and underscores")
    searched = list(_model_folders())
    for models in searched:
        name = _default_name(models) if text == "default" else text
        if name is not None and (models / name / DESCRIPTION_FILE).is_file():
            return models / name
    where = ", ".join(str(models) for models in searched) or "no folder of models exists"
    raise ModelError(
        f"no model named {text!r} (looked in: {where})",
        remedy=f"install the package with its models, set {MODELS_VARIABLE}, or give the path of a model folder",
    )


def read_description(folder: Path) -> ModelDescription:
    """Read and check ``model.toml`` of a model folder."""
    return read_toml(folder / DESCRIPTION_FILE, ModelDescription, ModelError, remedy="fetch the model again")


def save_model(
    folder: Path,
    net: UNet,
    *,
    name: str,
    version: str,
    structures: tuple[Structure, ...],
    preparation: PreparationContract | None = None,
    thresholds: Mapping[Structure, float] | None = None,
    calibration: Mapping[Structure, Calibration] | None = None,
    scope_threshold: float = 0.0,
    scope_calibration: Calibration | None = None,
    usual_scope_logit: float | None = None,
    finding_confidence: Calibration | None = None,
    training: Mapping[str, str | int | float | bool] | None = None,
    card: str = "",
) -> ModelDescription:
    """Write a model folder: weights (not folded, float32), ``model.toml`` with their sha256, and the model card."""
    from safetensors.torch import save  # noqa: PLC0415  (torch loads only when it is needed)

    weights = save({key: tensor.detach().cpu().contiguous() for key, tensor in net.state_dict().items()})
    description = ModelDescription(
        name=name,
        version=version,
        sha256=hashlib.sha256(weights).hexdigest(),
        architecture=net.architecture,
        preparation=preparation or PreparationContract(),
        structures=structures,
        regions=regions_of(structures) or _UNSTATED_REGIONS,
        thresholds=dict.fromkeys(structures, 0.5) | dict(thresholds or {}),
        calibration={s: Calibration() for s in structures} | dict(calibration or {}),
        scope_threshold=scope_threshold,
        scope_calibration=scope_calibration or Calibration(),
        usual_scope_logit=usual_scope_logit,
        finding_confidence=finding_confidence or Calibration(),
        training=dict(training or {}),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / WEIGHTS_FILE, weights)
    write_text(folder / DESCRIPTION_FILE, to_toml(description.model_dump(mode="json", exclude_none=True)))
    write_text(folder / CARD_FILE, card or f"# {name} {version}\n")
    return description


def _check_plans(description: ModelDescription, path: Path) -> None:
    """Refuse a model that lacks what the plan of a region takes: every film of it would fail."""
    for region in description.regions:
        plan = plan_of(region)
        if not is_read(region):
            raise ModelError(
                f"{description.name} is made for {region.value}, which this program has no plan to read",
                path=path,
                remedy="update the program, or leave the region out of regions",
            )
        missing = [structure.value for structure in plan.structures if structure not in description.structures]
        if missing:
            raise ModelError(
                f"{description.name} does not outline {', '.join(missing)}, which films of {region.value} take",
                path=path,
                remedy="use a model with all of these structures, or leave the region out of regions",
            )


def _model_folders() -> Iterator[Path]:
    stated = os.environ.get(MODELS_VARIABLE)
    if stated:
        yield Path(stated)
    package = Path(str(resources.files("ho_imaging")))
    for folder in (package / "_models", package.parent / "models"):
        if folder.is_dir():
            yield folder


def _default_name(models: Path) -> str | None:
    try:
        name = (models / "DEFAULT").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if not _NAME.fullmatch(name):
        raise ModelError("does not name a model", path=models / "DEFAULT", remedy="write one model's name into it")
    return name


def _checked_bytes(path: Path, sha256: str) -> bytes:
    """Read the weights once, and hand on exactly the bytes whose sha256 was checked."""
    try:
        size = path.stat().st_size
        if size > MAX_WEIGHTS_BYTES:
            raise ModelError(f"holds {size} bytes, more than any model here", path=path, remedy="fetch the model again")
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", path=path, remedy="fetch the model again") from error
    found = hashlib.sha256(raw).hexdigest()
    if found != sha256:
        raise ModelError(
            f"has sha256 {found}, but {DESCRIPTION_FILE} states {sha256}",
            path=path,
            remedy="the file is damaged or from another version: fetch the model again",
        )
    return raw


def _tensors(path: Path, raw: bytes) -> dict[str, torch.Tensor]:
    from safetensors.torch import load  # noqa: PLC0415  (torch loads only when it is needed)

    try:
        tensors: dict[str, torch.Tensor] = load(raw)
    except SafetensorError as error:
        raise ModelError(f"is not a safetensors file: {error}", path=path, remedy="fetch the model again") from error
    return tensors


def _wants_openvino(device: str) -> bool:
    """Return True if the network runs on the processor, in OpenVINO, by what is asked for and what is installed."""
    asked = os.environ.get(RUNTIME_VARIABLE, "").strip().lower() or "auto"
    if asked not in RUNTIMES:
        logger.warning("%s=%s is unknown and was ignored; use one of %s", RUNTIME_VARIABLE, asked, ", ".join(RUNTIMES))
        asked = "auto"
    if asked == "torch" or device not in {"auto", "cpu"} or (device == "auto" and may_have_gpu()):
        return False
    return asked == "openvino" or find_spec("openvino") is not None


def _in_openvino(description: ModelDescription, raw: bytes) -> Network | None:
    """Return the network in OpenVINO, ``None`` where that cannot be had, which is said."""
    from ho_imaging.network.openvino_net import OpenVINONet  # noqa: PLC0415  (OpenVINO loads only when it is used)

    try:
        from safetensors.numpy import load  # noqa: PLC0415

        net = OpenVINONet(description.architecture, len(description.structures), load(raw))
    except Exception as error:  # noqa: BLE001  whatever is wrong with it, torch does the work
        what = " ".join(str(error).split())[:160]
        logger.warning("OpenVINO cannot be used (%s: %s): torch runs the network", type(error).__name__, what)
        return None
    logger.info("model %s %s in OpenVINO in %s", description.name, description.version, net.precision)
    return net


def _in_torch(
    folder: Path,
    description: ModelDescription,
    weights: Mapping[str, torch.Tensor],
    *,
    device: str,
    precision: Precision,
) -> UNet:
    import torch  # noqa: PLC0415  (not needed where OpenVINO runs the network)

    from ho_imaging.network.unet import UNet, fold_batch_norm  # noqa: PLC0415

    chosen = choose_device(device)
    dtype = choose_dtype(chosen, precision)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise ModelError("weights are not all finite", path=folder / WEIGHTS_FILE, remedy="export the model again")
    # Without memory of its own: the weights that were read take their places.
    with torch.device("meta"):
        net = UNet(description.architecture, len(description.structures))
    try:
        net.load_state_dict(dict(weights), strict=True, assign=True)
    except RuntimeError as error:
        raise ModelError(
            f"weights do not fit the architecture in {DESCRIPTION_FILE}",
            path=folder / WEIGHTS_FILE,
            remedy="both files must come from the same export",
        ) from error
    net = fold_batch_norm(net.eval().requires_grad_(False)).to(device=chosen, dtype=dtype)
    logger.info("model %s %s on %s in %s", description.name, description.version, chosen, dtype)
    return net
