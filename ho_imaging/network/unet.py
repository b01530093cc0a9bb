"""The segmentation network: a U-Net with a stride-2 stem, residual blocks and a film-level scope head.

Chosen for the CPU: dense 3x3 convolutions in bfloat16 with channels last are what oneDNN runs fastest (depthwise and
group-normalised layers are several times slower there), and batch normalisation folds into them for inference.

Sources: U-Net (Ronneberger et al. 2015), residual blocks (He et al. 2016), sub-pixel output (Shi et al. 2016).
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ho_imaging.network.architecture import INPUT_CHANNELS, SCOPE_WIDTH, SUB_PIXELS, Architecture

__all__ = ["Output", "UNet", "fold_batch_norm"]


_STRIP_ROWS = 32
"""Rows, at half the film's resolution, of the last stage that a processor computes at once: they stay in its cache."""


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

    def within(self, x: Tensor) -> Tensor:
        """Return a 3x3 convolution without the first and last row, which only the rows beside them see."""
        found = functional.conv2d(x, self.conv.weight, self.conv.bias, padding=(0, 1))
        normalised: Tensor = self.norm(found)
        return normalised


def _relu(x: Tensor) -> Tensor:
    """Rectify what nothing else uses: in place where no gradient can be asked for, which takes half the memory."""
    return functional.relu(x, inplace=torch.is_inference_mode_enabled())


def _sum(x: Tensor, other: Tensor) -> Tensor:
    """Add to what nothing else uses, in place likewise."""
    return x.add_(other) if torch.is_inference_mode_enabled() else x + other


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = _ConvNorm(width, width, dilation=dilation)
        self.second = _ConvNorm(width, width, dilation=dilation)
        # Each block starts as the identity, which trains faster (Goyal et al. 2017).
        nn.init.zeros_(self.second.norm.weight)  # type: ignore[arg-type]  # a BatchNorm2d until it is folded

    def forward(self, x: Tensor) -> Tensor:
        return _relu(_sum(self.second(_relu(self.first(x))), x))


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
        x, skips, scope = self._encode(x)
        for level in reversed(range(len(skips))):
            x = self._decode(level, x, skips.pop())
        return Output(functional.pixel_shuffle(self.head(x), 2), scope)

    def look(self, film: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return the logits of one film, see `ho_imaging.network.architecture.Network`.

        The weights say on which device and in which number format it runs; they must be in evaluation mode.
        """
        weights = self.head.weight
        batch = torch.from_numpy(film)[None].to(device=weights.device, dtype=weights.dtype)
        with torch.inference_mode():
            x, skips, scope = self._encode(batch.contiguous(memory_format=torch.channels_last))
            while len(skips) > 1:
                x = self._decode(len(skips) - 1, x, skips.pop())
            return self._finish(x, skips.pop()), float(scope[0])

    def _encode(self, x: Tensor) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return the features at the bottom, those of each level above it, and the scope logits."""
        valid = x[:, 1:2].contiguous()  # pooling is several times as fast then
        x = self.encoders[0](_relu(self.stem(x)))
        skips = [x]
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            x = encoder(_relu(down(x)))
            skips.append(x)
        x = self.context(skips.pop())
        return x, skips, self._scope(x, valid)

    def _decode(self, level: int, x: Tensor, skip: Tensor) -> Tensor:
        """Return the features of a level from those of the level below it and its own on the way down."""
        # The 1x1 convolution commutes with interpolation and is four times cheaper before it.
        return _relu(self.decoders[level](_sum(_twice_as_fine(self.laterals[level](x)), skip)))

    def _finish(self, x: Tensor, skip: Tensor) -> NDArray[np.float32]:
        """Return the logits of one film: the last level and the head, strip by strip.

        All at once, this stage would take most of the memory of a film, and most of its time in waiting for it.
        """
        _, _, rows, columns = skip.shape
        strip = _STRIP_ROWS if skip.device.type == "cpu" else rows
        logits = np.empty((self.structures, 2 * rows, 2 * columns), dtype=np.float32)
        places = torch.from_numpy(logits.reshape(self.structures, rows, 2, columns, 2)).permute(0, 2, 4, 1, 3)
        decoder, below = cast("_ConvNorm", self.decoders[0]), self.laterals[0](x)
        for top in range(0, rows, strip):
            bottom = min(top + strip, rows)
            # One more row on either side, as the convolution sees it; beyond the film it sees zeros.
            first, last = max(top - 1, 0), min(bottom + 1, rows)
            # Interpolation needs a row of the level below on either side, too: the outermost two of its rows go.
            start = max(top // 2 - 1, 0)
            wider = _twice_as_fine(below[:, :, start : bottom // 2 + 1])[:, :, first - 2 * start : last - 2 * start]
            seen = functional.pad(_sum(wider, skip[:, :, first:last]), (0, 0, int(first == top), int(last == bottom)))
            cells = self.head(_relu(decoder.within(seen)))
            places[..., top:bottom, :] = cells.view(self.structures, 2, 2, bottom - top, columns)
        return logits

    def _scope(self, features: Tensor, valid: Tensor) -> Tensor:
        """Mean evidence over the valid part of the film, so that padding and collimation do not count."""
        evidence = functional.relu(self.scope_hidden(features))
        weight = functional.avg_pool2d(valid, self.architecture.stride).to(evidence.dtype)
        total = weight.sum(dim=(2, 3)).clamp_min(1e-3)
        pooled = (evidence * weight).sum(dim=(2, 3)) / total
        logit: Tensor = self.scope_out(pooled).squeeze(1)
        return logit


def _twice_as_fine(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def fold_batch_norm(net: UNet) -> UNet:
    """Fold every batch normalisation into its convolution, in place, for inference.

    The network must be in evaluation mode; what it computes stays the same up to rounding.
    """
    for module in net.modules():
        if isinstance(module, _ConvNorm) and isinstance(module.norm, nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = nn.Identity()
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]  # torch's stubs omit it
