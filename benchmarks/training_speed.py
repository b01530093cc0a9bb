"""Training speed: crops a second of the whole loop, and of the network alone on the same machine.

    python benchmarks/training_speed.py CONFIG.toml --cases CASES [--films FILMS] [--init MODEL]
        [--minutes 3] [--float32]

The loop is ``ho-imaging train`` as it is, with its loaders, augmentation, optimisers and averages; the network alone is
forward, loss and backward of one batch, again and again, on as many threads. Both run one after the other, so that
their ratio holds where their speeds do not. ``--float32`` trains as a processor without bfloat16 does; to be as slow as
one with AVX2 set ``ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2`` as well. Prints JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from ho_imaging.network.devices import choose_device, choose_dtype
from ho_imaging.network.unet import UNet
from ho_imaging.training.batches import Batch, StepBatches, list_training
from ho_imaging.training.config import TrainingConfig, load_config
from ho_imaging.training.data_parallel import Shares
from ho_imaging.training.films import simulate_film
from ho_imaging.training.initial_weights import begin_from
from ho_imaging.training.loop import LOG_FILE, train
from ho_imaging.training.losses import training_loss

LOOP = "ho_imaging.training.loop.choose_dtype"
WARM_STEPS = 3


def loop_speed(config: Path, minutes: float, **about: Any) -> dict[str, float]:
    """Train for some minutes, and return crops a second and the share of time spent waiting for them."""
    with tempfile.TemporaryDirectory() as folder:
        train(config, Path(folder), max_minutes=minutes, **about)
        lines = [json.loads(line) for line in (Path(folder) / LOG_FILE).read_text(encoding="utf-8").splitlines()]
    # The first interval holds the start of the loaders, the last may be short.
    whole = [line for line in lines if line["event"] == "train"][1:-1]
    if not whole:
        raise SystemExit("too short: give --minutes of 2 and more")
    return {name: float(np.mean([line[name] for line in whole])) for name in ("crops_per_s", "waited_share")}


def network_speed(config: TrainingConfig, seconds: float, dtype: torch.dtype, init: str | None) -> float:
    """Return crops a second of forward, loss and backward alone."""
    cases, films = list_training(config.data)
    crops = StepBatches(cases, config.at_full_size(), simulate_film, 1, films=films)[0]
    net = UNet(config.network, config.maps)
    if init is not None:
        begin_from(net, init, config)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs omit it
    net.train()

    def objective(twin: UNet, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        fast = torch.autocast("cpu", torch.bfloat16) if dtype is torch.bfloat16 else contextlib.nullcontext()
        with fast:
            output = twin(batch.films.contiguous(memory_format=torch.channels_last))
        return training_loss(output, batch, config.loss)

    shares = Shares(net, config.run.threads or os.cpu_count() or 1)
    try:
        for _ in range(WARM_STEPS):
            shares.backward(crops, objective)
        began, steps = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            shares.backward(crops, objective)
            steps += 1
        return steps * len(crops.films) / (time.monotonic() - began)
    finally:
        shares.close()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--films", type=Path)
    parser.add_argument("--init", help="begin with the weights of this model")
    parser.add_argument("--minutes", type=float, default=3.0, help="of the loop; the network alone takes a third of it")
    parser.add_argument("--float32", action="store_true", help="as without bfloat16")
    options = parser.parse_args()
    dtype = torch.float32 if options.float32 else choose_dtype(choose_device("cpu"))
    about = {"cases_dir": options.cases, "films_dir": options.films}
    config = load_config(options.config, **about)
    alone = network_speed(config, options.minutes * 20, dtype, options.init)
    with mock.patch(LOOP, return_value=dtype):
        loop = loop_speed(options.config, options.minutes, init=options.init, **about)
    report = {
        "dtype": str(dtype).removeprefix("torch."),
        "cores": os.cpu_count(),
        "network_alone_crops_a_second": round(alone, 2),
        "loop_crops_a_second": round(loop["crops_per_s"], 2),
        "loop_share_of_the_network": round(loop["crops_per_s"] / alone, 2),
        "waited_for_crops": round(loop["waited_share"], 3),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    sys.stdout.flush()
    # As the command does: taking down the interpreter beside torch's threads may end in an abort.
    os._exit(0)


if __name__ == "__main__":
    main()
