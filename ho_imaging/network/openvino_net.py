"""The network in OpenVINO: the graph of `ho_imaging.network.unet`, built from the same weights without torch.

Importing torch takes most of a cold start and half of a worker's memory, and OpenVINO's convolutions are faster on
processors without bfloat16. OpenVINO brings a package that reports the use of its model converter; nothing is converted
here, so it is never called.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ho_imaging.extras import missing_extra
from ho_imaging.network.architecture import INPUT_CHANNELS, SCOPE_WIDTH, SUB_PIXELS, Architecture
from ho_imaging.network.devices import held_below_bfloat16

__all__ = ["OpenVINONet"]

_EPSILON = 1e-5
"""Of torch's batch normalisation, added to the variance."""

_LEAST_VALID = 1e-3

Weights = Mapping[str, NDArray[np.float32]]
Precision = Literal["auto", "float32", "bfloat16"]


class OpenVINONet:
    """Weights compiled by OpenVINO for this machine's processor, see `ho_imaging.network.architecture.Network`.

    Parameters
    ----------
    architecture
        Shape of the network.
    structures
        Number of maps.
    weights
        The state of a `UNet` as trained, with its batch normalisation.
    precision
        ``"auto"`` takes bfloat16 where the processor multiplies it itself.

    Raises
    ------
    ImportError
        If OpenVINO is not installed.
    ValueError
        If the weights are not those of the architecture or not all finite, or the compiled network computes no numbers.
    RuntimeError
        If OpenVINO cannot be used here.

    """

    def __init__(
        self, architecture: Architecture, structures: int, weights: Weights, *, precision: Precision = "auto"
    ) -> None:
        try:
            import openvino  # noqa: PLC0415  (an extra)
        except ImportError as error:
            raise missing_extra(error, "fast", "the OpenVINO runtime") from error
        self.architecture = architecture
        self.structures = structures
        graph = _Graph(architecture, structures, weights)
        model = openvino.Model([graph.logits, graph.scope], [graph.film], "ho_imaging")
        core = openvino.Core()
        if precision == "auto":
            fast = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") and not held_below_bfloat16()
            precision = "bfloat16" if fast else "float32"
        self.precision = precision
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            # As for torch: a worker's share of the machine; all cores where none is stated.
            "INFERENCE_NUM_THREADS": _stated_threads(),
        }
        self._request = core.compile_model(model, "CPU", options).create_infer_request()
        self._lock = threading.Lock()
        # A runtime that is broken on this processor should not be found out film by film.
        logits, scope = self.look(np.zeros((INPUT_CHANNELS, architecture.stride, architecture.stride), np.float32))
        if not (np.isfinite(logits).all() and np.isfinite(scope)):
            raise ValueError("it computes no numbers")

    def look(self, film: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """Return the logits of one film and its scope logit."""
        with self._lock:
            self._request.infer([film[None]])
            # The request keeps its buffers, so what is handed on is a copy.
            logits = np.array(self._request.get_output_tensor(0).data[0], dtype=np.float32)
            return logits, float(self._request.get_output_tensor(1).data[0, 0])


def _stated_threads() -> int:
    stated = os.environ.get("OMP_NUM_THREADS", "")
    return int(stated) if stated.isdecimal() else 0


def _channels(x: Any) -> int:
    return int(x.get_output_partial_shape(0)[1].get_length())


class _Graph:
    """The graph of a `UNet`, with its batch normalisation folded; ``film`` in, ``logits`` and ``scope`` out."""

    def __init__(self, architecture: Architecture, structures: int, weights: Weights) -> None:
        from openvino import opset13  # noqa: PLC0415  (an extra)

        self._ops: Any = opset13
        self._weights = weights
        self._used: set[str] = set()
        widths = architecture.widths
        ops = self._ops
        self.film = ops.parameter([1, INPUT_CHANNELS, -1, -1], np.float32, "film")
        valid = ops.gather(self.film, np.array([1]), np.int64(1))
        x = self._blocks(
            "encoders.0", architecture.blocks[0], self._conv_norm("stem", self.film, widths[0], size=5, stride=2)
        )
        skips = [x]
        for level in range(len(widths) - 1):
            x = self._conv_norm(f"downs.{level}", x, widths[level + 1], stride=2)
            x = self._blocks(f"encoders.{level + 1}", architecture.blocks[level + 1], x)
            skips.append(x)
        x = skips.pop()
        for number, dilation in enumerate(architecture.dilations):
            x = self._residual(f"context.{number}", x, dilation)
        self.scope = self._scope(x, valid, architecture.stride)
        for level in reversed(range(len(widths) - 1)):
            wider = ops.interpolate(
                self._conv(f"laterals.{level}", x, widths[level]),
                np.array([2.0, 2.0], dtype=np.float32),
                "linear_onnx",
                "scales",
                coordinate_transformation_mode="half_pixel",
                axes=np.array([2, 3]),
            )
            x = self._conv_norm(f"decoders.{level}", ops.add(wider, skips.pop()), widths[level])
        self.logits = ops.depth_to_space(self._conv("head", x, SUB_PIXELS * structures), "depth_first", 2)
        unused = {name for name in weights if not name.endswith("num_batches_tracked")} - self._used
        if unused:
            raise ValueError("the weights are of another architecture")

    def _take(self, name: str, *shape: int) -> NDArray[np.float32]:
        self._used.add(name)
        weight = self._weights.get(name)
        if weight is None or weight.shape != shape or not np.isfinite(weight).all():
            raise ValueError(f"{name} is missing, of another shape, or not finite")
        return weight

    def _convolve(
        self, x: Any, weight: NDArray[np.float32], bias: NDArray[np.float32], *, stride: int = 1, dilation: int = 1
    ) -> Any:
        padding = [dilation * (size // 2) for size in weight.shape[2:]]
        found = self._ops.convolution(
            x, np.ascontiguousarray(weight), [stride, stride], padding, padding, [dilation, dilation]
        )
        return self._ops.add(found, bias.reshape(1, -1, 1, 1))

    def _conv(self, name: str, x: Any, outputs: int) -> Any:
        weight = self._take(f"{name}.weight", outputs, _channels(x), 1, 1)
        return self._convolve(x, weight, self._take(f"{name}.bias", outputs))

    def _folded(self, name: str, x: Any, outputs: int, *, size: int = 3, **how: int) -> Any:
        variance = self._take(f"{name}.norm.running_var", outputs)
        scale = self._take(f"{name}.norm.weight", outputs) / np.sqrt(variance + _EPSILON)
        bias = self._take(f"{name}.norm.bias", outputs) - scale * self._take(f"{name}.norm.running_mean", outputs)
        weight = self._take(f"{name}.conv.weight", outputs, _channels(x), size, size)
        return self._convolve(x, weight * scale[:, None, None, None], bias, **how)

    def _conv_norm(self, name: str, x: Any, outputs: int, *, size: int = 3, stride: int = 1) -> Any:
        return self._ops.relu(self._folded(name, x, outputs, size=size, stride=stride))

    def _residual(self, name: str, x: Any, dilation: int = 1) -> Any:
        width = _channels(x)
        inner = self._ops.relu(self._folded(f"{name}.first", x, width, dilation=dilation))
        return self._ops.relu(self._ops.add(x, self._folded(f"{name}.second", inner, width, dilation=dilation)))

    def _blocks(self, name: str, depth: int, x: Any) -> Any:
        for number in range(depth):
            x = self._residual(f"{name}.{number}", x)
        return x

    def _scope(self, features: Any, valid: Any, stride: int) -> Any:
        """Mean evidence over the valid part of the film."""
        ops = self._ops
        evidence = ops.relu(self._conv("scope_hidden", features, SCOPE_WIDTH))
        weight = ops.avg_pool(valid, [stride, stride], [0, 0], [0, 0], [stride, stride], exclude_pad=True)
        axes = np.array([2, 3])
        total = ops.maximum(ops.reduce_sum(weight, axes), np.float32(_LEAST_VALID))
        pooled = ops.divide(ops.reduce_sum(ops.multiply(evidence, weight), axes), total)
        return ops.add(
            ops.matmul(pooled, self._take("scope_out.weight", 1, SCOPE_WIDTH), False, True),
            self._take("scope_out.bias", 1)[None],
        )
