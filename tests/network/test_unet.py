from __future__ import annotations

import copy

import pytest
import torch
from pydantic import ValidationError

from ho_imaging.network.architecture import Architecture
from ho_imaging.network.unet import UNet, fold_batch_norm


def test_logits_have_the_films_resolution_and_one_scope_each(make_net):
    output = make_net()(torch.rand(3, 2, 64, 96))
    assert output.structures.shape == (3, 6, 64, 96)
    assert output.scope.shape == (3,)


@pytest.mark.parametrize("widths", [(8, 12), (8, 12, 16)])
@pytest.mark.parametrize(("rows", "columns"), [(8, 16), (64, 8), (72, 24), (200, 40)])
def test_the_last_stage_in_strips_gives_what_it_gives_at_once(make_net, widths, rows, columns):
    """No strip, whole strips, and a short one at the end; every row next to a border between strips counts."""
    net = make_net(architecture=Architecture(widths=widths, blocks=(0, 1, 1)[: len(widths)], dilations=(1,)))
    film = torch.rand(2, rows, columns)
    with torch.no_grad():
        at_once = net(film[None])
    logits, scope = net.look(film.numpy())
    assert logits.shape == at_once.structures.shape[1:]
    torch.testing.assert_close(torch.from_numpy(logits), at_once.structures[0], rtol=1e-5, atol=1e-6)
    assert scope == pytest.approx(float(at_once.scope), abs=1e-6)


def test_folding_changes_nothing_but_removes_normalisation(make_net):
    net = make_net(architecture=Architecture(widths=(8, 12, 16), blocks=(1, 1, 2), dilations=(1, 2)))
    film = torch.rand(1, 2, 64, 64)
    with torch.no_grad():
        before = net(film)
        folded = fold_batch_norm(copy.deepcopy(net))
        after = folded(film)
    torch.testing.assert_close(after.structures, before.structures, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(after.scope, before.scope, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


def test_scope_does_not_see_padding(make_net):
    """The scope logit pools over valid pixels only: far from the border, more padding changes next to nothing."""
    net = make_net()
    film = torch.rand(1, 2, 128, 128)
    film[:, 1] = 1.0
    padded = torch.zeros(1, 2, 128, 512)
    padded[..., :128] = film
    with torch.no_grad():
        alone, beside_padding = float(net(film).scope), float(net(padded).scope)
        on_average = float(net.scope_out(torch.zeros(1, 64)))
    assert abs(alone - beside_padding) < 0.1 * abs(alone - on_average)


def test_context_reaches_across_a_hip():
    """A pixel's logit depends on film 100 px (60 mm) away, and the default network has two to three million weights."""
    torch.manual_seed(0)
    net = UNet(Architecture(), 6).train()
    film = torch.rand(2, 2, 384, 384, requires_grad=True)
    net(film).structures[0, 0, 192, 192].backward()
    assert film.grad[0, 0, 192, 280:300].abs().max() > 0
    assert 2e6 < sum(parameter.numel() for parameter in net.parameters()) < 3e6


@pytest.mark.parametrize(
    "numbers",
    [
        {"widths": (8, 12), "blocks": (1,)},
        {"widths": (8, 100_000), "blocks": (0, 0)},
        {"widths": (8,), "blocks": (0,)},
        {"widths": (8, 12), "blocks": (0, 99)},
        {"widths": (8, 12), "blocks": (0, 0), "layers": 3},
    ],
)
def test_impossible_architectures_are_refused(numbers):
    with pytest.raises(ValidationError):
        Architecture(**numbers)
