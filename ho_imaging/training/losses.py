"""What the network is asked to make small."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from ho_imaging.network.unet import Output, UNet
from ho_imaging.training.batches import Batch
from ho_imaging.training.cases import MASK_BITS
from ho_imaging.training.config import LossConfig
from ho_imaging.vocabulary import Structure

__all__ = ["soft_dice_loss", "start_from_priors", "training_loss"]

PRIOR_LOGITS = {
    Structure.HO: -3.0,
    Structure.PELVIS: -1.0,
    Structure.FEMUR: -1.5,
    Structure.FEMORAL_HEAD: -3.0,
    Structure.IMPLANT: -3.5,
    Structure.BODY: 1.5,
}
"""About the share of a crop that each structure covers, as a logit."""

DICE_SMOOTHING = 50.0
"""Pixels added above and below: keeps the loss calm where a structure is only just in the batch."""


@torch.no_grad()
def start_from_priors(net: UNet, structures: Iterable[Structure]) -> None:
    """Set the last biases to what each structure covers (Lin et al. 2017), so that rare ones are learnt from the start.

    Begun at one half, a rare structure spends its first hundreds of steps being unlearnt everywhere.
    """
    priors = torch.tensor([PRIOR_LOGITS[structure] for structure in structures])
    net.head.bias.copy_(priors.repeat_interleave(len(net.head.bias) // len(priors)))  # type: ignore[union-attr, arg-type]


def training_loss(output: Output, batch: Batch, config: LossConfig) -> tuple[Tensor, dict[str, float]]:
    """Give the loss of a batch and its parts for the log.

    For each structure cross-entropy plus, where the batch shows it, soft Dice (Milletari et al. 2016); for HO in
    addition the cross-entropy of the hardest pixels (online hard example mining, Shrivastava et al. 2016), which are
    missed faint nodules and false alarms, and small nodules weigh more. Pixels that are not valid do not count, nor
    do those with an HO weight of zero for HO; other structures count only on films whose anatomy is known.
    """
    valid = batch.films[:, 1]
    total = output.scope.new_zeros((), dtype=torch.float32)
    parts: dict[str, float] = {}
    # Unbound at once: indexing channel by channel would fill a whole gradient for each.
    maps = output.structures.float().unbind(1)
    for logits, (structure, weight) in zip(maps, config.structures.items(), strict=True):
        target = (batch.bits >> MASK_BITS[structure] & 1).to(torch.float32)
        known = batch.ho_weight.float() if structure is Structure.HO else batch.anatomy[:, None, None]
        counts = valid * known
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * counts
        loss = entropy.sum() / counts.sum().clamp_min(1.0)
        # Where a structure is absent, Dice would push it down a thousand times harder than cross-entropy can ever lift
        # it again, and rare structures would not be learnt at all.
        present = (target * counts).sum() > 0
        loss = loss + present * soft_dice_loss(logits, target, counts)
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
