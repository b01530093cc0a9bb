"""Optimisers: Muon for convolution kernels, AdamW for all other parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ho_imaging.network.unet import UNet
from ho_imaging.training.config import OptimiserConfig

__all__ = ["KernelMuon", "make_optimisers"]

ENDS = ("stem", "head", "scope")
"""Modules whose kernels have few channels on one side; Muon is for the layers between them."""


class KernelMuon(torch.optim.Muon):
    """Muon (Jordan et al. 2024) for convolution kernels, each as a matrix of output channels by inputs.

    The momentum of a kernel is orthogonalised, so that rare directions move the weights as far as frequent ones.
    Kernels must be in the channels-last memory format.

    Parameters
    ----------
    kernels
        The convolution kernels.
    dtype
        Number format of the orthogonalisation. torch 2.13 does it in bfloat16 alone, which a processor without
        bfloat16 emulates: there a step of the optimiser takes longer than the network.
    **settings
        Those of `torch.optim.Muon`.

    """

    def __init__(
        self, kernels: Sequence[nn.Parameter], *, dtype: torch.dtype = torch.bfloat16, **settings: Any
    ) -> None:
        self._kernels = list(kernels)
        self._dtype = dtype
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
        if self._dtype is torch.bfloat16:
            loss: float | None = super().step(closure)  # type: ignore[no-untyped-call]  # torch
            return loss
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        else:
            loss = None
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._move(matrix, matrix.grad, group)
        return loss

    def _move(self, matrix: Tensor, gradient: Tensor, group: Mapping[str, Any]) -> None:
        """Update one kernel's matrix as `torch.optim.Muon` does, in this optimiser's number format."""
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient, memory_format=torch.preserve_format)
        momentum = state["momentum_buffer"].lerp_(gradient, 1.0 - group["momentum"])
        towards = gradient.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum
        step = orthogonalised(towards.to(self._dtype), group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = matrix.shape
        as_adamw = group["adjust_lr_fn"] == "match_rms_adamw"
        scale = 0.2 * math.sqrt(max(rows, columns)) if as_adamw else math.sqrt(max(1.0, rows / columns))
        matrix.mul_(1.0 - group["lr"] * group["weight_decay"])
        matrix.add_(step, alpha=-group["lr"] * scale)


def orthogonalised(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Return nearly the closest orthogonal matrix, by Newton-Schulz iterations (Jordan et al. 2024).

    Parameters
    ----------
    matrix
        (rows, columns), floating point.
    coefficients
        Of the quintic polynomial.
    steps
        Number of iterations.
    eps
        Least norm to divide by.

    Returns
    -------
    Tensor
        (rows, columns), of the same number format; its singular values are about 1.

    """
    wide = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    linear, cubic, quintic = coefficients
    wide = wide / wide.norm().clamp(min=eps)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=cubic, alpha=quintic), wide, beta=linear)
    return wide.T if matrix.size(0) > matrix.size(1) else wide


def make_optimisers(
    net: UNet, config: OptimiserConfig, dtype: torch.dtype = torch.bfloat16
) -> dict[str, torch.optim.Optimizer]:
    """Return a run's optimisers by the name that their state is stored under; each parameter is in exactly one.

    Weight decay applies to convolution weights, not to biases and normalisation, where it has no benefit.

    Parameters
    ----------
    net
        The network.
    config
        Settings of the optimisers.
    dtype
        Number format that the device computes fast: bfloat16 or float32.

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
            dtype=dtype,
            lr=0.0,
            weight_decay=config.weight_decay,
            # Scaled to AdamW's update size (Liu et al. 2025), so that one learning rate fits both.
            adjust_lr_fn="match_rms_adamw",
        )
    return optimisers
