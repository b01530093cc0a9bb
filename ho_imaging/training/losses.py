"""What the network is asked to make small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ho_imaging.network.unet import Output
from ho_imaging.training.batches import Batch
from ho_imaging.training.cases import MASK_BITS
from ho_imaging.training.config import LossConfig
from ho_imaging.vocabulary import Structure

__all__ = ["soft_dice_loss", "training_loss"]

DICE_SMOOTHING = 50.0
"""Pixels added above and below: keeps the loss calm where a structure is absent from the batch."""


def training_loss(output: Output, batch: Batch, config: LossConfig) -> tuple[Tensor, dict[str, float]]:
    """Give the loss of a batch and its parts for the log.

    For each structure cross-entropy plus soft Dice (Milletari et al. 2016) over the batch; for HO in addition the
    cross-entropy of the hardest pixels (online hard example mining, Shrivastava et al. 2016), which are missed faint
    nodules and false alarms, and small nodules weigh more. Pixels that are not valid do not count, nor do those with
    an HO weight of zero for HO.
    """
    valid = batch.films[:, 1]
    total = output.scope.new_zeros((), dtype=torch.float32)
    parts: dict[str, float] = {}
    # Unbound at once: indexing channel by channel would fill a whole gradient for each.
    maps = output.structures.float().unbind(1)
    for logits, (structure, weight) in zip(maps, config.structures.items(), strict=True):
        target = (batch.bits >> MASK_BITS[structure] & 1).to(torch.float32)
        counts = valid * batch.ho_weight.float() if structure is Structure.HO else valid
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * counts
        loss = entropy.sum() / counts.sum().clamp_min(1.0) + soft_dice_loss(logits, target, counts)
        if structure is Structure.HO and config.hard_pixels > 0:
            hardest = max(1, int(entropy.numel() * config.hard_pixel_share))
            hard = entropy.flatten().topk(hardest, sorted=False).values.mean()
            parts["hard"] = float(hard.detach())
            loss = loss + config.hard_pixels * hard
        parts[str(structure)] = float(loss.detach())
        total = total + weight * loss
    if config.scope > 0:
        scope = functional.binary_cross_entropy_with_logits(output.scope.float(), batch.scope)
        parts["scope"] = float(scope.detach())
        total = total + config.scope * scope
    return total, parts


def soft_dice_loss(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """One minus the soft Dice of a whole batch, each pixel weighted by ``counts``."""
    probability = torch.sigmoid(logits) * counts
    overlap = (probability * target).sum()
    sizes = probability.sum() + (target * counts).sum()
    return 1.0 - (2.0 * overlap + DICE_SMOOTHING) / (sizes + DICE_SMOOTHING)
