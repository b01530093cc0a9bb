"""The network in every runtime at hand, in one run: seconds a film, and how far its masks are from float32's.

    python benchmarks/runtimes.py [--rows 1024 --columns 1024] [--threads N] [--runs 7] [--films 4]

Compares PyTorch (float32; bfloat16 with channels last, which this program uses; the same traced and frozen) with ONNX
Runtime and OpenVINO where these are installed (OpenVINO's telemetry is switched off). None of them is needed to use
this program. Prints JSON. ``dice``: of each structure's masks over some simulated films, against float32.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ho_imaging.network.model_store import load_model
from ho_imaging.preparing import prepare
from ho_imaging.reading import read_radiograph
from ho_imaging.simulation.dicom_writer import write_dx
from ho_imaging.simulation.film import StoredForm, make_film
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.vocabulary import Region, View

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A batch (1, 2, rows, columns) to logits (structures, rows, columns)."""

LEAST_DICE = 0.995


def eager(precision: str) -> Run:
    net = load_model("default", device="cpu", precision=precision).net
    dtype = net.head.weight.dtype

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            given = torch.from_numpy(batch).to(dtype).contiguous(memory_format=torch.channels_last)
            return net(given).structures[0].float().numpy()

    return run


def frozen(example: NDArray[np.float32]) -> Run:
    net = load_model("default", device="cpu", precision="bfloat16").net

    def prepared(batch: NDArray[np.float32]) -> torch.Tensor:
        return torch.from_numpy(batch).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)

    with torch.inference_mode():
        traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, prepared(example)).eval()))

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return traced(prepared(batch))[0][0].float().numpy()

    return run


def as_onnx(example: NDArray[np.float32]) -> bytes:
    net = load_model("default", device="cpu", precision="float32").net
    stream = io.BytesIO()
    program = torch.onnx.export(net, (torch.from_numpy(example),), dynamo=True, verbose=False)
    program.save(stream)
    return stream.getvalue()


def onnx_runtime(model: bytes, threads: int) -> Run:
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {name: batch})[0][0])

    return run


def openvino(model: bytes, threads: int, precision: str) -> Run:
    import openvino as ov  # noqa: PLC0415

    core = ov.Core()
    options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = core.compile_model(core.read_model(model), "CPU", options)

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(compiled([batch])[0][0])

    return run


def film(rows: int, columns: int, seed: int) -> NDArray[np.float32]:
    """Give a simulated film as the network gets it, cut or padded to a size."""
    scene = sample_hip_scene(seed, HipPlan(pixel_mm=0.3, region=Region.PELVIS, view=View.AP))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "film.dcm"
        write_dx(make_film(scene, seed, form=StoredForm(12, "MONOCHROME2")), scene, path, seed=seed)
        prepared = prepare(read_radiograph(path), load_model("default", device="cpu").description.preparation)
    batch = np.zeros((1, 2, rows, columns), dtype=np.float32)
    part = np.s_[: min(rows, prepared.pixels.shape[0]), : min(columns, prepared.pixels.shape[1])]
    batch[0, 0][part] = np.where(prepared.valid, prepared.pixels, 0.0)[part]
    batch[0, 1][part] = prepared.valid[part]
    return batch


def dice(first: list[NDArray[np.float32]], second: list[NDArray[np.float32]]) -> dict[str, float]:
    """Dice of each structure's masks at probability one half, all films together."""
    names = load_model("default", device="cpu").description.structures
    found = {}
    for number, name in enumerate(names):
        pairs = [(a[number] > 0.0, b[number] > 0.0) for a, b in zip(first, second, strict=True)]
        total = sum(int(a.sum()) + int(b.sum()) for a, b in pairs)
        both = sum(int((a & b).sum()) for a, b in pairs)
        found[name.value] = 1.0 if total == 0 else round(2.0 * both / total, 5)
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--films", type=int, default=4)
    options = parser.parse_args()
    os.environ["OPENVINO_TELEMETRY_DISABLE"] = "1"
    os.environ["OPT_OUT_TELEMETRY"] = "1"
    torch.set_num_threads(options.threads)
    films = [film(options.rows, options.columns, 31 + number) for number in range(options.films)]
    batch = films[0]
    makers: dict[str, Callable[[], Run]] = {
        "torch float32": lambda: eager("float32"),
        "torch bfloat16, channels last (used)": lambda: eager("bfloat16"),
        "torch bfloat16, frozen": lambda: frozen(batch),
        "onnxruntime float32": lambda: onnx_runtime(as_onnx(batch), options.threads),
        "openvino float32": lambda: openvino(as_onnx(batch), options.threads, "f32"),
        "openvino bfloat16": lambda: openvino(as_onnx(batch), options.threads, "bf16"),
    }
    runs: dict[str, Run] = {}
    report: dict[str, dict[str, object]] = {}
    for name, make in makers.items():
        try:
            runs[name] = make()
            report[name] = {"seconds": float("inf")}
        except Exception as error:  # noqa: BLE001  what is not installed is left out, and said
            report[name] = {"left_out": f"{type(error).__name__}: {str(error)[:120]}"}
    reference = [runs["torch float32"](one) for one in films]
    for name, run in runs.items():
        found = dice(reference, [run(one) for one in films])
        report[name]["dice"] = found
        report[name]["close_enough"] = min(found.values()) >= LEAST_DICE
    # In turns, so that a machine whose speed drifts treats all alike.
    for _ in range(options.runs):
        for name, run in runs.items():
            started = time.perf_counter()
            run(batch)
            report[name]["seconds"] = min(report[name]["seconds"], time.perf_counter() - started)
    used = report["torch bfloat16, channels last (used)"]["seconds"]
    for name in runs:
        report[name]["seconds"] = round(report[name]["seconds"], 4)
        report[name]["times_faster_than_used"] = round(used / report[name]["seconds"], 2)
    size = {"rows": options.rows, "columns": options.columns, "threads": options.threads}
    sys.stdout.write(json.dumps({**size, "runtimes": report}, indent=2) + "\n")


if __name__ == "__main__":
    main()
