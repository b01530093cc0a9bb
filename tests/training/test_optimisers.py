"""Muon's steps against what defines them: orthogonal matrices, as long as AdamW's, on the weights the network uses."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from ho_imaging.network.architecture import Architecture
from ho_imaging.network.unet import UNet
from ho_imaging.training.config import OptimiserConfig
from ho_imaging.training.optimisers import KernelMuon, make_optimisers


@pytest.fixture
def net():
    torch.manual_seed(0)
    small = UNet(Architecture(widths=(8, 12, 16), blocks=(0, 1, 1), dilations=(1,)), 3)
    return small.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("kernels", ["adamw", "muon"])
def test_every_parameter_is_moved_by_exactly_one_optimiser(net, kernels):
    optimisers = make_optimisers(net, OptimiserConfig(kernels=kernels))
    places = Counter(
        parameter.data_ptr()
        for optimiser in optimisers.values()
        for group in optimiser.param_groups
        for parameter in group["params"]
    )
    assert places == Counter({parameter.data_ptr(): 1 for parameter in net.parameters()})
    assert ("muon" in optimisers) == (kernels == "muon")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_step_of_muon_is_orthogonal_and_as_long_as_one_of_adamw(net, dtype):
    kernels = [parameter for parameter in net.parameters() if parameter.ndim == 4 and min(parameter.shape[:2]) > 7]
    muon = KernelMuon(kernels, dtype=dtype, lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    before = [kernel.detach().clone() for kernel in kernels]
    for kernel in kernels:
        # Of low rank, as gradients are: a step along it would leave most directions where they are.
        shape = kernel.shape
        low_rank = torch.randn(shape[0], 2) @ torch.randn(2, shape[1] * shape[2] * shape[3])
        kernel.grad = (low_rank + 0.05 * torch.randn(low_rank.shape)).reshape(shape).contiguous()
    muon.step()
    for kernel, old in zip(kernels, before, strict=True):
        moved = (kernel.detach() - old).reshape(len(kernel), -1)
        singular = torch.linalg.svdvals(moved.float())
        # Newton and Schulz's iteration ends within a factor of two of one (Jordan et al. 2024).
        assert singular.min() > 0.3 * singular.max()
        # 0.2 to 0.4 of the rate is how far AdamW moves a weight in the root mean square (Liu et al. 2025).
        assert 0.1 * 0.01 < moved.square().mean().sqrt() < 0.4 * 0.01


@pytest.mark.parametrize("adjust", ["match_rms_adamw", "original"])
@pytest.mark.parametrize("shape", [(24, 8, 3, 3), (96, 8, 1, 1)])
def test_muon_in_float32_goes_where_torch_goes_in_bfloat16(shape, adjust):
    torch.manual_seed(3)
    start = torch.randn(shape).contiguous(memory_format=torch.channels_last)
    ends = []
    gradients = [torch.randn(shape) for _ in range(4)]
    for dtype in (torch.bfloat16, torch.float32):
        kernel = torch.nn.Parameter(start.clone(memory_format=torch.preserve_format))
        muon = KernelMuon([kernel], dtype=dtype, lr=0.01, weight_decay=0.1, adjust_lr_fn=adjust)
        for gradient in gradients:
            kernel.grad = gradient.contiguous(memory_format=torch.channels_last)
            muon.step()
        ends.append(kernel.detach())
        assert muon.state_dict()["state"][0].keys() == {"momentum_buffer"}
    moved, as_torch = ends[1] - start, ends[0] - start
    assert (moved - as_torch).norm() < 0.03 * as_torch.norm()


def test_kernels_that_do_not_lie_with_their_channels_last_are_refused():
    kernel = torch.nn.Parameter(torch.randn(8, 6, 3, 3))
    with pytest.raises(RuntimeError, match="view"):
        KernelMuon([kernel], lr=0.1)
