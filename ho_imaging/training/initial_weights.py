"""Transfer of weights from a model to a run and back: growth of the network, and removal of the map of mimics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ho_imaging.errors import UsageError
from ho_imaging.network.architecture import SUB_PIXELS, Architecture
from ho_imaging.network.model_store import load_weights
from ho_imaging.network.unet import UNet
from ho_imaging.training.config import TrainingConfig

__all__ = ["begin_from", "without_mimics"]


def begin_from(net: UNet, model: str | Path, config: TrainingConfig) -> None:
    """Copy a model's weights into a new network.

    The network may have more residual blocks than the model: a new block starts as the identity, so the network
    initially computes the same as the model and has more capacity. A map of mimics keeps its initial weights.

    Parameters
    ----------
    net
        The network to initialise.
    model
        Name or folder of the model.
    config
        Configuration of the run.

    Raises
    ------
    UsageError
        If the model has other structures, other widths or more blocks.
    ModelError
        If the model does not exist or is damaged.

    """
    description, weights = load_weights(model)
    if not _is_grown(config.network, description.architecture) or tuple(description.structures) != config.structures:
        raise UsageError(
            f"the model {description.name} has another architecture or other structures than the configuration",
            remedy="train with the model's own training.toml, changed as little as possible; blocks may be added",
        )
    state = net.state_dict()
    for key, value in weights.items():
        if key.startswith("head."):
            state[key][: len(value)] = value
        else:
            state[key] = value
    net.load_state_dict(state)


def without_mimics(state: Mapping[str, Tensor], structures: int) -> dict[str, Tensor]:
    """Return weights without the map of mimics, which follows the maps of the structures.

    Parameters
    ----------
    state
        Weights by name.
    structures
        Number of structures.

    Returns
    -------
    dict of str to Tensor
        The weights; unchanged if there is no such map.

    """
    cut = {key: value[: SUB_PIXELS * structures] for key, value in state.items() if key.startswith("head.")}
    return dict(state) | cut


def _is_grown(grown: Architecture, given: Architecture) -> bool:
    return (
        grown.widths == given.widths
        and all(more >= less for more, less in zip(grown.blocks, given.blocks, strict=True))
        and grown.dilations[: len(given.dilations)] == given.dilations
    )
