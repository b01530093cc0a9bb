"""Weights halfway between a run's and those of the model it began from.

What fine-tuning gains on films like those trained on it may lose on others; halfway it often keeps both (Wortsman et
al., Robust fine-tuning of zero-shot models, CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ho_imaging.network.unet import UNet
from ho_imaging.training.batches import StepBatches, list_training
from ho_imaging.training.config import TrainingConfig
from ho_imaging.training.films import FilmMaker
from ho_imaging.training.start import begin_from

__all__ = ["halfway"]

BATCHES = 40
"""Training batches that normalisation is measured on anew: statistics of two networks are not those of their mean."""


def halfway(
    state: Mapping[str, Tensor], model: str | Path, config: TrainingConfig, make_film: FilmMaker
) -> dict[str, Tensor]:
    """Give the mean of a run's weights and a model's, which must be of the run's architecture or grown into it.

    Raises
    ------
    UsageError
        If the model does not fit, or there is nothing to train on to measure normalisation on.

    """
    cases, films = list_training(config.data)
    net = UNet(config.network, config.maps)
    net.load_state_dict(dict(state))
    begin_from(net, model, config)
    given = net.state_dict()
    net.load_state_dict(
        {key: (value + given[key]) / 2 if value.is_floating_point() else value for key, value in state.items()}
    )
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    # As the model will see films: at full size, and a site's own among them.
    batches = StepBatches(cases, config.at_full_size(), make_film, BATCHES, films=films)
    net.train()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for step in range(BATCHES):
            net(batches[step].films.contiguous(memory_format=torch.channels_last))
    return dict(net.state_dict())
