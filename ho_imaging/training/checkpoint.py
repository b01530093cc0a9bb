"""Checkpoints: the state of a training run in one file, written atomically and without pickle.

They hold no state of random generators: after the initial weights every draw is a function of seed and step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.files.atomic import write_bytes

__all__ = ["Average", "Progress", "read_average", "restore", "write_checkpoint"]


@dataclass
class Progress:
    """Progress of a training run.

    ``seconds``: training time, over all resumptions. ``began_from``: folder of the model that gave the initial weights,
    empty for random ones; None if an older checkpoint does not say.
    """

    step: int = 0
    seconds: float = 0.0
    best_score: float = -1.0
    validations_without_better: int = 0
    began_from: str | None = None


class Average:
    """Exponential moving average of a network's weights and buffers (Polyak averaging); these weights are exported."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {key: value.detach().clone() for key, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the network's weights, faster in the first steps so that the initial weights are soon forgotten.

        Parameters
        ----------
        net
            The network.
        step
            Number of the step.

        """
        decay = min(self.decay, (1 + step) / (10 + step))
        now = net.state_dict()
        floats = [key for key, value in self.state.items() if value.is_floating_point()]
        torch._foreach_lerp_([self.state[key] for key in floats], [now[key] for key in floats], 1 - decay)
        for key in self.state.keys() - set(floats):
            self.state[key].copy_(now[key])


Optimisers = Mapping[str, torch.optim.Optimizer]
"""Optimisers of a run, by the name that their state is stored under."""


def write_checkpoint(
    path: Path,
    net: nn.Module,
    average: Average,
    optimisers: Optimisers,
    progress: Progress,
    fixed: Mapping[str, Any],
) -> None:
    """Write all that a run needs to resume, atomically: a reader sees the old file or the new one.

    Parameters
    ----------
    path
        File to write.
    net
        The network.
    average
        Moving average of its weights.
    optimisers
        Optimisers with their state.
    progress
        Progress of the run.
    fixed
        Settings that a run cannot change, see `TrainingConfig.fixed`.

    """
    tensors = {f"net.{key}": value for key, value in net.state_dict().items()}
    tensors |= {f"average.{key}": value for key, value in average.state.items()}
    for name, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": value for key, value in state.items()}
    metadata = {"progress": json.dumps(asdict(progress)), "fixed": json.dumps(dict(fixed))}
    raw = save({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, metadata=metadata)
    write_bytes(path, raw, durable=True)


def restore(path: Path, net: nn.Module, average: Average, optimisers: Optimisers, fixed: Mapping[str, Any]) -> Progress:
    """Restore a run from its checkpoint.

    Parameters
    ----------
    path
        Checkpoint.
    net, average, optimisers
        State to overwrite.
    fixed
        Settings that a run cannot change, see `TrainingConfig.fixed`.

    Returns
    -------
    Progress
        Progress of the run.

    Raises
    ------
    ReadError
        If it is not a checkpoint of such a network.
    UsageError
        If a fixed setting differs.

    """
    tensors, progress = _read(path, fixed)
    try:
        net.load_state_dict(_part(tensors, "net."))
        averaged = _part(tensors, "average.")
        if averaged.keys() != average.state.keys():
            raise ValueError("names differ")
        for key, value in averaged.items():
            average.state[key].copy_(value)
        for name, optimiser in optimisers.items():
            _restore_optimiser(optimiser, _part(tensors, f"{name}."))
    except (RuntimeError, ValueError, IndexError) as error:
        raise ReadError("is a checkpoint of another network", path=path, remedy="train into an empty folder") from error
    return progress


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        like = parameters[int(index)]
        # The memory layout must be the parameter's, as if the optimiser had made the tensor itself.
        laid_out = torch.empty_like(like, requires_grad=False).copy_(value) if value.shape == like.shape else value
        states.setdefault(int(index), {})[name] = laid_out
    optimiser.load_state_dict({"state": states, "param_groups": optimiser.state_dict()["param_groups"]})


def read_average(path: Path, fixed: Mapping[str, Any]) -> tuple[dict[str, Tensor], Progress]:
    """Read the averaged weights and the progress of a checkpoint.

    Parameters
    ----------
    path
        Checkpoint.
    fixed
        Settings that a run cannot change, see `TrainingConfig.fixed`.

    Returns
    -------
    weights : dict of str to Tensor
        The averaged weights.
    progress : Progress
        Progress of the run.

    Raises
    ------
    ReadError
        If it is not a checkpoint.
    UsageError
        If a fixed setting differs.

    """
    tensors, progress = _read(path, fixed)
    return _part(tensors, "average."), progress


def _read(path: Path, fixed: Mapping[str, Any]) -> tuple[dict[str, Tensor], Progress]:
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            progress = Progress(**json.loads(metadata["progress"]))
            made_with = dict(json.loads(metadata.get("fixed", "{}")))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # the file is no mapping
    except FileNotFoundError as error:
        raise ReadError("does not exist", path=path, remedy="check the folder of the run, or train first") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ReadError(f"is not a checkpoint: {error}", path=path, remedy="delete it and start again") from error
    if not made_with and any(key.startswith(("optimiser.", "muon.")) for key in tensors):
        # An older checkpoint does not state its configuration, but its optimisers can be inferred.
        made_with = {"optimiser.kernels": "muon" if _part(tensors, "muon.") else "adamw"}
    for key in made_with.keys() & fixed.keys():
        if made_with[key] != fixed[key]:
            raise UsageError(
                f"was made with {key} = {json.dumps(made_with[key])}, and not with {json.dumps(fixed[key])}",
                path=path,
                remedy="use the configuration that the run was made with, or train into an empty folder",
            )
    return tensors, progress


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
