"""What a training run is made of, as a TOML file; one file, with the cases it names, gives the weights again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ho_imaging.errors import UsageError
from ho_imaging.network.model_store import PreparationContract
from ho_imaging.network.unet import Architecture
from ho_imaging.toml_file import read_toml
from ho_imaging.vocabulary import Structure

__all__ = ["DataConfig", "LossConfig", "OptimiserConfig", "RunConfig", "TrainingConfig", "copy_config", "load_config"]

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RunConfig(_Strict):
    """How long to train and how often to look. Times count training time, over all resumptions together."""

    seed: int = 0
    minutes: Positive | None = None
    """Budget; the learning rate follows the share of it that is spent. With ``steps``, the first to end counts."""
    steps: Count | None = None
    checkpoint_minutes: Positive = 3.0
    validate_minutes: Positive = 10.0
    validation_films: Count = 40
    mine_minutes: Positive = 15.0
    """How often to look for places where the network goes wrong; only with ``data.hard_share``."""
    mine_films: Count = 60
    patience: Count | None = None
    """Stop after this many validations without a better score; ``None`` never stops early."""
    workers: Annotated[int, Field(ge=0, le=64)] = 2
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads that train, each on its share of every batch; 0 takes one for each core. The weights depend on it."""


class DataConfig(_Strict):
    """Where cases come from and how crops are cut from their films."""

    cases: Path = Path("cases")
    """Folder of ``case_*.safetensors``; a relative path counts from the configuration file."""
    films: Path | None = None
    """Folder of a site's reviewed ``film_*.safetensors``, to train on beside the cases; relative like ``cases``."""
    film_share: Share = 0.5
    """Share of films that are reviewed ones, where there are any; 1 trains on nothing else."""
    lay_in_share: Share = 0.0
    """Share of reviewed films without ectopic bone into which simulated nodules are laid when they are drawn."""
    crop_sizes: Annotated[tuple[Annotated[int, Field(ge=64, le=2048)], ...], Field(min_length=1)] = (384, 640)
    crop_size_shares: tuple[Share, ...] = (0.85, 0.15)
    pixels_per_batch: Count = 8 * 384 * 384
    """Each batch holds as many crops of its size as this allows, so that steps take the same time."""
    crops_per_film: Count = 2
    """Crops cut from one simulated film: more cost less simulation, fewer give more varied batches."""
    steps_per_film: Count = 1
    """So many steps cut their crops from the same films: a film costs four times what a crop does. This saves time with
    two workers or fewer; more make some films several times."""
    coarse_steps: Annotated[int, Field(ge=0)] = 0
    """So many steps at the start show each crop in half the pixels a side, and cut twice as many from a film: what
    bones and bodies look like is learnt at less cost (progressive resizing)."""
    ho_share: Share = 0.6
    """Share of crops, of films that show HO, that are cut around a nodule."""
    mimic_share: Share = 0.1
    """Share of crops cut around what looks like HO and is not."""
    hard_share: Share = 0.0
    """Share of films that are cut where the network lately went wrong, once there are such places."""
    regrow: bool = True
    """Give patients other nodules every time they are drawn; see `ho_imaging.training.regrowth`."""
    rotation_deg: Annotated[float, Field(ge=0.0, le=45.0)] = 10.0
    scale_range: tuple[Positive, Positive] = (0.8, 1.25)
    flip_share: Share = 0.5
    bend_share: Share = 0.5
    """Share of crops that are gently bent, for bones of other shapes."""
    travelled_share: Share = 0.5
    """Share of crops that are scaled, compressed and scaled back, as pictures are on their way."""


