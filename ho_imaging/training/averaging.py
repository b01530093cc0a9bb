"""Averaging of a run's weights with those of its initial model.

What fine-tuning gains on images like the training images it may lose on others; the average often keeps both (Wortsman
et al., Robust fine-tuning of zero-shot models, CVPR 2022).
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
from ho_imaging.training.initial_weights import begin_from

__all__ = ["halfway"]

BATCHES = 40
"""Training batches to re-estimate batch normalisation on: the statistics of two networks do not average."""


def halfway(
    state: Mapping[str, Tensor], model: str | Path, config: TrainingConfig, make_film: FilmMaker
) -> dict[str, Tensor]:
    """Return the mean of a run's weights and a model's, with batch normalisation statistics estimated anew.

    Parameters
    ----------
    state
        Weights of the run.
    model
        Name or folder of the model. It must have the run's architecture, or one that the run's was grown from.
    config
        Configuration of the run; its training data give the statistics.
    make_film
        Function that makes an image from a case.

    Returns
    -------
    dict of str to Tensor
        The averaged weights.

    Raises
    ------
    UsageError
        If the model does not fit, or there are no training data.

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
    # Statistics must match use: full size, and a site's own images among them.
    batches = StepBatches(cases, config.at_full_size(), make_film, BATCHES, films=films)
    net.train()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for step in range(BATCHES):
            net(batches[step].films.contiguous(memory_format=torch.channels_last))
    return dict(net.state_dict())
