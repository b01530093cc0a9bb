"""Loss function of training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ho_imaging.network.architecture import SUB_PIXELS
from ho_imaging.network.unet import Output, UNet
from ho_imaging.training.batches import Batch
from ho_imaging.training.cases import MASK_BITS, MIMIC_BIT
from ho_imaging.training.config import LossConfig
from ho_imaging.vocabulary import Structure

__all__ = ["map_loss", "start_from_priors", "training_loss"]

PRIOR_LOGITS = {
    Structure.HO: -3.0,
    Structure.PELVIS: -1.0,
    Structure.FEMUR: -1.5,
    Structure.FEMORAL_HEAD: -3.0,
    Structure.IMPLANT: -3.5,
    Structure.BODY: 1.5,
}
MIMIC_PRIOR_LOGIT = -3.5
"""Logit of the fraction of a crop that mimics cover, about."""

DICE_SMOOTHING = 50.0
"""Pixels added to numerator and denominator: stabilises the loss where a structure is barely in the batch."""

SMALLEST_PROBABILITY = 1e-7
"""Lower limit of the probability of the true class in the loss; float32 resolves little below it."""


@torch.no_grad()
def start_from_priors(net: UNet, structures: Iterable[Structure]) -> None:
    """Initialise the last biases to the prior of each structure (Lin et al., ICCV 2017).

    From one half, the first hundreds of steps would be spent on unlearning rare structures everywhere.
    """
    priors = [PRIOR_LOGITS[structure] for structure in structures]
    priors += [MIMIC_PRIOR_LOGIT] * (net.structures - len(priors))
    net.head.bias.copy_(torch.tensor(priors).repeat_interleave(SUB_PIXELS))  # type: ignore[union-attr]


def training_loss(output: Output, batch: Batch, config: LossConfig) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of a batch and its parts for the log.

    For each structure it is cross-entropy plus, where the batch shows the structure, soft Dice (Milletari et al. 2016).
    For HO the cross-entropy of the hardest pixels is added (online hard example mining, Shrivastava et al. 2016), which
    are missed faint nodules and false positives, and small nodules weigh more. Pixels that are not valid are excluded;
    for HO those with weight zero as well. Other structures count only on images with known anatomy.

    Parameters
    ----------
    output
        Logits of the network.
    batch
        Crops and truth.
    config
        Weights of the parts.

    Returns
    -------
    loss : Tensor
        Scalar with gradient.
    parts : dict of str to float
        Unweighted parts by name.

    """
    valid = batch.films[:, 1]
    total = output.scope.new_zeros((), dtype=torch.float32)
    parts: dict[str, float] = {}
    # Unbound at once: indexing channel by channel would allocate a whole gradient for each. Contiguous, for speed.
    maps = output.structures.float().contiguous(memory_format=torch.contiguous_format).unbind(1)
    for logits, (structure, weight) in zip(maps[: len(config.structures)], config.structures.items(), strict=True):
        target = (batch.bits >> MASK_BITS[structure] & 1).to(torch.float32)
        known = batch.ho_weight.float() if structure is Structure.HO else batch.anatomy[:, None, None]
        hard = config.hard_pixels if structure is Structure.HO else 0.0
        loss, hardest = map_loss(logits, target, valid * known, hard=hard, hard_share=config.hard_pixel_share)
        if hard > 0:
            parts["hard"] = float(hardest)
        parts[str(structure)] = float(loss.detach())
        total = total + weight * loss
    if config.mimic > 0:
        target = (batch.bits >> MIMIC_BIT & 1).to(torch.float32)
        loss, _ = map_loss(maps[-1], target, valid * batch.anatomy[:, None, None])
        parts["mimic"] = float(loss.detach())
        total = total + config.mimic * loss
    if config.scope > 0:
        scope = functional.binary_cross_entropy_with_logits(output.scope.float(), batch.scope)
        parts["scope"] = float(scope.detach())
        total = total + config.scope * scope
    return total, parts


def map_loss(
    logits: Tensor, target: Tensor, counts: Tensor, *, hard: float = 0.0, hard_share: float = 0.05
) -> tuple[Tensor, Tensor]:
    """Return the loss of one structure's map and, without gradient, the mean cross-entropy of its hardest pixels.

    Cross-entropy and soft Dice are means over the batch, weighted by ``counts``. Dice counts only if the structure is
    in the batch: otherwise it would lower the map a thousand times harder than cross-entropy can raise it, and rare
    structures would not be learnt.

    Parameters
    ----------
    logits, target, counts
        (batch, rows, columns) float32: logits, truth and weights.
    hard
        Weight of the hardest pixels' mean cross-entropy.
    hard_share
        Fraction of all pixels that are the hardest.

    Returns
    -------
    loss, hardest : Tensor
        Scalars.

    """
    loss, hardest = _MapLoss.apply(logits, target, counts, hard, hard_share)  # type: ignore[no-untyped-call]  # torch
    return loss, hardest


class _MapLoss(torch.autograd.Function):
    """Map loss with a closed-form gradient; automatic differentiation took a third of a training step."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, counts: Tensor, hard: float, hard_share: float
    ) -> tuple[Tensor, Tensor]:
        probability = torch.sigmoid(logits)
        # Probability of the true class: p inside the structure, 1 - p elsewhere.
        right = (probability + target).sub_(1.0).abs_()
        entropy = right.clamp_min_(SMALLEST_PROBABILITY).log_().neg_().mul_(counts)
        total = counts.sum().clamp_min(1.0)
        loss = entropy.sum() / total
        wrong = (probability - target).mul_(counts)
        gradient = wrong / total
        hardest = loss.new_zeros(())
        if hard > 0:
            taken = max(1, int(entropy.numel() * hard_share))
            level = entropy.flatten().kthvalue(entropy.numel() - taken + 1).values
            among = entropy >= level
            hardest = (entropy * among).sum() / taken
            loss = loss + hard * hardest
            gradient.add_(wrong.mul_(among), alpha=hard / taken)
        weighted = probability * counts
        shown = (target * counts).sum()
        if shown > 0:
            overlap = (weighted * target).sum()
            top, bottom = 2.0 * overlap + DICE_SMOOTHING, weighted.sum() + shown + DICE_SMOOTHING
            loss = loss + 1.0 - top / bottom
            steepness = weighted.mul_(1.0 - probability)
            gradient.addcmul_(steepness, top / bottom**2 - target * (2.0 / bottom))
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(hardest)
        return loss, hardest

    @staticmethod
    def backward(ctx: Any, of_loss: Tensor, _of_hardest: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * of_loss, None, None, None, None
