"""Convert three lumbar vertebrae of the package ``myo-sim`` (Apache-2.0) into one small array file.

Run once, with ``pip install myo-sim trimesh``::

    python convert_lumbar.py lumbar.npz

The result: ``l3``, ``l4``, ``l5`` as ``<name>_mean`` float32 (vertices, 3) in mm (x to the patient's left, y to the
back, z to the head, origin at the middle of the lower end plate) and ``<name>_faces`` uint16. Meshes are smoothed by
one Loop subdivision.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np


def main(out: str) -> None:
    """Read the meshes from the installed package and write ``out``."""
    import trimesh  # noqa: PLC0415

    spec = find_spec("myo_sim")
    if spec is None or spec.origin is None:
        raise SystemExit("install myo-sim first")
    meshes = Path(spec.origin).parent / "models" / "meshes"
    arrays: dict[str, np.ndarray] = {}
    for number in (3, 4, 5):
        mesh = trimesh.load(meshes / f"lumbar{number}.stl")
        mesh.merge_vertices()
        mesh = mesh.subdivide_loop(iterations=1)
        # myo-sim: x forward, y up, z to the right, metres.
        forward, up, right = (1000.0 * np.asarray(mesh.vertices)).T
        vertices = np.stack([-right, -forward, up], axis=1)
        vertices[:, 0] -= vertices[:, 0].mean()
        vertices[:, 1] -= np.percentile(vertices[:, 1], 2) + 17.0
        vertices[:, 2] -= vertices[:, 2].min()
        arrays[f"l{number}_mean"] = vertices.astype(np.float32)
        arrays[f"l{number}_faces"] = np.asarray(mesh.faces).astype(np.uint16)
    np.savez_compressed(out, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
