from __future__ import annotations

import pytest
import torch

from ho_imaging.errors import UsageError
from ho_imaging.network.architecture import Architecture
from ho_imaging.network.model_store import PreparationContract, load_model, save_model
from ho_imaging.network.unet import UNet, fold_batch_norm
from ho_imaging.training.config import LossConfig, TrainingConfig
from ho_imaging.training.initial_weights import begin_from, without_mimics
from ho_imaging.vocabulary import Structure

STRUCTURES = tuple(Structure)  # a model without the bones of its regions is refused
SMALL = Architecture(widths=(8, 8, 8), blocks=(0, 1, 1), dilations=(1,))
GROWN = Architecture(widths=(8, 8, 8), blocks=(1, 1, 3), dilations=(1, 2))


def lively(net):
    """Give every weight and statistic a value of its own, so that none is the identity by chance."""
    generator = torch.Generator().manual_seed(1)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.copy_(0.2 + 0.3 * torch.rand(value.shape, generator=generator))
    return net


@pytest.fixture
def model(tmp_path):
    net = lively(UNet(SMALL, len(STRUCTURES)))
    save_model(
        tmp_path / "m",
        net,
        name="m",
        version="1",
        structures=STRUCTURES,
        preparation=PreparationContract(),
        training={},
    )
    return tmp_path / "m"


def config(architecture, mimic=0.5):
    loss = LossConfig(structures=dict.fromkeys(STRUCTURES, 1.0), mimic=mimic)
    return TrainingConfig(network=architecture, loss=loss)


@torch.no_grad()
def test_a_grown_network_computes_what_the_model_does(model):
    grown_config = config(GROWN)
    net = UNet(GROWN, grown_config.maps)
    begin_from(net, model, grown_config)
    films = torch.rand(2, 2, 32, 32)
    grown = net.eval()(films)
    given = load_model(model, device="cpu", precision="float32").net(films)
    assert grown.structures.shape[1] == len(STRUCTURES) + 1
    torch.testing.assert_close(grown.structures[:, : len(STRUCTURES)], given.structures, rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(grown.scope, given.scope, rtol=2e-2, atol=2e-2)


@torch.no_grad()
def test_without_mimics_the_maps_of_structures_stay(model):
    net = lively(UNet(SMALL, len(STRUCTURES) + 1)).eval()
    films = torch.rand(1, 2, 32, 32)
    kept = UNet(SMALL, len(STRUCTURES)).eval()
    kept.load_state_dict(without_mimics(net.state_dict(), len(STRUCTURES)))
    torch.testing.assert_close(fold_batch_norm(kept)(films).structures, net(films).structures[:, : len(STRUCTURES)])


@pytest.mark.parametrize(
    "other",
    [
        Architecture(widths=(8, 8, 12), blocks=(0, 1, 1), dilations=(1,)),
        Architecture(widths=(8, 8, 8), blocks=(0, 1, 0), dilations=(1,)),
        Architecture(widths=(8, 8, 8), blocks=(0, 1, 1), dilations=(2, 1)),
        Architecture(widths=(8, 8), blocks=(0, 1), dilations=(1,)),
    ],
)
def test_what_is_not_the_model_grown_is_refused(model, other):
    with pytest.raises(UsageError, match="another architecture"):
        begin_from(UNet(other, 3), model, config(other))
