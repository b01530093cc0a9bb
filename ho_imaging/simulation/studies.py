"""Simulated studies on disk: a DX image per study, with its exact truth."""

from __future__ import annotations

from pathlib import Path

from ho_imaging.simulation.dicom_writer import write_dx, write_truth
from ho_imaging.simulation.film import make_film
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.limb_scene import LimbPlan, sample_limb_scene

__all__ = ["write_study"]


def write_study(out_dir: Path, seed: int, plan: HipPlan | LimbPlan | None = None) -> Path:
    """Simulate one study; the same seed and plan write the same bytes.

    ``out_dir/study_<seed>/`` gets ``film.dcm``, and ``truth/`` with ``truth.json`` and one mask per structure.

    Parameters
    ----------
    out_dir
        Folder to write to.
    seed
        Seed of the study.
    plan
        Constraints on the scene; ``None`` leaves all to chance.

    Returns
    -------
    Path
        Folder of the study.

    """
    plan = plan or HipPlan(pixel_mm=0.3)
    scene = sample_limb_scene(seed, plan) if isinstance(plan, LimbPlan) else sample_hip_scene(seed, plan)
    folder = out_dir / f"study_{seed:06d}"
    folder.mkdir(parents=True, exist_ok=True)
    film = make_film(scene, seed)
    write_dx(film, scene, folder / "film.dcm", seed=seed)
    write_truth(scene, folder / "truth", film)
    return folder
