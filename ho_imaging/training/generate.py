"""Generation of training cases by several processes, resumable file by file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ho_imaging.simulation.hip_plan import INJURED, WORN, HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.limb_scene import LimbPlan, sample_limb_scene
from ho_imaging.simulation.mimics_calcified import CALCIFIED
from ho_imaging.simulation.ossification import Styles
from ho_imaging.simulation.other_scene import sample_other_scene
from ho_imaging.training.cases import Split, case_from_scene, write_case
from ho_imaging.vocabulary import View

__all__ = ["write_cases"]

_log = logging.getLogger(__name__)

_SPLITS: tuple[tuple[Split, int, tuple[int, int]], ...] = (
    ("train", 0, (0, 18)),
    ("val", 500_000_000, (0, 25)),
)
"""Split, first seed, and shape modes that vary. Seven modes never vary in training."""

_HIPS_PER_OTHER = 6
"""Images of hips per image of something else; the latter train the scope gate."""

_HIPS_PER_LIMB = 3
"""Images of hips per image of a thigh, a knee or a residual limb."""

_HIPS_PER_LATERAL = 8
"""Images of hips per additional cross-table lateral, which is rare among them."""

_LATERAL_SEEDS = 100_000_000

_HIPS_PER_INJURED = 3
"""Images of hips per additional one with fresh fractures or severe arthrosis: rare in people, common in radiographs."""

_INJURED_SEEDS = 200_000_000

_HIPS_PER_CALCIFIED = 3
"""Images of hips per additional one that is rich in calcification: what is mistaken for ectopic bone most often."""

_CALCIFIED_SEEDS = 300_000_000

_ABUNDANT = 3.0
"""Factor on the frequency of mimics in every other training image of hips: most false positives are mimics, and the
rarer kinds would hardly be learnt."""

Kind = Literal["hip", "limb", "lateral", "injured", "calcified", "other"]


@dataclass(frozen=True)
class _Job:
    path: Path
    seed: int
    split: Split
    modes: tuple[int, int]
    kind: Kind


def write_cases(out_dir: Path, *, train: int, val: int, seed: int = 0, workers: int = 2) -> int:
    """Simulate training and validation cases; existing files are kept.

    One case of a leg, one of an injured or worn hip and one rich in calcification are added for every three hips, one
    out of scope for every six and a cross-table lateral for every eight. Case ``n`` of a split depends only on ``seed``
    and ``n``, so a larger set contains the smaller one.

    Parameters
    ----------
    out_dir
        Folder to write to.
    train, val
        Number of images of hips in the training and the validation split.
    seed
        Seed of the whole set.
    workers
        Number of processes.

    Returns
    -------
    int
        Number of cases simulated now.

    """
    out_dir.mkdir(parents=True, exist_ok=True)
    counts = {"train": train, "val": val}
    jobs = [job for job in _jobs(out_dir, counts, seed) if not job.path.exists()]
    with ProcessPoolExecutor(max_workers=workers) as pool:
        for number, _ in enumerate(pool.map(_write_one, jobs, chunksize=4), start=1):
            if number % 100 == 0:
                _log.info("%d of %d cases simulated", number, len(jobs))
    return len(jobs)


def _jobs(out_dir: Path, counts: dict[str, int], seed: int) -> Iterator[_Job]:
    for split, first, modes in _SPLITS:
        for number in range(counts[split]):
            start = seed + first + number
            yield _Job(out_dir / f"case_{split}_{number:06d}.safetensors", start, split, modes, "hip")
            if number % _HIPS_PER_LIMB == 0:
                yield _Job(out_dir / f"case_{split}_limb_{number:06d}.safetensors", start, split, modes, "limb")
            if number % _HIPS_PER_LATERAL == 0:
                yield _Job(out_dir / f"case_{split}_lateral_{number:06d}.safetensors", start, split, modes, "lateral")
            if number % _HIPS_PER_INJURED == 0:
                yield _Job(out_dir / f"case_{split}_injured_{number:06d}.safetensors", start, split, modes, "injured")
            if number % _HIPS_PER_CALCIFIED == 0:
                path = out_dir / f"case_{split}_calcified_{number:06d}.safetensors"
                yield _Job(path, start, split, modes, "calcified")
            if number % _HIPS_PER_OTHER == 0:
                yield _Job(out_dir / f"case_{split}_other_{number:06d}.safetensors", start, split, modes, "other")


def _write_one(job: _Job) -> None:
    odd = job.seed % 2 == 1
    # Every other validation case has shapes of ectopic bone that no training case has.
    styles = Styles.UNSEEN if job.split == "val" and odd else Styles.USUAL
    if job.kind == "hip":
        abundance = _ABUNDANT if job.split == "train" and odd else 1.0
        scene = sample_hip_scene(job.seed, HipPlan(modes=job.modes, abundance=abundance, styles=styles))
    elif job.kind == "lateral":
        # A different person from the hip of the same number.
        scene = sample_hip_scene(
            job.seed + _LATERAL_SEEDS, HipPlan(modes=job.modes, view=View.CROSS_TABLE_LATERAL, styles=styles)
        )
    elif job.kind == "injured":
        plan = HipPlan(modes=job.modes, injured=INJURED, worn=WORN, styles=styles)
        scene = sample_hip_scene(job.seed + _INJURED_SEEDS, plan)
    elif job.kind == "calcified":
        plan = HipPlan(modes=job.modes, calcified=CALCIFIED, abundance=_ABUNDANT, styles=styles)
        scene = sample_hip_scene(job.seed + _CALCIFIED_SEEDS, plan)
    elif job.kind == "limb":
        scene = sample_limb_scene(job.seed, LimbPlan(modes=job.modes, styles=styles))
    else:
        scene = sample_other_scene(job.seed)
    case = case_from_scene(scene, anatomy_seed=job.seed, split=job.split, scope=job.kind != "other")
    write_case(job.path, case, truth=scene.truth)
