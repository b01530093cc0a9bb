"""How the weights move: Muon for the kernels of convolutions, AdamW for all else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ho_imaging.network.unet import UNet
from ho_imaging.training.config import OptimiserConfig

__all__ = ["KernelMuon", "make_optimisers"]

ENDS = ("stem", "head", "scope")
"""Parts whose kernels go from and to few channels; Muon is for what lies between."""


class KernelMuon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) for kernels of convolutions, each as a matrix: outputs by all that goes in.

    The momentum of a kernel is made orthogonal before it is followed, so that what it rarely says moves the weights as
    far as what it says at every step. Kernels must lie in memory with their channels last.
    """

    def __init__(self, kernels: Sequence[nn.Parameter], **settings: Any) -> None:
        self._kernels = list(kernels)
        # Views: what moves the matrices moves the kernels.
        super().__init__([kernel.detach().permute(0, 2, 3, 1).view(len(kernel), -1) for kernel in kernels], **settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # overloaded in torch
        """Move the kernels against their gradients."""
        for kernel, matrix in zip(self._kernels, self.param_groups[0]["params"], strict=True):
            gradient = kernel.grad
            matrix.grad = None if gradient is None else gradient.permute(0, 2, 3, 1).reshape(matrix.shape)
        loss: float | None = super().step(closure)  # type: ignore[no-untyped-call]  # torch
        return loss


def make_optimisers(net: UNet, config: OptimiserConfig) -> dict[str, torch.optim.Optimizer]:
    """Give a run's optimisers by the name their state is kept under; every parameter is in exactly one.

    Weights of convolutions decay, biases and normalisation do not: shrinking those helps nothing.
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
            # Steps as long as AdamW's (Liu et al. 2025), so that one learning rate does for both.
            adjust_lr_fn="match_rms_adamw",
        )
    return optimisers
