"""Number format of the network by what the processor has and is allowed to use."""

import platform

import pytest
import torch

from ho_imaging.network.devices import choose_dtype


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, torch.bfloat16),
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, torch.float32),
        ({"DNNL_MAX_CPU_ISA": "avx512_core"}, torch.float32),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, torch.bfloat16),
        ({"ONEDNN_MAX_CPU_ISA": "ALL", "DNNL_MAX_CPU_ISA": "AVX2"}, torch.bfloat16),
    ],
)
def test_a_processor_held_to_older_instructions_computes_in_float32(monkeypatch, stated, expected):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in stated.items():
        monkeypatch.setenv(name, value)
    assert choose_dtype(torch.device("cpu")) is expected
    assert choose_dtype(torch.device("cpu"), "bfloat16") is torch.bfloat16
