"""Device and number format of the network."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ho_imaging.errors import ModelError

if TYPE_CHECKING:
    import torch

__all__ = ["choose_device", "choose_dtype", "held_below_bfloat16", "may_have_gpu"]

_INSTRUCTIONS_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_WITHOUT_BFLOAT16 = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}

_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
_AMD_DRIVER = Path("/dev/kfd")


def may_have_gpu() -> bool:
    """Return True if torch may find a GPU here; asked without torch, whose import takes a second."""
    if platform.system() == "Darwin" or _AMD_DRIVER.exists():
        return True
    for driver in _DRIVERS:
        try:
            ctypes.CDLL(driver)
        except OSError:
            continue
        return True
    return False


def choose_device(name: str = "auto") -> torch.device:
    """Return the torch device for a name; ``"auto"`` is CUDA, then MPS, then the CPU."""
    import torch  # noqa: PLC0415  (heavy)

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"{name!r} is no device", remedy="use auto, cpu, cuda, cuda:N or mps") from error
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(device.type, False):
        raise ModelError(f"device {name!r} is not available here", remedy="use device auto or cpu")
    return device


def choose_dtype(device: torch.device, precision: Literal["auto", "float32", "bfloat16"] = "auto") -> torch.dtype:
    """Return the number format: bfloat16 where the device computes it fast, float32 elsewhere."""
    import torch  # noqa: PLC0415  (heavy)

    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else device.type == "cpu" and _cpu_has_bf16()
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def held_below_bfloat16() -> bool:
    """Return True if oneDNN, which runs the network, is told to use no instructions that multiply bfloat16."""
    stated = next((os.environ[name] for name in _INSTRUCTIONS_VARIABLES if os.environ.get(name)), "")
    return stated.strip().upper() in _WITHOUT_BFLOAT16


def _cpu_has_bf16() -> bool:
    """Return True if the CPU multiplies bfloat16 itself (AVX512-BF16, AMX); emulated, it is slower than float32."""
    if platform.machine().lower() not in {"x86_64", "amd64"} or held_below_bfloat16():
        return False
    import torch  # noqa: PLC0415  (heavy)

    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    # Before torch 2.10 the same question has a private name.
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(ask and ask())