class OptimiserConfig(_Strict):
    """A linear warm-up and a cosine down to the end, and a running average of the weights."""

    kernels: Literal["adamw", "muon"] = "adamw"
    """What moves the kernels of convolutions; all else is AdamW's. From random weights Muon learns anatomy in a quarter
    of the steps, each of which takes a tenth longer."""
    learning_rate: Positive = 4e-3
    final_share: Share = 0.01
    warmup_share: Share = 0.04
    decay_share: Share = 1.0
    """The rate falls over this last share of the budget and is level from the warm-up to there. Below 1, a run can be
    given more time while its rate is level, and loses nothing by it (Hägele et al. 2024)."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.02
    clip_norm: Positive = 5.0
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.997


class LossConfig(_Strict):
    """How much each part of the loss counts; see `ho_imaging.training.losses`."""

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
    """Weight of the hardest HO pixels' mean cross-entropy. Divided by ``hard_pixel_share`` it says how many times more
    such a pixel counts than another; at 30 the network learns to be undecided everywhere."""
    hard_pixel_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05
    scope: Annotated[float, Field(ge=0.0)] = 0.2
    small_nodule_area_mm2: Positive = 400.0
    """HO pixels count more in nodules smaller than this, by the root of the ratio of areas."""
    small_nodule_max_weight: Annotated[float, Field(ge=1.0)] = 5.0
    fringe_share: Share = 0.0
    """How much of a nodule's weight counts in its fringe, bone too thin to show: as no bone. 0 leaves it open."""
    mimic: Annotated[float, Field(ge=0.0)] = 0.0
    """Weight of a map of mimics, which is trained beside the structures and left out of the model: a network that is
    asked what a mimic is takes it for ectopic bone less often. 0 trains none."""
    mimic_pixel_weight: Annotated[float, Field(ge=1.0)] = 1.0
    """How much pixels of mimics count in the HO loss."""


class TrainingConfig(_Strict):
    """A whole training run."""

    data: DataConfig = DataConfig()
    run: RunConfig = RunConfig()
    network: Architecture = Architecture()
    preparation: PreparationContract = PreparationContract()
    optimiser: OptimiserConfig = OptimiserConfig()
    loss: LossConfig = LossConfig()

    def model_post_init(self, _context: object) -> None:
        """Check what concerns several fields at once."""
        if len(self.data.crop_sizes) != len(self.data.crop_size_shares) or sum(self.data.crop_size_shares) <= 0:
            raise ValueError("crop_sizes and crop_size_shares must have the same length, with shares above zero")
        multiple = self.network.stride * (2 if self.data.coarse_steps else 1)
        if any(size % multiple for size in self.data.crop_sizes):
            raise ValueError(f"crop_sizes must be multiples of {multiple}")
        if self.data.scale_range[0] > self.data.scale_range[1]:
            raise ValueError("scale_range must go from small to large")
        if Structure.HO not in self.loss.structures:
            raise ValueError("loss.structures must name ho: checkpoints are chosen by how well it is found")

    @property
    def maps(self) -> int:
        """How many maps the network is trained with: one a structure, and one of mimics where the loss asks for it."""
        return len(self.loss.structures) + (self.loss.mimic > 0)

    @property
    def structures(self) -> tuple[Structure, ...]:
        """The maps to train, in channel order."""
        return tuple(self.loss.structures)

    @property
    def fixed(self) -> dict[str, Any]:
        """What weights and optimisers hang on and no run can change on its way, by key, as JSON has it."""
        values = self.model_dump(mode="json")
        return {
            "loss.structures": [str(structure) for structure in self.structures],
            "optimiser.kernels": self.optimiser.kernels,
            **{f"{table}.{key}": value for table in ("network", "preparation") for key, value in values[table].items()},
        }

    def at_full_size(self) -> TrainingConfig:
        """Give the configuration without coarse first steps, which are for random weights."""
        return self.model_copy(update={"data": self.data.model_copy(update={"coarse_steps": 0})})


def load_config(path: Path, *, cases_dir: Path | None = None, films_dir: Path | None = None) -> TrainingConfig:
    """Read a training configuration; unknown keys and values out of range are errors.

    ``cases_dir`` and ``films_dir`` stand in for the folders of cases and of reviewed films the file names.
    """
    config = read_toml(Path(path), TrainingConfig, UsageError, remedy="correct the configuration")
    cases = cases_dir if cases_dir is not None else Path(path).parent / config.data.cases
    films = films_dir
    if films is None and config.data.films is not None:
        films = Path(path).parent / config.data.films
    return config.model_copy(update={"data": config.data.model_copy(update={"cases": cases, "films": films})})


def copy_config(path: Path, copy: Path) -> None:
    """Keep a configuration beside what was made with it, where it may lie already."""
    if not (copy.exists() and copy.samefile(path)):
        shutil.copyfile(path, copy)
