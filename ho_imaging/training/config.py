"""Configuration of a training run as a TOML file; together with its cases it reproduces the weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.errors import UsageError
from ho_imaging.files.toml import read_toml
from ho_imaging.network.architecture import Architecture
from ho_imaging.network.model_store import PreparationContract
from ho_imaging.vocabulary import Structure

__all__ = ["DataConfig", "LossConfig", "OptimiserConfig", "RunConfig", "TrainingConfig", "copy_config", "load_config"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RunConfig(_Strict):
    """Duration of training and frequency of validation. Times count training time, over all resumptions."""

    seed: int = 0
    minutes: Positive | None = None
    """Budget; the learning rate follows the fraction of it that is spent. With ``steps``, the first to end counts."""
    steps: Count | None = None
    checkpoint_minutes: Positive = 3.0
    validate_minutes: Positive = 10.0
    validation_films: Count = 40
    mine_minutes: Positive = 15.0
    """Interval between searches for hard examples; only with ``data.hard_share``."""
    mine_films: Count = 60
    patience: Count | None = None
    """Stop after this many validations without a better score; ``None`` never stops early."""
    workers: Annotated[int, Field(ge=0, le=64)] = 2
    threads: Annotated[int, Field(ge=0)] = 0
    """Training threads, each on its share of every batch; 0 takes one per core. The weights depend on it."""


class DataConfig(_Strict):
    """Source of cases and geometry of the crops cut from their images."""

    cases: Path = Path("cases")
    """Folder of ``case_*.safetensors``; a relative path counts from the configuration file."""
    films: Path | None = None
    """Folder of a site's reviewed ``film_*.safetensors``, to train on as well; relative like ``cases``."""
    film_share: Share = 0.5
    """Fraction of images that are reviewed ones, where there are any; 1 trains on nothing else."""
    lay_in_share: Share = 0.0
    """Fraction of reviewed images without ectopic bone into which simulated nodules are inserted when they are
    drawn."""
    crop_sizes: Annotated[tuple[Annotated[int, Field(ge=64, le=2048)], ...], Field(min_length=1)] = (384, 640)
    crop_size_shares: tuple[Share, ...] = (0.85, 0.15)
    pixels_per_batch: Count = 8 * 384 * 384
    """Each batch holds as many crops of its size as this allows, so that steps take the same time."""
    crops_per_film: Count = 2
    """Crops per simulated image: more cost less simulation, fewer give more varied batches."""
    steps_per_film: Count = 1
    """Number of steps that cut crops from the same images: an image costs four times as much as a crop. This saves time
    with two workers or fewer; with more, some images are made several times."""
    coarse_steps: Annotated[int, Field(ge=0)] = 0
    """Number of first steps that show each crop at half the pixels per side and cut twice as many from an image:
    general anatomy is learnt at less cost (progressive resizing)."""
    ho_share: Share = 0.6
    """Fraction of crops, of images with HO, that are centred on a nodule."""
    mimic_share: Share = 0.1
    """Fraction of crops centred on a mimic, a structure that looks like HO."""
    hard_share: Share = 0.0
    """Fraction of images that are cropped at hard examples, once there are any."""
    regrow: bool = True
    """Draw new nodules for a patient each time it is drawn; see `ho_imaging.training.regrowth`."""
    rotation_deg: Annotated[float, Field(ge=0.0, le=45.0)] = 10.0
    scale_range: tuple[Positive, Positive] = (0.8, 1.25)
    flip_share: Share = 0.5
    bend_share: Share = 0.5
    """Fraction of crops with an elastic displacement, for other bone shapes."""
    travelled_share: Share = 0.5
    """Fraction of crops that are scaled, compressed and scaled back, as images are on their way."""


