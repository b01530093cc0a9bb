"""The segmentation network: a U-Net with a stride-2 stem, residual blocks and a film-level scope head.

Chosen for the CPU: dense 3x3 convolutions in bfloat16 with channels last are what oneDNN runs fastest (depthwise and
group-normalised layers are several times slower there), and batch normalisation folds into them for inference.

Sources: U-Net (Ronneberger et al. 2015), residual blocks (He et al. 2016), sub-pixel output (Shi et al. 2016).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ho_imaging.network.architecture import INPUT_CHANNELS, SCOPE_WIDTH, SUB_PIXELS, Architecture

__all__ = ["Output", "UNet", "fold_batch_norm"]


class Output(NamedTuple):
    """Output of the network for a batch of films.

    ``structures``: logits, (batch, structures, rows, columns), at the film's resolution.
    ``scope``: logits, (batch,), above zero where the film is of the kind the model was made for.
    """

    structures: Tensor
    scope: Tensor


class _ConvNorm(nn.Module):
    """Convolution and batch normalisation; after folding the normalisation is the identity."""

    def __init__(self, inputs: int, outputs: int, *, size: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (size // 2)
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.conv(x))
        return normalised


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _ConvNorm(width, width, dilation=dilation)
        self.second = _ConvNorm(width, width, dilation=dilation)
        # Each block starts as the identity, which trains faster (Goyal et al. 2017).
        nn.init.zeros_(self.second.norm.weight)  # type: ignore[arg-type]  # a BatchNorm2d until it is folded

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class UNet(nn.Module):
    """Films in, logits per structure and one scope logit per film out.

    Input: (batch, 2, rows, columns) in [0, 1], the film (zero where not valid) and its valid mask; rows and columns
    multiples of ``architecture.stride``.
    """

    def __init__(self, architecture: Architecture, structures: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.structures = structures
        widths = architecture.widths
        levels = range(len(widths) - 1)
        self.stem = _ConvNorm(INPUT_CHANNELS, widths[0], size=5, stride=2)
        self.encoders = nn.ModuleList(
            nn.Sequential(*(_Residual(width) for _ in range(depth)))
            for width, depth in zip(widths, architecture.blocks, strict=True)
        )
        self.downs = nn.ModuleList(_ConvNorm(widths[i], widths[i + 1], stride=2) for i in levels)
        self.context = nn.Sequential(*(_Residual(widths[-1], dilation) for dilation in architecture.dilations))
        self.laterals = nn.ModuleList(nn.Conv2d(widths[i + 1], widths[i], 1) for i in levels)
        self.decoders = nn.ModuleList(_ConvNorm(widths[i], widths[i]) for i in levels)
        # Sub-pixels for each structure bring the stem's half resolution back to the film's.
        self.head = nn.Conv2d(widths[0], SUB_PIXELS * structures, 1)
        self.scope_hidden = nn.Conv2d(widths[-1], SCOPE_WIDTH, 1)
        self.scope_out = nn.Linear(SCOPE_WIDTH, 1)

    def forward(self, x: Tensor) -> Output:
        """Run the network; see the class for shapes."""
        valid = x[:, 1:2].contiguous()  # pooling is several times as fast then
        x = self.encoders[0](functional.relu(self.stem(x)))
        skips = [x]
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            x = encoder(functional.relu(down(x)))
            skips.append(x)
        x = self.context(skips.pop())
        scope = self._scope(x, valid)
        for lateral, decoder in zip(reversed(self.laterals), reversed(self.decoders), strict=True):
            # The 1x1 convolution commutes with interpolation and is four times cheaper before it.
            wider = functional.interpolate(lateral(x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = functional.relu(decoder(wider + skips.pop()))
        return Output(functional.pixel_shuffle(self.head(x), 2), scope)

    def look(self, film: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return the logits of one film, see `ho_imaging.network.architecture.Network`.

        The weights say on which device and in which number format it runs; they must be in evaluation mode.
        """
        weights = self.head.weight
        batch = torch.from_numpy(film)[None].to(device=weights.device, dtype=weights.dtype)
        with torch.inference_mode():
            output = self(batch.contiguous(memory_format=torch.channels_last))
            return output.structures[0].contiguous().float().cpu().numpy(), float(output.scope[0])

    def _scope(self, features: Tensor, valid: Tensor) -> Tensor:
        """Mean evidence over the valid part of the film, so that padding and collimation do not count."""
        evidence = functional.relu(self.scope_hidden(features))
        weight = functional.avg_pool2d(valid, self.architecture.stride).to(evidence.dtype)
        total = weight.sum(dim=(2, 3)).clamp_min(1e-3)
        pooled = (evidence * weight).sum(dim=(2, 3)) / total
        logit: Tensor = self.scope_out(pooled).squeeze(1)
        return logit


def fold_batch_norm(net: UNet) -> UNet:
    """Fold every batch normalisation into its convolution, in place, for inference.

    The network must be in evaluation mode; what it computes stays the same up to rounding.
    """
    for module in net.modules():
        if isinstance(module, _ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's stubs omit it
