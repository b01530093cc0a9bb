from __future__ import annotations

import copy

import pytest
import torch

from ho_imaging.network.architecture import Architecture
from ho_imaging.network.unet import UNet
from ho_imaging.training.batches import Batch
from ho_imaging.training.config import LossConfig
from ho_imaging.training.data_parallel import Shares
from ho_imaging.training.losses import training_loss


def objective(net, batch):
    return training_loss(net(batch.films), batch, LossConfig())


@pytest.fixture
def net():
    torch.manual_seed(0)
    return UNet(Architecture(widths=(8, 12, 16), blocks=(0, 1, 1), dilations=(1,)), 6).train()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    bits = torch.randint(0, 64, (5, 32, 32), dtype=torch.uint8, generator=generator)
    films = torch.rand(5, 2, 32, 32, generator=generator)
    return Batch(films, bits, torch.ones(5, 32, 32).half(), torch.ones(5), torch.ones(5))


def test_shares_give_the_mean_of_their_gradients_and_statistics(net, batch):
    """Against plain autograd on each share by itself."""
    alone = [copy.deepcopy(net) for _ in range(2)]
    losses = []
    for index, twin in enumerate(alone):
        loss, _ = objective(twin, Batch(*(tensor[index::2] for tensor in batch)))
        loss.backward()
        losses.append(float(loss.detach()))
    shares = Shares(net, 2)
    loss, _ = shares.backward(batch, objective)
    assert loss == pytest.approx(sum(losses) / 2, rel=1e-5)
    for mine, one, other in zip(net.parameters(), *(twin.parameters() for twin in alone), strict=True):
        torch.testing.assert_close(mine.grad, (one.grad + other.grad) / 2, rtol=1e-4, atol=1e-6)
    for mine, one, other in zip(net.buffers(), *(twin.buffers() for twin in alone), strict=True):
        if mine.is_floating_point():
            torch.testing.assert_close(mine, (one + other) / 2, rtol=1e-4, atol=1e-6)
    shares.close()


def test_copies_follow_the_weights(net, batch):
    """After the optimiser has moved the network, its copies compute with the moved weights."""
    shares = Shares(net, 2)
    first, _ = shares.backward(batch, objective)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.sub_(0.05 * parameter.grad)
    second, _ = shares.backward(batch, objective)
    one_by_one = [objective(copy.deepcopy(net), Batch(*(t[index::2] for t in batch)))[0] for index in range(2)]
    assert second < first
    assert second == pytest.approx(sum(float(loss.detach()) for loss in one_by_one) / 2, rel=1e-4)
    shares.close()


def test_more_threads_than_crops_is_no_problem(net, batch):
    shares = Shares(net, 8)
    loss, parts = shares.backward(Batch(*(tensor[:2] for tensor in batch)), objective)
    assert loss > 0
    assert "ho" in parts
    shares.close()
