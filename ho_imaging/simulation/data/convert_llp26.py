"""Convert the LLP26 lower limb shape model into one small array file.

LLP26 (package ``musculoskeletal-models``, MPL-2.0) describes pelvis with sacrum, left femur, patella, tibia and
fibula of 26 people. Its bones are piecewise polynomial surfaces whose vertices are linear in the shape parameters, so
mean, modes and faces carry all of it. Run once, in an environment of its own::

    pip install "numpy<2" "scipy<1.12" scikit-learn
    pip install --no-deps gias3-musculoskeletal==3.0.0 musculoskeletal-models==0.2.4 gias3-common gias3-fieldwork \
        gias3-learning==3.0.1 gias3-mesh==3.0.1 gias3-registration gias3-io gias3-image-analysis
    python convert_llp26.py llp26.npz

The result: for each bone ``<bone>_mean`` float32 (vertices, 3) in mm, ``<bone>_modes`` float16 (modes, vertices, 3) in
mm per standard deviation, ``<bone>_faces`` uint16 or uint32 (faces, 3), outward. Modes are sorted by variance.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import scipy

BONES = ("pelvis", "femur", "patella", "tibiafibula")
POINTS_PER_ELEMENT_SIDE = {"pelvis": 9, "femur": 11, "patella": 8, "tibiafibula": 7}
MODES = 25


def _revive_removed_names() -> None:
    # gias3 3.0 calls NumPy functions through names that SciPy and NumPy have dropped.
    for name in ("dot", "eye", "array", "zeros", "sqrt", "ones", "mean", "cross", "arccos", "inf"):
        if not hasattr(scipy, name):
            setattr(scipy, name, getattr(np, name))
    for name, kind in (("int", int), ("float", float)):
        if not hasattr(np, name):
            setattr(np, name, kind)


def main(out: str) -> None:
    """Read LLP26 from the installed packages and write ``out``."""
    _revive_removed_names()
    import musculoskeletal.models as package  # noqa: PLC0415
    from gias3.musculoskeletal.bonemodels.bonemodels import LowerLimbLeftAtlas  # noqa: PLC0415

    root = Path(package.__file__).parent
    atlas = LowerLimbLeftAtlas("left")
    atlas.bone_files = {
        bone: tuple(str(root / "atlas_meshes" / Path(part).name) for part in parts)
        for bone, parts in LowerLimbLeftAtlas.bone_files.items()
    }
    atlas.combined_pcs_filename = str(root / "shape_models" / "LLP26_rigid.pc")
    atlas.load_bones()

    def vertices(bone: str, mode: int, weight: float) -> np.ndarray:
        atlas.update_models_by_pcweights_sd([weight], [mode])
        side = POINTS_PER_ELEMENT_SIDE[bone]
        field = atlas.models[bone].gf
        field.flatten_ensemble_field_function()
        points = np.asarray(field.evaluate_geometric_field([side, side]).T)
        field.ensemble_field_function = field.ensemble_field_function_old
        return points

    arrays: dict[str, np.ndarray] = {}
    for bone in BONES:
        side = POINTS_PER_ELEMENT_SIDE[bone]
        atlas.update_models_by_pcweights_sd([0.0], [0])
        _, faces, kept, _ = atlas.models[bone].gf.triangulate([side, side], merge=True, ret_vert_map=True)
        kept = np.asarray(kept)
        mean = vertices(bone, 0, 0.0)[kept]
        modes = np.stack([vertices(bone, mode, 1.0)[kept] - mean for mode in range(MODES)])
        arrays[f"{bone}_mean"] = mean.astype(np.float32)
        arrays[f"{bone}_modes"] = modes.astype(np.float16)
        arrays[f"{bone}_faces"] = np.asarray(faces).astype(np.uint16 if len(mean) < 65536 else np.uint32)
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
