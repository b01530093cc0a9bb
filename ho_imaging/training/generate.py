"""Many scenes at once: training cases on disk, made by several processes, resumable file by file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ho_imaging.simulation.hip_scene import HipPlan, sample_hip_scene

__all__ = ["write_cases"]

_log = logging.getLogger(__name__)

_SPLITS = (("train", 0, (0, 18)), ("val", 500_000_000, (0, 25)), ("test", 700_000_000, (0, 25)))
"""Split, first seed, and shape modes that vary: seven modes are seen in validation and test only."""


def write_cases(out_dir: Path, *, train: int, val: int, test: int, seed: int = 0, workers: int = 2) -> int:
    """Simulate cases into ``out_dir``; files that are there are kept. Returns how many were made.

    Case ``n`` of a split depends on ``seed`` and ``n`` alone, so a larger set contains the smaller one.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    wanted = dict(zip(("train", "val", "test"), (train, val, test), strict=True))
    jobs = [job for job in _jobs(out_dir, wanted, seed) if not job[0].exists()]
    with ProcessPoolExecutor(max_workers=workers) as pool:
        for number, _ in enumerate(pool.map(_write_one, jobs, chunksize=4), start=1):
            if number % 100 == 0:
                _log.info("%d of %d cases simulated", number, len(jobs))
    return len(jobs)


_Job = tuple[Path, int, str, tuple[int, int]]


def _jobs(out_dir: Path, wanted: dict[str, int], seed: int) -> Iterator[_Job]:
    for split, first, modes in _SPLITS:
        for number in range(wanted[split]):
            yield out_dir / f"case_{split}_{number:06d}.safetensors", seed + first + number, split, modes


def _write_one(job: _Job) -> None:
    from ho_imaging.training.cases import case_from_scene, write_case  # noqa: PLC0415  (only in the workers)

    path, seed, split, modes = job
    scene = sample_hip_scene(seed, HipPlan(modes=modes))
    case = case_from_scene(scene, anatomy_seed=seed, split=split)  # type: ignore[arg-type]  # a split by construction
    write_case(path, case, truth=scene.truth)
