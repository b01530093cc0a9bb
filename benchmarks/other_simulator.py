"""How a model does on films of another simulator: other bones, soft tissue, nodules, physics and looks.

    pip install --no-deps myo-sim trimesh
    python benchmarks/other_simulator.py --model hip [--count 100] [--seed 0] [--sheet PICTURE.png]

Figures on films of the simulator that a model was trained with say how well it learnt that simulator. This one shares
with it nothing but the projection of closed surfaces: bones from myo-sim (one person, other than the shape model's),
bodies from three ellipses, nodules from thresholded noise in an ellipsoid, one energy, scatter as a blur, three plain
looks. It is cruder than the other, and films of it are harder for a model than they are for a reader. Prints JSON.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import trimesh
from cr_film import as_dicom
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ho_imaging import Analyzer
from ho_imaging.evaluation.figures import CLEAR_CONTRAST_TO_NOISE
from ho_imaging.preparing import probability_to_source
from ho_imaging.simulation.contrast import contrast_to_noise
from ho_imaging.simulation.projection import Camera, path_through
from ho_imaging.simulation.shape_model import Mesh
from ho_imaging.statistics.detection import cpm, dice, froc, froc_of, match_lesions, sensitivity_at
from ho_imaging.statistics.roc import auroc
from ho_imaging.vocabulary import Structure

PIXEL_MM = 0.5
VISIBLE_MM = 0.4
LEAST_MM2 = 6.0
DISTANCE_MM = 1100.0
HIPS_MM = {"r": np.array([-56.3, -78.5, 77.3]), "l": np.array([-56.3, -78.5, -77.3])}
"""Joint centres in the pelvis's frame: x forwards, y up, z to the right (myo-sim's leg model)."""
MIDDLE_MM = np.array([-56.3, -60.0, 0.0])
SOFT_PER_MM, BONE_PER_MM = 0.0205, 0.065
"""Attenuation of water and of cortex beyond it at about 60 keV."""

Image = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shown:
    """A film in [0, 1] with its truth, all (rows, columns)."""

    film: NDArray[np.float32]
    without: NDArray[np.float32]
    """The same film, same grain, without any nodule."""
    nodules: NDArray[np.bool_]
    pelvis: NDArray[np.bool_]
    femur: NDArray[np.bool_]


def load_meshes() -> dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Read and smooth the meshes of the installed package; its code is not imported."""
    spec = find_spec("myo_sim")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("needs the meshes of myo-sim: pip install --no-deps myo-sim")
    folder = Path(spec.submodule_search_locations[0]) / "models" / "meshes"
    found = {}
    for name in ("l_femur", "r_femur", "l_pelvis", "r_pelvis", "sacrum"):
        mesh = trimesh.load(folder / f"{name}.stl")
        mesh.merge_vertices()
        fine = trimesh.remesh.subdivide(*trimesh.remesh.subdivide(mesh.vertices, mesh.faces))
        smooth = trimesh.smoothing.filter_taubin(trimesh.Trimesh(*fine), iterations=12)
        found[name] = (np.asarray(smooth.vertices) * 1000.0, np.asarray(smooth.faces, dtype=np.int64))
    return found


