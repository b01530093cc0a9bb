"""Training loop with a budget of minutes or steps; a run can be stopped and resumed at any time."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.network.devices import choose_device, choose_dtype
from ho_imaging.network.model_store import find_model
from ho_imaging.network.unet import UNet
from ho_imaging.training.batches import Batch, StepBatches, list_training
from ho_imaging.training.checkpoint import Average, Progress, restore, write_checkpoint
from ho_imaging.training.config import OptimiserConfig, TrainingConfig, copy_config, load_config
from ho_imaging.training.data_parallel import Shares
from ho_imaging.training.films import FilmMaker, simulate_film
from ho_imaging.training.initial_weights import begin_from
from ho_imaging.training.losses import start_from_priors, training_loss
from ho_imaging.training.mining import find_hard_spots, read_hard_spots, write_hard_spots
from ho_imaging.training.optimisers import make_optimisers
from ho_imaging.training.validation import (
    film_logits,
    inference_net,
    make_validation_films,
    score_films,
)
from ho_imaging.vocabulary import Structure

__all__ = ["BEST_FILE", "LAST_FILE", "LOG_FILE", "TrainingError", "learning_rate", "train"]

logger = logging.getLogger(__name__)

LAST_FILE = "last.safetensors"
BEST_FILE = "best.safetensors"
LOG_FILE = "log.jsonl"
CONFIG_FILE = "config.toml"
HARD_FILE = "hard.json"

LOG_SECONDS = 30.0
ENDLESS_STEPS = 10**9
MAX_BAD_STEPS = 20


class TrainingError(HOImagingError, RuntimeError):
    """Training that cannot continue."""


def train(
    config_path: Path,
    out_dir: Path,
    max_minutes: float | None = None,
    resume: bool = True,
    *,
    cases_dir: Path | None = None,
    films_dir: Path | None = None,
    init: str | Path | None = None,
    make_film: FilmMaker = simulate_film,
) -> Progress:
    """Train a network according to a configuration, and write its checkpoints and log to a folder.

    Parameters
    ----------
    config_path
        TOML file, see `ho_imaging.training.config`.
    out_dir
        Folder for ``last.safetensors`` (to resume), ``best.safetensors`` (best on validation), ``log.jsonl`` and a copy
        of the configuration.
    max_minutes
        Budget in minutes, above 0, in place of the configuration's. It counts the time over all resumptions.
    resume
        Resume from ``out_dir/last.safetensors`` if it exists; otherwise the folder must not hold a run.
    cases_dir
        Folder of cases, in place of the configuration's.
    films_dir
        Folder of a site's reviewed radiographs, in place of the configuration's.
    init
        Name or folder of a model whose weights replace random ones, for fine-tuning. It must have the configuration's
        architecture and structures. There are no coarse first steps then. A resumed run keeps its own weights.
    make_film
        Function that makes an image from a case; importable by name, for worker processes.

    Returns
    -------
    Progress
        Progress of the run at its end.

    Raises
    ------
    UsageError
        If there is no valid budget, ``out_dir`` holds a run that is not to be resumed or has another configuration,
        there are no cases, or the model does not fit.
    ReadError
        If the checkpoint or a case cannot be read.
    TrainingError
        If the loss diverges.

    """
    config = load_config(config_path, cases_dir=cases_dir, films_dir=films_dir)
    minutes = max_minutes if max_minutes is not None else config.run.minutes
    if minutes is None and config.run.steps is None:
        raise UsageError("states neither minutes nor steps", path=config_path, remedy="set run.minutes or run.steps")
    if minutes is not None and not 0.0 < minutes < math.inf:
        raise UsageError(f"the budget must be greater than 0 minutes, not {minutes:g}", remedy="change --minutes")
    if (out_dir / LAST_FILE).exists() and not resume:
        raise UsageError("already holds a run", path=out_dir, remedy="resume it or choose an empty folder")
    return _Run(config, out_dir, minutes, make_film, init).run(config_path)


def learning_rate(config: OptimiserConfig, share: float) -> float:
    """Return the learning rate at a fraction of the budget: linear warm-up, constant, then cosine decay.

    Parameters
    ----------
    config
        Settings of the optimiser.
    share
        Fraction of the budget spent, in [0, 1].

    Returns
    -------
    float
        The learning rate.

    """
    if share < config.warmup_share:
        return config.learning_rate * max(share / config.warmup_share, 1e-3)
    falls_from = max(config.warmup_share, 1.0 - config.decay_share)
    down = max(0.0, min(share, 1.0) - falls_from) / (1.0 - falls_from) if falls_from < 1.0 else 0.0
    low = config.learning_rate * config.final_share
    return low + (config.learning_rate - low) * 0.5 * (1.0 + math.cos(math.pi * down))


@dataclass
class _Tally:
    """Sums between two log lines."""

    started: float
    steps: int = 0
    crops: int = 0
    waited: float = 0.0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class _Run:
    """State of one call of `train`."""

    def __init__(
        self,
        config: TrainingConfig,
        out_dir: Path,
        minutes: float | None,
        make_film: FilmMaker,
        init: str | Path | None = None,
    ) -> None:
        self.began = time.monotonic()
        self.out_dir = out_dir
        self.minutes = minutes
        self.make_film = make_film
        self.device = choose_device()
        self.dtype = choose_dtype(self.device)
        torch.manual_seed(config.run.seed)
        self.net = UNet(config.network, config.maps)
        start_from_priors(self.net, config.structures)
        last = out_dir / LAST_FILE
        if init is not None and not last.exists():
            begin_from(self.net, init, config)
        self.net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs omit it
        self.optimisers = make_optimisers(self.net, config.optimiser, self.dtype)
        self.average = Average(self.net, config.optimiser.ema_decay)
        self.progress = Progress()
        if last.exists():
            self.progress = restore(last, self.net, self.average, self.optimisers, config.fixed)
            logger.info("resuming from step %d after %.1f minutes", self.progress.step, self.progress.seconds / 60)
        if self.progress.began_from is None:
            self.progress.began_from = "" if init is None else str(find_model(init).absolute())
        self.config = config.at_full_size() if self.progress.began_from else config
        self.cases, self.reviewed = list_training(config.data)
        self.films = make_validation_films(
            config.data.cases,
            config.run.validation_films,
            config.run.seed,
            make_film,
            config.data.films,
            pixel_mm=config.preparation.pixel_mm,
        )
        # Created after restoring, so that the copies have the restored statistics.
        threads = 1 if self.device.type != "cpu" else config.run.threads or os.cpu_count() or 1
        self.shares = Shares(self.net, threads)
        self.seconds_before = self.progress.seconds
        self.bad_steps = 0

    def run(self, config_path: Path) -> Progress:
        """Train to the end of the budget.

        The constructor writes nothing, so that refused arguments leave the folder unchanged.
        """
        try:
            self.out_dir.mkdir(parents=True, exist_ok=True)
            copy_config(config_path, self.out_dir / CONFIG_FILE)
            return self._run()
        finally:
            self.shares.close()

    def _run(self) -> Progress:
        run = self.config.run
        mines = bool(self.cases) and self.config.data.hard_share > 0
        logger.info(
            "%d training cases, %d reviewed films, %d validation films, %s %s",
            *(len(self.cases), len(self.reviewed), len(self.films), self.device, self.dtype),
        )
        checkpointed = validated = mined = self._seconds()
        tally = _Tally(time.monotonic())
        for batch, waited in self._batches():
            share = self._share()
            if share >= 1.0:
                break
            self._step(batch, share, tally)
            tally.waited += waited
            if time.monotonic() - tally.started > LOG_SECONDS:
                self._log_training(tally, share)
                tally = _Tally(time.monotonic())
            if self._seconds() - validated > run.validate_minutes * 60:
                if self._validate():
                    break
                validated = checkpointed = self._seconds()
            elif mines and self._seconds() - mined > run.mine_minutes * 60:
                self._mine()
                mined = self._seconds()
            elif self._seconds() - checkpointed > run.checkpoint_minutes * 60:
                self._checkpoint(LAST_FILE)
                checkpointed = self._seconds()
        if tally.steps:
            self._log_training(tally, self._share())
        self._validate()
        return self.progress

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.began

    def _share(self) -> float:
        """Return the fraction of the budget that is spent, the larger of time and steps."""
        by_time = self._seconds() / (self.minutes * 60) if self.minutes is not None else 0.0
        by_steps = self.progress.step / self.config.run.steps if self.config.run.steps is not None else 0.0
        return max(by_time, by_steps)

    def _batches(self) -> Iterator[tuple[Batch, float]]:
        """Yield batches from the current step on, each with the seconds spent waiting for it."""
        steps = self.config.run.steps or ENDLESS_STEPS
        workers = self.config.run.workers
        loader = DataLoader(
            StepBatches(self.cases, self.config, self.make_film, steps, self.out_dir / HARD_FILE, self.reviewed),
            batch_size=None,
            sampler=range(self.progress.step, steps),
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            worker_init_fn=_one_thread if workers else None,
            # Forked workers hang if the parent has already started threads of OpenMP or OpenCV.
            multiprocessing_context="spawn" if workers else None,
        )
        batches = iter(loader)
        while True:
            asked = time.monotonic()
            batch = next(batches, None)
            if batch is None:
                return
            yield batch, time.monotonic() - asked

    def _step(self, batch: Batch, share: float, tally: _Tally) -> None:
        rate = learning_rate(self.config.optimiser, share)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
        batch = Batch(*(tensor.to(self.device, non_blocking=True) for tensor in batch))
        loss, parts = self.shares.backward(batch, self._objective)
        norm = float(torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.config.optimiser.clip_norm))
        if math.isfinite(norm):
            for optimiser in self.optimisers.values():
                optimiser.step()
            self.average.update(self.net, self.progress.step)
            self.bad_steps = 0
        else:
            self.bad_steps += 1
            logger.warning("step %d skipped: its gradient is not finite", self.progress.step)
            if self.bad_steps >= MAX_BAD_STEPS:
                raise TrainingError(
                    f"{MAX_BAD_STEPS} steps in a row without a finite gradient",
                    path=self.out_dir,
                    remedy="lower optimiser.learning_rate and resume from the last checkpoint",
                )
        self.progress.step += 1
        tally.steps += 1
        tally.crops += len(batch.films)
        for name, value in {"loss": loss, "norm": norm, **parts}.items():
            tally.sums[name] += value

    def _objective(self, net: UNet, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        low_precision = (
            torch.autocast(self.device.type, torch.bfloat16)
            if self.dtype is torch.bfloat16
            else contextlib.nullcontext()
        )
        net.train()
        with low_precision:
            output = net(batch.films.contiguous(memory_format=torch.channels_last))
        return training_loss(output, batch, self.config.loss)

    def _log_training(self, tally: _Tally, share: float) -> None:
        seconds = time.monotonic() - tally.started
        means = {name: round(value / tally.steps, 5) for name, value in tally.sums.items()}
        self._log(
            "train",
            share=round(share, 4),
            learning_rate=learning_rate(self.config.optimiser, share),
            crops_per_s=round(tally.crops / seconds, 2),
            waited_share=round(tally.waited / seconds, 3),
            **means,
        )

    def _validate(self) -> bool:
        """Score the averaged weights, keep the best and write a checkpoint; return True if training should stop."""
        net = inference_net(
            self.average.state, self.config.network, len(self.config.structures), self.device, self.dtype
        )
        scores = score_films(self.films, film_logits(net, self.films), self.config.structures)
        self._log("validate", **{name: round(value, 4) for name, value in scores.items() if math.isfinite(value)})
        better = scores["score"] > self.progress.best_score
        self.progress.validations_without_better = 0 if better else self.progress.validations_without_better + 1
        if better:
            self.progress.best_score = scores["score"]
            self._checkpoint(BEST_FILE)
        self._checkpoint(LAST_FILE)
        patience = self.config.run.patience
        return patience is not None and self.progress.validations_without_better >= patience

    def _mine(self) -> None:
        """Find errors of the averaged weights on images of some training cases and store their positions."""
        net = inference_net(
            self.average.state, self.config.network, len(self.config.structures), self.device, self.dtype
        )
        rng = np.random.default_rng([self.config.run.seed, 2**33 + self.progress.step])
        chosen = [self.cases[index] for index in rng.integers(len(self.cases), size=self.config.run.mine_films)]
        channel = self.config.structures.index(Structure.HO)
        found = find_hard_spots(net, channel, chosen, rng, self.make_film, pixel_mm=self.config.preparation.pixel_mm)
        known = read_hard_spots(self.out_dir / HARD_FILE)
        write_hard_spots(self.out_dir / HARD_FILE, [*known, *found])
        self._log("mine", spots=len(found))

    def _checkpoint(self, name: str) -> None:
        self.progress.seconds = self._seconds()
        write_checkpoint(self.out_dir / name, self.net, self.average, self.optimisers, self.progress, self.config.fixed)

    def _log(self, event: str, **values: float) -> None:
        line = {"event": event, "step": self.progress.step, "minutes": round(self._seconds() / 60, 2), **values}
        logger.info("%s", json.dumps(line))
        with (self.out_dir / LOG_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _one_thread(_worker: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
