"""Scenes out of scope: other body regions, test objects and blank exposures, to train and test the scope gate."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ho_imaging.simulation.mimics import sample_objects
from ho_imaging.simulation.projection import Camera, path_through
from ho_imaging.simulation.scene import Material, Scene
from ho_imaging.simulation.shape_model import Mesh, load_arrays, lumbar_spine, sample_skeleton
from ho_imaging.simulation.solids import smooth_noise_2d
from ho_imaging.vocabulary import Laterality, Region, View

__all__ = ["OTHER_KINDS", "sample_other_scene"]

Image = NDArray[np.float32]

OTHER_KINDS: dict[str, Region] = {
    "chest": Region.CHEST,
    "skull": Region.HEAD,
    "foot": Region.FOOT,
    "hand": Region.HAND,
    "elbow": Region.ELBOW,
    "lower_leg": Region.LOWER_LEG,
    "spine": Region.SPINE,
    "phantom": Region.OTHER,
    "blank": Region.OTHER,
}
_LONGEST_PATH_MM = 160.0
_SHARES = (0.27, 0.09, 0.09, 0.10, 0.10, 0.12, 0.12, 0.07, 0.04)


@lru_cache(maxsize=1)
def _meshes() -> dict[str, NDArray[np.float64]]:
    return load_arrays("other_regions.npz", ("ribs", "skull", "foot", "hand", "humerus", "ulna", "radius"))


@lru_cache(maxsize=1)
def _lower_leg() -> dict[str, NDArray[np.float64]]:
    return load_arrays("llp26.npz", ("tibiafibula", "patella", "femur"))


def sample_other_scene(seed: int, *, pixel_mm: float = 0.6, kind: str | None = None) -> Scene:
    """Sample a scene out of scope; the same seed gives the same scene.

    Parameters
    ----------
    seed
        Seed of the scene.
    pixel_mm
        Pixel pitch in mm.
    kind
        One of `OTHER_KINDS`; ``None`` draws one.

    Returns
    -------
    Scene
        Its only mask is ``body``: it has no structure of the hip.

    """
    rng = np.random.default_rng([seed, 1])
    chosen = kind or str(rng.choice(list(OTHER_KINDS), p=_SHARES))
    height, width = rng.uniform(220.0, 430.0), rng.uniform(180.0, 430.0)
    shape = (round(height / pixel_mm), round(width / pixel_mm))
    distance = float(rng.uniform(1000.0, 1800.0 if chosen == "chest" else 1200.0))
    camera = Camera(shape, pixel_mm, distance, (shape[0] / 2.0, shape[1] / 2.0))
    plane = distance / float(rng.uniform(1.03, 1.2))
    if chosen in {"phantom", "blank"}:
        bone, soft = _test_object(rng, shape, pixel_mm, blank=chosen == "blank")
        extra: dict[Material, Image] = {Material.STEEL: bone * np.float32(rng.uniform(0.0, 0.1))}
    else:
        bone, soft = _anatomy(rng, camera, plane, chosen)
        extra = {}
    for mimic in sample_objects(rng, camera):
        extra[mimic.material] = extra.get(mimic.material, np.zeros(shape, np.float32)) + mimic.thickness_mm
    fat_share = np.clip(0.25 + 0.1 * smooth_noise_2d(rng, shape, 60.0 / pixel_mm), 0.0, 0.8)
    thickness = {
        Material.FAT: (soft * fat_share).astype(np.float32),
        Material.MUSCLE: np.maximum(soft * (1.0 - fat_share) - bone, 0.0).astype(np.float32),
        Material.BONE: bone,
        **extra,
    }
    empty = np.zeros(shape, dtype=bool)
    names = ("ho", "pelvis", "femur", "femoral_head", "implant")
    return Scene(
        thickness_mm=thickness,
        masks={**dict.fromkeys(names, empty), "body": np.asarray(soft > 1.0)},
        pixel_mm=pixel_mm,
        magnification=distance / plane,
        region=OTHER_KINDS[chosen].value,
        view=View.AP.value,
        laterality=Laterality.UNKNOWN.value,
        truth={"seed": seed, "kind": chosen, "nodules": [], "sides": []},
    )


def _anatomy(rng: np.random.Generator, camera: Camera, plane_y_mm: float, kind: str) -> tuple[Image, Image]:
    bones = _bones(rng, kind)
    turn = Rotation.from_euler(
        "zxy", [rng.uniform(-100.0, 100.0), rng.normal(0.0, 8.0), rng.normal(0.0, 12.0)], degrees=True
    )
    middle = np.mean([mesh.vertices.mean(axis=0) for mesh in bones], axis=0)
    offset = np.array([rng.normal(0.0, 15.0), plane_y_mm, rng.normal(0.0, 15.0)])
    bone = np.zeros(camera.shape, np.float32)
    for mesh in bones:
        path, _ = path_through(camera, mesh.moved(turn.apply(mesh.vertices - middle) + offset))
        path[path > _LONGEST_PATH_MM] = 0.0  # a ray that passed through a hole in an open mesh
        thick = ndimage.gaussian_filter(path, 1.0)
        # Cortex shows where the ray is tangent to the surface; the inside is treated as cancellous bone.
        edge = np.clip(cv2.morphologyEx(path, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), 0.0, 3.0)
        bone += (0.18 * thick + 0.8 * edge * (path > 0)).astype(np.float32)
    bone *= np.clip(1.0 + 0.12 * smooth_noise_2d(rng, camera.shape, 1.5 / camera.pixel_mm, octaves=2), 0.3, 2.0)
    return bone.astype(np.float32), _flesh(rng, camera, bone > 0.2, kind)


def _bones(rng: np.random.Generator, kind: str) -> list[Mesh]:
    arrays, leg = _meshes(), _lower_leg()

    def mesh(
        source: dict[str, NDArray[np.float64]], name: str, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    ) -> Mesh:
        return Mesh(source[f"{name}_mean"] + np.asarray(shift), source[f"{name}_faces"].astype(np.int64))

    size = rng.uniform(0.85, 1.15)
    if kind == "chest":
        found = [mesh(arrays, "ribs")]
    elif kind in {"skull", "foot", "hand"}:
        found = [mesh(arrays, kind)]
    elif kind == "elbow":
        found = [mesh(arrays, "humerus", (0.0, 0.0, 150.0)), mesh(arrays, "ulna", (-8.0, 0.0, -135.0)),
                 mesh(arrays, "radius", (14.0, 0.0, -140.0))]  # fmt: skip
    elif kind == "lower_leg":
        found = [mesh(leg, "femur"), mesh(leg, "tibiafibula"), mesh(leg, "patella")]
        level = rng.uniform(480.0, 640.0)
        return [m.moved((m.vertices - m.vertices.mean(axis=0) * (1, 1, 0) - (0.0, 0.0, level)) * size) for m in found]
    else:
        found = lumbar_spine(rng, sample_skeleton(rng))
    return [m.moved(m.vertices * size) for m in found]


def _flesh(rng: np.random.Generator, camera: Camera, bone: NDArray[np.bool_], kind: str) -> Image:
    """Return soft tissue as a rounded layer about the bones; the lungs of a chest are spared."""
    depth_mm = {"chest": 210.0, "spine": 220.0, "skull": 150.0, "hand": 28.0, "foot": 55.0, "elbow": 80.0}.get(
        kind, 110.0
    )
    depth_mm *= rng.uniform(0.75, 1.3)
    rim_mm = depth_mm * (0.22 if kind in {"chest", "skull"} else 0.42)
    closed = ndimage.binary_closing(np.pad(bone, 40), iterations=int(rng.integers(8, 30)))[40:-40, 40:-40]
    closed = ndimage.binary_fill_holes(closed) if kind in {"chest", "skull"} else closed
    away = ndimage.distance_transform_edt(~closed) * camera.pixel_mm
    inward = ndimage.distance_transform_edt(closed) * camera.pixel_mm
    rise = np.clip((rim_mm - away + np.minimum(inward, 40.0)) / (rim_mm + 40.0), 0.0, 1.0)
    soft = depth_mm * np.sqrt(np.clip(2.0 * rise - rise**2, 0.0, 1.0)) * (away < rim_mm)
    if kind == "chest":
        rows, columns = camera.shape
        r, c = np.mgrid[0:rows, 0:columns]
        field = 0.25 * smooth_noise_2d(rng, camera.shape, 40.0 / camera.pixel_mm)
        for side in (-1.0, 1.0):
            lung = ((c - columns / 2 - side * 72.0 / camera.pixel_mm) * camera.pixel_mm / 58.0) ** 2
            lung = lung + ((r - rows * 0.45) * camera.pixel_mm / 110.0) ** 2
            soft = soft * (1.0 - 0.62 / (1.0 + np.exp(np.clip((lung + field - 1.0) * 9.0, -30, 30))))
    return np.asarray(cv2.GaussianBlur(soft.astype(np.float32), (0, 0), 1.5), dtype=np.float32)


def _test_object(
    rng: np.random.Generator, shape: tuple[int, int], pixel_mm: float, *, blank: bool
) -> tuple[Image, Image]:
    """Draw a phantom (step wedges, discs, grids) or a nearly empty exposure."""
    metal, soft = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    if blank:
        soft += np.float32(rng.uniform(0.0, 60.0)) * (1.0 + 0.05 * smooth_noise_2d(rng, shape, 100.0 / pixel_mm))
        return metal, soft
    soft += np.float32(rng.uniform(10.0, 180.0))
    for _ in range(int(rng.integers(2, 14))):
        a = (int(rng.integers(0, shape[1])), int(rng.integers(0, shape[0])))
        b = (a[0] + int(rng.integers(20, 200)), a[1] + int(rng.integers(20, 200)))
        level = float(rng.uniform(1.0, 15.0))
        if rng.random() < 0.5:
            cv2.rectangle(metal, a, b, level, -1 if rng.random() < 0.6 else 2)
        else:
            cv2.circle(metal, a, int(rng.integers(5, 90)), level, -1 if rng.random() < 0.6 else 2)
    return metal, soft
