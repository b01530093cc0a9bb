"""Studies of ``sample_data/``: one of each Brooker class, an arthroplasty, one hip, and images without ectopic bone.

``python -m ho_imaging.simulation.samples sample_data`` writes them again, with the same bytes on the same machine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ho_imaging.files.atomic import write_text
from ho_imaging.simulation.dicom_writer import write_dx
from ho_imaging.simulation.film import make_film
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.vocabulary import Region, Side, View

__all__ = ["SAMPLES", "write_samples"]

_PIXEL_MM = 0.3


def _plan(right: str, left: str, *, region: Region = Region.PELVIS, side: Side | None = None) -> HipPlan:
    return HipPlan(grades=(right, left), view=View.AP, region=region, side=side, pixel_mm=_PIXEL_MM)


SAMPLES: tuple[tuple[str, int, int, HipPlan], ...] = (
    ("01_no_ectopic_bone", 9_000_101, 9_000_101, _plan("0", "0")),
    ("02_islands", 9_000_205, 9_000_205, _plan("I", "0")),
    ("03_spurs_wide_gap", 9_000_306, 9_000_306, _plan("0", "II")),
    ("04_spurs_narrow_gap", 9_000_410, 9_000_106, _plan("III", "0")),
    ("05_bridging", 9_000_106, 9_000_106, _plan("0", "IV")),
    ("06_both_sides", 9_000_111, 9_000_111, _plan("III", "I")),
    ("07_one_hip_islands", 9_000_107, 9_000_107, _plan("I", "I", region=Region.HIP, side=Side.LEFT)),
    ("08_one_hip_no_ectopic_bone", 9_000_108, 9_000_108, _plan("0", "0", region=Region.HIP, side=Side.RIGHT)),
)
"""Name, seed of the patient, seed of the image, and plan of each sample."""


def write_samples(out_dir: Path) -> None:
    """Write each sample as ``<name>.dcm``, and the truth of all as ``truth.json``."""
    out_dir.mkdir(parents=True, exist_ok=True)
    truth = {}
    for name, seed, film_seed, plan in SAMPLES:
        scene = sample_hip_scene(seed, plan)
        write_dx(make_film(scene, film_seed), scene, out_dir / f"{name}.dcm", seed=seed)
        truth[f"{name}.dcm"] = {
            "pixel_mm": scene.pixel_mm,
            "magnification": round(scene.magnification, 4),
            "region": scene.region,
            "view": scene.view,
            "laterality": scene.laterality,
            **scene.truth,
        }
    write_text(out_dir / "truth.json", json.dumps(truth, indent=2) + "\n")


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))
