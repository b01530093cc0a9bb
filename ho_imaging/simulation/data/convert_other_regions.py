"""Convert meshes of other body regions (package ``myo-sim``, Apache-2.0) into one small array file.

They make films the model is *not* for: chest, skull, foot, elbow. Run once, with ``pip install myo-sim trimesh``::

    python convert_other_regions.py other_regions.npz

The result: ``<name>_mean`` float16 (vertices, 3) in mm about the mesh's centre (x to the patient's left, y to the
back, z to the head) and ``<name>_faces`` uint16. Some meshes have holes; their path lengths are rough, which a
negative may be.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

MESHES = {
    "ribs": ("hat_ribs_scap", "hat_thoracic"),
    "skull": ("hat_skull", "hat_jaw", "hat_cervical"),
    "foot": ("l_foot", "l_bofoot"),
    "humerus": ("humerus",),
    "ulna": ("ulna",),
    "radius": ("radius",),
    "hand": ("2mc", "3mc", "4mc", "5mc", "2proxph", "3proxph", "4proxph", "5proxph"),
}


def main(out: str) -> None:
    """Read the meshes from the installed package and write ``out``."""
    import trimesh  # noqa: PLC0415

    spec = find_spec("myo_sim")
    if spec is None or spec.origin is None:
        raise SystemExit("install myo-sim first")
    folder = Path(spec.origin).parent / "models" / "meshes"
    arrays: dict[str, np.ndarray] = {}
    for name, parts in MESHES.items():
        meshes = [trimesh.load(folder / f"{part}.stl") for part in parts]
        if name == "hand":  # the bones come each about its own origin: lay the rays side by side
            for number, mesh in enumerate(meshes):
                mesh.apply_translation([0.0, -0.045 * (number // 4), 0.02 * (number % 4)])
        mesh = trimesh.util.concatenate(meshes)
        mesh.merge_vertices()
        if len(mesh.faces) > 9000:
            mesh = mesh.simplify_quadric_decimation(face_count=9000)
        forward, up, right = (1000.0 * np.asarray(mesh.vertices)).T
        vertices = np.stack([-right, -forward, up], axis=1)
        arrays[f"{name}_mean"] = (vertices - 0.5 * (vertices.min(axis=0) + vertices.max(axis=0))).astype(np.float16)
        arrays[f"{name}_faces"] = np.asarray(mesh.faces).astype(np.uint16)
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