def noise(rng: np.random.Generator, shape: tuple[int, ...], scale_px: float) -> Image:
    """Gaussian noise of about unit variance, blurred to a scale."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), scale_px)
    return np.asarray(field / max(float(field.std()), 1e-9))


def patient(rng: np.random.Generator, meshes: dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]) -> Shown:
    """Make a patient and a film of them."""
    shape = (int(rng.uniform(330, 380) / PIXEL_MM), int(rng.uniform(390, 430) / PIXEL_MM))
    camera = Camera(shape, PIXEL_MM, DISTANCE_MM, (shape[0] / 2, shape[1] / 2))
    plane = DISTANCE_MM / rng.uniform(1.1, 1.25)
    size, tilt = rng.uniform(0.95, 1.15), Rotation.from_euler("z", rng.normal(0.0, 5.0), degrees=True)

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        turned = tilt.apply((points - MIDDLE_MM) * size)
        return np.stack([-turned[:, 2], turned[:, 0] + plane, turned[:, 1] - 10.0], axis=1)

    heads = {side: place(center[None])[0] for side, center in HIPS_MM.items()}
    cortex_mm, spongiosa = rng.uniform(1.0, 2.2), rng.uniform(0.08, 0.22)
    mineral, masks = np.zeros(shape), {}
    for name, (vertices, faces) in meshes.items():
        posed = vertices
        if name.endswith("femur"):
            side, sign = name[0], 1.0 if name[0] == "r" else -1.0
            turn = Rotation.from_euler("yx", [sign * rng.normal(5.0, 8.0), sign * rng.normal(0.0, 5.0)], degrees=True)
            posed = turn.apply(vertices) + HIPS_MM[side]
        mesh = trimesh.Trimesh(place(posed), faces, process=False)
        if mesh.volume < 0:  # the camera's frame is left-handed
            mesh.invert()
        outer, _ = path_through(camera, Mesh(mesh.vertices, mesh.faces))
        thick = cortex_mm * (2.2 if name.endswith("femur") else 0.8)
        inner, _ = path_through(camera, Mesh(mesh.vertices - thick * mesh.vertex_normals, mesh.faces))
        inner = np.minimum(inner, outer)
        grain = np.clip(1.0 + 0.25 * noise(rng, shape, 1.2 / PIXEL_MM), 0.2, 3.0)
        mineral += 0.9 * (outer - inner) + inner * spongiosa * grain
        masks[name] = outer > 0.3
    bones = np.any(list(masks.values()), axis=0)
    soft = _body(rng, camera, plane, heads)
    grown = _nodules(rng, camera, heads, bones)
    with_and_without = [
        _film(copy.deepcopy(rng), np.clip(soft - mineral - nodules, 0.0, None), mineral + nodules)
        for nodules in (grown, np.zeros_like(grown))
    ]
    return Shown(
        *with_and_without,
        grown > VISIBLE_MM,
        masks["l_pelvis"] | masks["r_pelvis"] | masks["sacrum"],
        masks["l_femur"] | masks["r_femur"],
    )


def _body(rng: np.random.Generator, camera: Camera, plane: float, heads: dict[str, NDArray[np.float64]]) -> Image:
    x, z = np.meshgrid(*camera.plane_coordinates(plane))
    joint_z = heads["l"][2]
    trunk = rng.uniform(190, 290) * np.sqrt(np.clip(1.0 - (x / rng.uniform(150, 200)) ** 2, 0, None))
    total = trunk * (z > joint_z - 60.0)
    for head in heads.values():
        radius = rng.uniform(70, 95)
        thigh = 2.0 * radius * np.sqrt(np.clip(1.0 - ((x - 1.15 * head[0]) / radius) ** 2, 0, None))
        total = np.maximum(total, thigh * (z < joint_z + 40.0))
    total = ndimage.gaussian_filter(total, 8.0 / PIXEL_MM)
    coarse, fine = rng.uniform(0.0, 0.03), rng.uniform(0.0, 0.02)
    total *= 1.0 + coarse * noise(rng, x.shape, 12.0 / PIXEL_MM) + fine * noise(rng, x.shape, 3.0 / PIXEL_MM)
    for _ in range(int(rng.integers(0, 8))):
        radius, at = rng.uniform(8, 25), (rng.uniform(-80, 80), joint_z + rng.uniform(20, 140))
        ball = np.sqrt(np.clip(1.0 - ((x - at[0]) ** 2 + (z - at[1]) ** 2) / radius**2, 0, None))
        total -= rng.uniform(0.5, 1.2) * radius * ball
    return np.clip(total, 0.0, None)


def _nodules(
    rng: np.random.Generator, camera: Camera, heads: dict[str, NDArray[np.float64]], bones: NDArray[np.bool_]
) -> Image:
    """None to three blobs about the hips, mostly off the bones; half of all films show none."""
    total = np.zeros(camera.shape)
    for _ in range(int(rng.choice([0, 0, 0, 1, 2, 3]))):
        side = str(rng.choice(["l", "r"]))
        length, voxel = rng.uniform(6, 45), 0.7
        half = length * np.array([rng.uniform(0.15, 0.35), rng.uniform(0.15, 0.35), 0.5])
        reach = np.ceil(1.6 * half / voxel).astype(int) + 3
        grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) * voxel for n in reach], indexing="ij"))
        inside = np.sqrt(((grid / half[:, None, None, None]) ** 2).sum(axis=0))
        solid = 1.0 - inside + 0.3 * noise(rng, inside.shape, max(0.1 * length / voxel, 1.5)) > 0.0
        rim = ndimage.distance_transform_edt(solid) * voxel < 1.2
        density = rng.uniform(0.12, 0.6) * np.where(rim, rng.uniform(1.0, 1.6), 1.0)
        density = density * solid * np.clip(1.0 + 0.4 * noise(rng, solid.shape, 1.5), 0.2, 2.0)
        away = [(1.0 if side == "l" else -1.0) * rng.uniform(15, 70), rng.uniform(-25, 25), rng.uniform(-60, 55)]
        points = Rotation.from_euler("xyz", rng.normal(0, 40, 3), degrees=True).apply(grid[:, solid].T)
        at = np.rint(camera.project(points + heads[side] + away)).astype(int)
        kept = ((at > 0) & (at < np.array(camera.shape) - 1)).all(axis=1)
        per_pixel = voxel**3 * (camera.magnification(float(heads[side][1])) / PIXEL_MM) ** 2
        layer = np.zeros(camera.shape)
        np.add.at(layer, tuple(at[kept].T), density[solid][kept] * per_pixel)
        layer = ndimage.gaussian_filter(layer, 0.9)
        seen = layer > VISIBLE_MM
        if seen.sum() * PIXEL_MM**2 >= 12.0 and bones[seen].mean() < 0.5:
            total += layer
    return total


def _film(rng: np.random.Generator, soft_mm: Image, mineral_mm: Image) -> NDArray[np.float32]:
    primary = np.exp(-SOFT_PER_MM * soft_mm - BONE_PER_MM * mineral_mm)
    scatter = rng.uniform(0.2, 1.2) * ndimage.gaussian_filter(primary, 25.0 / PIXEL_MM)
    quanta = rng.poisson((primary + scatter) * np.exp(rng.uniform(np.log(3e4), np.log(3e5)))).astype(np.float64)
    picture = -np.log(np.maximum(ndimage.gaussian_filter(quanta, rng.uniform(0.4, 0.9)), 1.0))
    look = str(rng.choice(["plain", "flattened", "equalised"]))
    percents = [rng.uniform(2, 12), rng.uniform(98.5, 99.9)]
    if look == "flattened":
        picture = picture - 0.6 * ndimage.gaussian_filter(picture, 30.0 / PIXEL_MM)
    low, high = np.percentile(picture, percents)
    tones = np.clip((picture - low) / (high - low), 0.0, 1.0)
    if look == "equalised":
        equaliser = cv2.createCLAHE(2.0, (8, 8))
        tones = equaliser.apply((tones * 65535).astype(np.uint16)) / 65535.0
    return np.asarray(tones ** rng.uniform(0.8, 1.5), dtype=np.float32)


def _numbered(nodules: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the nodules that are large enough to ask for."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(nodules.astype(np.uint8), connectivity=8)
    kept = statistics[:, cv2.CC_STAT_AREA] * PIXEL_MM**2 >= LEAST_MM2
    kept[0] = False
    return np.asarray(np.where(kept, np.cumsum(kept), 0)[labels], dtype=np.int32)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="default")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write a picture of the first twelve films")
    options = parser.parse_args()
    analyzer, meshes = Analyzer(options.model), load_meshes()
    matched, contrast, overlaps, refused, bare_refused, outlined, sheet = [], [], [], 0, 0, [], []
    for number in range(options.count):
        shown = patient(np.random.default_rng([options.seed, number]), meshes)
        sheet += [cv2.resize((shown.film * 255).astype(np.uint8), (480, 420))] if number < 12 else []
        bare = analyzer.analyze_films([as_dicom(shown.film, number, body_part=None, pixel_mm=None)])
        bare_refused += bare.result.status != "done"
        analysis = analyzer.analyze_films([as_dicom(shown.film, number, body_part="PELVIS", pixel_mm=PIXEL_MM)])
        if not analysis.films:
            refused += 1
            continue
        prediction = next(iter(analysis.films.values())).prediction
        maps = {
            structure: probability_to_source(prediction.probabilities[structure], prediction.prepared.grid)
            for structure in (Structure.HO, Structure.PELVIS, Structure.FEMUR)
        }
        labels = _numbered(shown.nodules)
        matched.append(match_lesions(maps[Structure.HO], labels, pixel_mm=PIXEL_MM, threshold=0.03))
        contrast += [
            contrast_to_noise(shown.film, shown.without, labels == nodule, PIXEL_MM)
            for nodule in range(1, labels.max() + 1)
        ]
        if not shown.nodules.any():
            outlined.append(bool(analysis.result.findings))
        truth = {Structure.PELVIS: shown.pelvis, Structure.FEMUR: shown.femur}
        overlaps.append([dice(maps[s] >= prediction.thresholds[s], mask) for s, mask in truth.items()])
    if options.sheet is not None:
        cv2.imwrite(str(options.sheet), np.vstack([np.hstack(sheet[row : row + 4]) for row in (0, 4, 8)]))
    curve = froc(matched)
    clear = np.array(contrast) >= CLEAR_CONTRAST_TO_NOISE
    alarms = np.concatenate([film.false_alarm_scores for film in matched])
    clear_curve = froc_of(np.concatenate([film.lesion_scores for film in matched])[clear], alarms, len(matched))
    rates = (0.125, 0.25, 0.5, 1.0)
    report = {
        "model": analyzer.model.identity,
        "films": options.count,
        "nodules": sum(len(film.lesion_scores) for film in matched),
        "refused": refused,
        "refused_without_description": bare_refused,
        "clear_nodules": int(clear.sum()),
        "sensitivity_at_1/8_1/4_1/2_1": [round(sensitivity_at(curve, rate), 3) for rate in rates],
        "sensitivity_clear": [round(sensitivity_at(clear_curve, rate), 3) for rate in rates],
        "cpm": round(cpm(curve), 3),
        "cpm_clear": round(cpm(clear_curve), 3),
        "film_auroc": round(auroc([f.film_score for f in matched], [f.has_lesion for f in matched]), 3),
        "films_without_nodule": len(outlined),
        "of_which_outlined": sum(outlined),
        "dice_pelvis": round(float(np.mean([pelvis for pelvis, _ in overlaps])), 3),
        "dice_femur": round(float(np.mean([femur for _, femur in overlaps])), 3),
    }
    sys.stdout.write(json.dumps(report, indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
