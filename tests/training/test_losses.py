from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from ho_imaging.network.architecture import Architecture
from ho_imaging.network.unet import Output, UNet
from ho_imaging.training.batches import Batch
from ho_imaging.training.cases import MIMIC_BIT
from ho_imaging.training.config import LossConfig
from ho_imaging.training.losses import PRIOR_LOGITS, map_loss, start_from_priors, training_loss
from ho_imaging.vocabulary import Structure

ONLY_HO = LossConfig(structures={Structure.HO: 1.0}, hard_pixels=0.0, scope=0.0)


def a_batch(bits, *, valid=None, weight=None):
    bits = torch.as_tensor(bits, dtype=torch.uint8)[None]
    valid = torch.ones(bits.shape) if valid is None else torch.as_tensor(valid, dtype=torch.float32)[None]
    weight = torch.ones(bits.shape) if weight is None else torch.as_tensor(weight, dtype=torch.float32)[None]
    return Batch(torch.stack([torch.zeros_like(valid), valid], 1), bits, weight.half(), torch.ones(1), torch.ones(1))


def test_soft_dice_of_known_maps():
    target = torch.zeros(1, 100, 100)
    target[:, :50] = 1
    ones = torch.ones(1, 100, 100)
    # Half of it found, and as much beside.
    logits = torch.where(torch.arange(100) < 50, 10.0, -10.0).expand(1, 100, 100)
    entropy = functional.binary_cross_entropy_with_logits(logits, target)
    assert float(map_loss(logits, target, ones)[0] - entropy) == pytest.approx(
        1 - (2 * 2500 + 50) / (10_000 + 50), abs=2e-3
    )
    assert float(map_loss(30 * (target - 0.5), target, ones)[0]) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("hard", [0.0, 0.7])
@pytest.mark.parametrize("present", [True, False])
def test_value_and_gradient_are_those_of_the_formula(hard, present):
    generator = torch.Generator().manual_seed(3)
    shape = (2, 16, 16)
    logits = (2 * torch.randn(shape, generator=generator)).requires_grad_(True)
    target = (torch.rand(shape, generator=generator) < 0.3).float() * present
    counts = 3.0 * torch.rand(shape, generator=generator) * (torch.rand(shape, generator=generator) < 0.9)

    def formula():
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * counts
        loss = entropy.sum() / counts.sum() + hard * entropy.flatten().topk(51).values.mean()
        probability = torch.sigmoid(logits) * counts
        sizes = probability.sum() + (target * counts).sum()
        return loss + present * (1 - (2 * (probability * target).sum() + 50) / (sizes + 50))

    loss, hardest = map_loss(logits, target, counts, hard=hard, hard_share=0.1)
    torch.testing.assert_close(loss, formula())
    (expected,), (found,) = torch.autograd.grad(2 * formula(), logits), torch.autograd.grad(2 * loss, logits)
    torch.testing.assert_close(found, expected)
    assert (float(hardest) > 0) == (hard > 0)


def test_cross_entropy_of_an_undecided_map_is_ln_2():
    batch = a_batch([[1, 0], [0, 0]])
    loss, _ = training_loss(Output(torch.zeros(1, 1, 2, 2), torch.zeros(1)), batch, ONLY_HO)
    dice_part = 1 - (2 * 0.5 + 50) / (2.0 + 1.0 + 50)
    assert float(loss) == pytest.approx(math.log(2) + dice_part, rel=1e-5)


@pytest.mark.parametrize("hidden", ["valid", "weight"])
def test_hidden_pixels_move_nothing(hidden):
    shown = [[1.0, 1.0], [0.0, 1.0]]
    batch = a_batch([[1, 0], [1, 0]], **{hidden: shown})
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    training_loss(Output(logits, torch.zeros(1)), batch, LossConfig(structures={Structure.HO: 1.0}))[0].backward()
    assert float(logits.grad[0, 0, 1, 0]) == 0.0
    assert (logits.grad[0, 0].flatten()[[0, 1, 3]] != 0).all()


def test_the_hardest_pixel_is_pushed_hardest():
    config = LossConfig(structures={Structure.HO: 1.0}, hard_pixels=1.0, hard_pixel_share=0.01, scope=0.0)
    logits = torch.full((1, 1, 10, 10), -4.0)
    logits[0, 0, 3, 3] = 4.0  # a confident false alarm
    logits.requires_grad_(True)
    training_loss(Output(logits, torch.zeros(1)), a_batch(torch.zeros(10, 10)), config)[0].backward()
    assert float(logits.grad[0, 0, 3, 3]) > 0.9


def descended(bits, config):
    """Two maps after gradient descent on their loss."""
    logits = torch.zeros(1, 2, 32, 32, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.5)
    for _ in range(60):
        optimiser.zero_grad()
        training_loss(Output(logits, torch.zeros(1)), a_batch(bits), config)[0].backward()
        optimiser.step()
    return logits


def test_gradient_descent_on_the_loss_draws_the_masks():
    bits = torch.zeros(32, 32, dtype=torch.uint8)
    bits[8:16, 8:16] |= 1
    bits[4:28, 4:28] |= 1 << 5
    config = LossConfig(structures={Structure.HO: 1.0, Structure.BODY: 1.0})
    logits = descended(bits, config)
    assert torch.equal(logits[0, 0] > 0, (bits & 1) > 0)
    assert torch.equal(logits[0, 1] > 0, (bits >> 5 & 1) > 0)


def test_an_absent_structure_is_pushed_down_by_cross_entropy_alone():
    """Dice on an absent structure would drown the rest; its gradient must be that of plain cross-entropy."""
    logits = torch.full((1, 1, 10, 10), -2.0, requires_grad=True)
    training_loss(Output(logits, torch.zeros(1)), a_batch(torch.zeros(10, 10)), ONLY_HO)[0].backward()
    expected = torch.full((1, 1, 10, 10), float(torch.sigmoid(torch.tensor(-2.0))) / 100)
    torch.testing.assert_close(logits.grad, expected)


def test_a_network_starts_at_what_each_structure_covers():
    structures = (Structure.BODY, Structure.HO)
    net = UNet(Architecture(widths=(8, 8), blocks=(0, 0), dilations=()), 2)
    start_from_priors(net, structures)
    torch.nn.init.zeros_(net.head.weight)
    with torch.no_grad():
        logits = net.eval()(torch.rand(1, 2, 16, 16)).structures
    for channel, structure in enumerate(structures):
        torch.testing.assert_close(logits[0, channel], torch.full((16, 16), PRIOR_LOGITS[structure]))


def test_mimics_are_learnt_on_a_map_of_their_own():
    bits = torch.zeros(32, 32, dtype=torch.uint8)
    bits[8:16, 8:16] |= 1 << MIMIC_BIT
    config = LossConfig(structures={Structure.HO: 1.0}, mimic=1.0, scope=0.0)
    logits = descended(bits, config)
    assert not (logits[0, 0] > 0).any()
    assert torch.equal(logits[0, 1] > 0, bits > 0)