class OptimiserConfig(_Strict):
    """Linear warm-up, cosine decay, and a moving average of the weights."""

    kernels: Literal["adamw", "muon"] = "adamw"
    """Optimiser of convolution kernels; all other parameters use AdamW. From random weights Muon learns anatomy in a
    quarter of the steps, each of which takes a tenth longer."""
    learning_rate: Positive = 4e-3
    final_share: Share = 0.01
    warmup_share: Share = 0.04
    decay_share: Share = 1.0
    """The rate decays over this last fraction of the budget and is constant between warm-up and decay. Below 1, a run
    can be extended without loss while its rate is constant (Hägele et al. 2024)."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.02
    clip_norm: Positive = 5.0
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.997


class LossConfig(_Strict):
    """Weights of the parts of the loss; see `ho_imaging.training.losses`."""

    structures: dict[Structure, Annotated[float, Field(ge=0.0)]] = Field(
        default_factory=lambda: {
            Structure.HO: 3.0,
            Structure.PELVIS: 1.0,
            Structure.FEMUR: 1.0,
            Structure.FEMORAL_HEAD: 1.0,
            Structure.IMPLANT: 0.7,
            Structure.BODY: 0.3,
        }
    )
    hard_pixels: Annotated[float, Field(ge=0.0)] = 0.1
    """Weight of the hardest HO pixels' mean cross-entropy. Divided by ``hard_pixel_share`` it is the factor by which
    such a pixel counts more than another; at 30 the network learns to be undecided everywhere."""
    hard_pixel_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    scope: Annotated[float, Field(ge=0.0)] = 0.2
    small_nodule_area_mm2: Positive = 400.0
    """HO pixels count more in nodules smaller than this, by the root of the ratio of areas."""
    small_nodule_max_weight: Annotated[float, Field(ge=1.0)] = 5.0
    fringe_share: Share = 0.0
    """Fraction of a nodule's weight that its fringe, bone too thin to show, has as no bone. 0 leaves the fringe
    open."""
    mimic: Annotated[float, Field(ge=0.0)] = 0.0
    """Weight of a map of mimics, which is trained with the structures and not exported: a network that must recognise
    mimics confuses them with ectopic bone less often. 0 trains none."""
    mimic_pixel_weight: Annotated[float, Field(ge=1.0)] = 1.0
    """Weight of pixels of mimics in the HO loss."""


class TrainingConfig(_Strict):
    """Configuration of a whole training run."""

    data: DataConfig = DataConfig()
    run: RunConfig = RunConfig()
    network: Architecture = Architecture()
    preparation: PreparationContract = PreparationContract()
    optimiser: OptimiserConfig = OptimiserConfig()
    loss: LossConfig = LossConfig()

    def model_post_init(self, _context: object) -> None:
        """Check constraints between fields."""
        if len(self.data.crop_sizes) != len(self.data.crop_size_shares) or sum(self.data.crop_size_shares) <= 0:
            raise ValueError("crop_sizes and crop_size_shares must have the same length, with shares above zero")
        multiple = self.network.stride * (2 if self.data.coarse_steps else 1)
        if any(size % multiple for size in self.data.crop_sizes):
            raise ValueError(f"crop_sizes must be multiples of {multiple}")
        if self.data.scale_range[0] > self.data.scale_range[1]:
            raise ValueError("scale_range must go from small to large")
        if Structure.HO not in self.loss.structures:
            raise ValueError("loss.structures must contain ho: checkpoints are chosen by its detection")

    @property
    def maps(self) -> int:
        """Number of maps to train: one per structure, and one of mimics if the loss asks for it."""
        return len(self.loss.structures) + (self.loss.mimic > 0)

    @property
    def structures(self) -> tuple[Structure, ...]:
        """Structures to train, in channel order."""
        return tuple(self.loss.structures)

    @property
    def fixed(self) -> dict[str, Any]:
        """Settings that weights and optimisers depend on and a resumed run cannot change, by key, as JSON values."""
        values = self.model_dump(mode="json")
        return {
            "loss.structures": [str(structure) for structure in self.structures],
            "optimiser.kernels": self.optimiser.kernels,
            **{f"{table}.{key}": value for table in ("network", "preparation") for key, value in values[table].items()},
        }

    def at_full_size(self) -> TrainingConfig:
        """Return the configuration without coarse first steps, which are for random weights.

        Returns
        -------
        TrainingConfig
            With ``data.coarse_steps`` of 0.

        """
        return self.model_copy(update={"data": self.data.model_copy(update={"coarse_steps": 0})})


def load_config(path: Path, *, cases_dir: Path | None = None, films_dir: Path | None = None) -> TrainingConfig:
    """Read a training configuration; unknown keys and values out of range are errors.

    Parameters
    ----------
    path
        TOML file.
    cases_dir
        Folder of cases, in place of the file's.
    films_dir
        Folder of reviewed radiographs, in place of the file's.

    Returns
    -------
    TrainingConfig
        Its folders are resolved against the folder of ``path``.

    Raises
    ------
    UsageError
        If the file is not a valid configuration.

    """
    config = read_toml(Path(path), TrainingConfig, UsageError, remedy="correct the configuration")
    cases = cases_dir if cases_dir is not None else Path(path).parent / config.data.cases
    films = films_dir
    if films is None and config.data.films is not None:
        films = Path(path).parent / config.data.films
    return config.model_copy(update={"data": config.data.model_copy(update={"cases": cases, "films": films})})


def copy_config(path: Path, copy: Path) -> None:
    """Copy a configuration beside what was made with it, unless it is there already.

    Parameters
    ----------
    path
        File to copy.
    copy
        File to write.

    """
    if not (copy.exists() and copy.samefile(path)):
        shutil.copyfile(path, copy)
