"""Films a second: this program, a plain loop over the same network, and what the machine could do at best.

    python benchmarks/throughput.py [--films 200] [--workers N]
    python benchmarks/throughput.py --against REV [--films 200] [--rounds 2] [--workers N]

Makes its own films (2,000 x 2,500 pixels, 12 bits, four transfer syntaxes) and runs all three over them, one after the
other, so that ratios mean something on a machine whose speed drifts. Prints JSON.

``--against`` takes an older revision out of the git repository, lays it beside this one and runs both in turn over the
same films, mixed and of one kind: films a second, processor time of a film, peak memory of the largest process and
seconds to the first result of a fresh process, with the ratios as a Markdown table. Both run in the same environment:
what an extra changes shows when it is run with it and without. On a machine that does other work as well, the ratio of
processor time is the one to go by; that of starting a worker and of its first film is left out of it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pydicom
import torch
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from ho_imaging.network.model_store import load_model
from ho_imaging.preparing import prepare
from ho_imaging.reading import read_radiograph
from ho_imaging.reading.decode import decode_frame
from ho_imaging.simulation.dicom_writer import write_dx
from ho_imaging.simulation.film import StoredForm, make_film
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.vocabulary import Region, View

ROWS, COLUMNS = 2000, 2500
PIXEL_MM = 0.17
SYNTAXES = (None, JPEGLSLossless, JPEG2000Lossless, RLELossless)
PATIENTS = 8


def make_films(folder: Path, count: int) -> None:
    """Write films of a few simulated patients, each shifted and with grain of its own."""
    looks = []
    for seed in range(PATIENTS):
        scene = sample_hip_scene(900 + seed, HipPlan(pixel_mm=0.6, region=Region.PELVIS, view=View.AP))
        film = make_film(scene, seed, form=StoredForm(12, "MONOCHROME2"))
        write_dx(film, scene, folder / "base.dcm", seed=seed, compression="none")
        base = pydicom.dcmread(folder / "base.dcm")
        looks.append((base, cv2.resize(film.pixels, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC)))
    (folder / "base.dcm").unlink()
    rng = np.random.default_rng(0)
    for number in range(count):
        base, picture = looks[number % PATIENTS]
        grain = rng.normal(0.0, 12.0, picture.shape)
        pixels = np.clip(np.roll(picture, number % 40, axis=1) + grain, 0, 4095).astype("<u2")
        base.Rows, base.Columns = ROWS, COLUMNS
        base.ImagerPixelSpacing = [f"{PIXEL_MM}", f"{PIXEL_MM}"]
        for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
            setattr(base, keyword, f"2.25.{number + 1}{len(keyword)}")
        base.file_meta.MediaStorageSOPInstanceUID = base.SOPInstanceUID
        base.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        base.PixelData = pixels.tobytes()
        base["PixelData"].VR = "OW"
        syntax = SYNTAXES[number % len(SYNTAXES)]
        if syntax is not None:
            base.compress(syntax, generate_instance_uid=False)
        base.save_as(folder / f"film{number:04d}.dcm", enforce_file_format=True)
        if syntax is not None:
            base["PixelData"].is_undefined_length = False


def as_jpeg(source: Path, target: Path) -> None:
    """Write a film as 8-bit baseline JPEG."""
    film = pydicom.dcmread(source)
    pixels = (film.pixel_array >> 4).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])
    film.BitsAllocated = film.BitsStored = 8
    film.HighBit = 7
    for keyword in ("WindowCenter", "WindowWidth"):
        if keyword in film:
            setattr(film, keyword, float(film[keyword].value) / 16.0)
    film.LossyImageCompression = "01"
    film.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    film.PixelData = encapsulate([coded.tobytes()])
    film["PixelData"].VR = "OB"
    film["PixelData"].is_undefined_length = True
    film.save_as(target, enforce_file_format=True)


class Run(NamedTuple):
    """Seconds that a batch took, those of all processors, and the peak memory of its largest process in GiB."""

    seconds: float
    peak_gib: float
    processor_s: float


_MEASURE = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - started
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([seconds, used.ru_maxrss, used.ru_utime + used.ru_stime]))
"""
"""Run a command from a small process: what a process begins with, its parent's memory, counts in its peak on Linux."""

HERE = Path(__file__).resolve().parents[1]


