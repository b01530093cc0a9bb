"""Optimisers: Muon for convolution kernels, AdamW for all other parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ho_imaging.network.unet import UNet
from ho_imaging.training.config import OptimiserConfig

__all__ = ["KernelMuon", "make_optimisers"]

ENDS = ("stem", "head", "scope")
"""Modules whose kernels have few channels on one side; Muon is for the layers between them."""


class KernelMuon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) for convolution kernels, each as a matrix of output channels by inputs.

    The momentum of a kernel is orthogonalised, so that rare directions move the weights as far as frequent ones.
    Kernels must be in the channels-last memory format.
    """

    def __init__(self, kernels: Sequence[nn.Parameter], **settings: Any) -> None:
        self._kernels = list(kernels)
        # The matrices are views: updating them updates the kernels.
        super().__init__([kernel.detach().permute(0, 2, 3, 1).view(len(kernel), -1) for kernel in kernels], **settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # overloaded in torch
        """Update the kernels.

        Parameters
        ----------
        closure
            Function that computes the loss again, or ``None``.

        Returns
        -------
        float or None
            The loss, if ``closure`` is given.

        """
        for kernel, matrix in zip(self._kernels, self.param_groups[0]["params"], strict=True):
            gradient = kernel.grad
            matrix.grad = None if gradient is None else gradient.permute(0, 2, 3, 1).reshape(matrix.shape)
        loss: float | None = super().step(closure)  # type: ignore[no-untyped-call]  # torch
        return loss


def make_optimisers(net: UNet, config: OptimiserConfig) -> dict[str, torch.optim.Optimizer]:
    """Return a run's optimisers by the name that their state is stored under; each parameter is in exactly one.

    Weight decay applies to convolution weights, not to biases and normalisation, where it has no benefit.

    Parameters
    ----------
    net
        The network.
    config
        Settings of the optimisers.

    Returns
    -------
    dict of str to Optimizer
        By name.

    """
    kernels: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in net.named_parameters():
        by_muon = config.kernels == "muon" and parameter.ndim == 4 and not name.startswith(ENDS)
        (kernels if by_muon else rest).append(parameter)
    groups = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimisers: dict[str, torch.optim.Optimizer] = {"optimiser": torch.optim.AdamW(groups, lr=0.0, foreach=True)}
    if kernels:
        optimisers["muon"] = KernelMuon(
            kernels,
            lr=0.0,
            weight_decay=config.weight_decay,
            # Scaled to AdamW's update size (Liu et al. 2025), so that one learning rate fits both.
            adjust_lr_fn="match_rms_adamw",
        )
    return optimisers