def program(folder: Path, out: Path, workers: int | None, *, tree: Path = HERE) -> Run:
    """Analyse a folder with the program that lies in a tree."""
    command = [sys.executable, "-m", "ho_imaging", "-q", "analyze", str(folder), "--out", str(out)]
    command += [] if workers is None else ["--workers", str(workers)]
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and Path(path) != HERE]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree), *others])}
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], check=True, stdout=subprocess.PIPE, cwd=tree, env=environment
    )
    seconds, peak_kib, processor_s = json.loads(measured.stdout)
    return Run(seconds, peak_kib / 2**20, processor_s)


def tree_of(revision: str, folder: Path) -> Path:
    """Lay the files of a revision into a folder."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", revision], cwd=HERE, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def kinds_of(films: list[Path], folder: Path) -> dict[str, list[Path]]:
    """Return the films of all kinds together, and of each kind that is measured alone."""
    by_syntax: dict[str, list[Path]] = {}
    for film in films:
        syntax = pydicom.dcmread(film, stop_before_pixels=True).file_meta.TransferSyntaxUID
        by_syntax.setdefault(syntax, []).append(film)
    plain = by_syntax[ExplicitVRLittleEndian]
    folder.mkdir()
    jpegs = [folder / film.name for film in plain]
    for film, jpeg in zip(plain, jpegs, strict=True):
        as_jpeg(film, jpeg)
    return {"mixed": films, "uncompressed": plain, "JPEG 2000": by_syntax[JPEG2000Lossless], "JPEG": jpegs}


def compare(films: list[Path], revision: str, scratch: Path, *, rounds: int, workers: int | None) -> dict[str, object]:
    """Run this program and an older one in turn; the median of the rounds counts."""
    trees = {"this": HERE, revision: tree_of(revision, scratch / "tree")}
    report: dict[str, object] = {}
    lines = [
        f"| | films a second, {revision} | now | ratio | processor seconds a film | now | ratio "
        "| peak of a process, GiB | now | ratio |",
        "|---|" + "---|" * 9,
    ]
    single = scratch / "single"
    single.mkdir()
    (single / "film.dcm").hardlink_to(films[0])
    starts = _in_turn(single, trees, scratch / "out", rounds=rounds + 1, workers=0)
    first = {name: min(run.seconds for run in found) for name, found in starts.items()}
    start_s = {name: min(run.processor_s for run in found) for name, found in starts.items()}
    started = max(1, len(os.sched_getaffinity(0)) if workers is None else workers)
    kinds = kinds_of(films, scratch / "jpeg")
    for kind, chosen in kinds.items():
        folder = scratch / f"of {kind}"
        folder.mkdir()
        for film in chosen:
            (folder / film.name).hardlink_to(film)
        runs = _in_turn(folder, trees, scratch / "out", rounds=rounds, workers=workers)
        seconds = {name: statistics.median(run.seconds for run in found) for name, found in runs.items()}
        peaks = {name: statistics.median(run.peak_gib for run in found) for name, found in runs.items()}
        begun = min(started, len(chosen))
        a_film = {
            name: (statistics.median(run.processor_s for run in found) - begun * start_s[name])
            / max(1, len(chosen) - begun)
            for name, found in runs.items()
        }
        report[kind] = {
            "films": len(chosen),
            "processor_s_a_film": a_film,
            "times_the_films_a_processor_second": a_film[revision] / a_film["this"],
            "seconds": seconds,
            "peak_gib": peaks,
            "times_the_films_a_second": seconds[revision] / seconds["this"],
            "share_of_peak": peaks["this"] / peaks[revision],
        }
        old, new = (len(chosen) / seconds[name] for name in (revision, "this"))
        lines.append(
            f"| {kind} | {old:.2f} | {new:.2f} | {new / old:.2f} | {a_film[revision]:.3f} | {a_film['this']:.3f} | "
            f"{a_film[revision] / a_film['this']:.2f} | {peaks[revision]:.2f} | {peaks['this']:.2f} | "
            f"{peaks['this'] / peaks[revision]:.2f} |"
        )
    report["first_result_s"] = first
    share = first["this"] / first[revision]
    lines.append(f"| first result, s | {first[revision]:.2f} | {first['this']:.2f} | {share:.2f} | | | | | | |")
    sys.stderr.write("\n".join(lines) + "\n")
    return report


def _in_turn(
    folder: Path, trees: dict[str, Path], out: Path, *, rounds: int, workers: int | None
) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {name: [] for name in trees}
    for number in range(rounds):
        # Each begins every other round: what comes first may find a colder disk.
        for name in sorted(trees, reverse=bool(number % 2)):
            with tempfile.TemporaryDirectory(dir=out.parent) as results:
                runs[name].append(program(folder, Path(results) / "out", workers, tree=trees[name]))
    return runs


def plain_loop(films: list[Path]) -> float:
    """Read with pydicom, resize, run the network eagerly in float32, threshold: what a script would do."""
    model = load_model("default", device="cpu", precision="float32")
    stride = model.net.architecture.stride
    started = time.perf_counter()
    for path in films:
        dataset = pydicom.dcmread(path)
        values = pydicom.pixels.apply_voi_lut(dataset.pixel_array.astype(np.float32), dataset)
        size = tuple(
            round(n * PIXEL_MM / model.description.preparation.pixel_mm / stride) * stride for n in (COLUMNS, ROWS)
        )
        small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        low, high = np.percentile(small, [1, 99])
        pixels = np.clip((small - low) / (high - low), 0, 1).astype(np.float32)
        batch = torch.from_numpy(np.stack([pixels, np.ones_like(pixels)]))[None]
        with torch.inference_mode():
            probabilities = torch.sigmoid(model.net(batch).structures)
        _ = (probabilities > 0.5).numpy()
    return time.perf_counter() - started


def limit(films: list[Path]) -> dict[str, float]:
    """Return the least seconds possible: network operations at the machine's matrix rate, and bare decoding.

    Decoding by this program's choice of decoders, and by the one that pydicom makes.
    """
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415

    model = load_model("default", device="cpu", precision="float32")
    prepared = prepare(read_radiograph(films[0]), model.description.preparation)
    stride = model.net.architecture.stride
    shape = [-(-n // stride) * stride for n in prepared.pixels.shape]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.net(torch.zeros(1, 2, *shape))
    operations = counter.get_total_flops()
    a = torch.randn(2048, 2048).to(torch.bfloat16)
    rates = []
    for _ in range(8):
        started = time.perf_counter()
        a @ a
        rates.append(2 * 2048**3 / (time.perf_counter() - started))
    cores = len(os.sched_getaffinity(0))
    network = operations / max(rates) * len(films)
    # Processor time, not time passed: a decoder may use several threads, and all cores are shared out below.
    started = time.process_time()
    for path in films:
        _ = decode_frame(pydicom.dcmread(path), 0)
    decoding = (time.process_time() - started) / cores
    started = time.process_time()
    for path in films:
        _ = pydicom.dcmread(path).pixel_array
    usual_decoding = (time.process_time() - started) / cores
    return {
        "network_gflop_a_film": operations / 1e9,
        "matrix_gflop_s": max(rates) / 1e9,
        "network_s": network,
        "decoding_s": decoding,
        "seconds": network + decoding,
        "decoding_by_pydicoms_choice_s": usual_decoding,
        "seconds_by_pydicoms_choice": network + usual_decoding,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--workers", type=int)
    parser.add_argument(
        "--against", metavar="REV", help="a revision of the git repository to run in turn with this one"
    )
    parser.add_argument("--rounds", type=int, default=2, help="how often each runs, with --against")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "films"
        folder.mkdir()
        make_films(folder, options.films)
        films = sorted(folder.iterdir())
        if options.against:
            found = compare(films, options.against, Path(name), rounds=options.rounds, workers=options.workers)
            sys.stdout.write(json.dumps(found, indent=2) + "\n")
            return
        ours, peak, _ = program(folder, Path(name) / "out", options.workers)
        stages = json.loads((Path(name) / "out" / "run.json").read_text())["stage_seconds"]
        cores = len(os.sched_getaffinity(0))
        single = Path(name) / "single"
        single.mkdir()
        (single / "film.dcm").write_bytes(films[0].read_bytes())
        first = program(single, Path(name) / "first", 0).seconds
        plain = plain_loop(films)
        best = limit(films)
    report = {
        "films": options.films,
        "program_films_s": options.films / ours,
        "plain_loop_films_s": options.films / plain,
        "limit_films_s": options.films / best["seconds"],
        "program_over_plain_loop": plain / ours,
        "program_over_limit": best["seconds"] / ours,
        "program_over_limit_by_pydicoms_decoders": best["seconds_by_pydicoms_choice"] / ours,
        "core_seconds_a_film": cores * ours / options.films,
        "stage_seconds": stages,
        "first_result_s": first,
        "peak_gib_of_a_process": peak,
        "limit": best,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
