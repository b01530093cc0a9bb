"""Scenes of hips and pelves: one sampled person in front of the detector, with the complete truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.body import Body, Habitus
from ho_imaging.simulation.growth import Growth, Nodule, grow_about_hip, head_disc, regrade
from ho_imaging.simulation.hip_person import Bones, Person, on_image, project_bones, project_trunk, sample_person
from ho_imaging.simulation.hip_plan import Exposure, HipPlan, sample_exposure
from ho_imaging.simulation.mimic_drawing import Mimic
from ho_imaging.simulation.mimics import sample_mimics
from ho_imaging.simulation.mimics_bony import wear
from ho_imaging.simulation.mimics_calcified import calcify
from ho_imaging.simulation.pose import Hip, PosedSkeleton, Stir
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import FRINGE_MM, Layer, Material, Scene
from ho_imaging.vocabulary import Laterality, Region, Side

__all__ = ["Grown", "Visit", "nodule_layer", "nodule_truth", "sample_hip_scene", "sample_visit"]


_MARROW_FAT = 0.55
"""Volume fraction of fat in adult marrow, yellow and red marrow mixed (ICRP 70)."""


@dataclass(frozen=True, eq=False)
class Grown:
    """State of a first study for the next: pose, nodules of each hip, and state of the random generator."""

    posed: PosedSkeleton
    growths: tuple[tuple[Side, Growth], ...]
    chance: Any


@dataclass(frozen=True, eq=False)
class Visit:
    """A later study of the same person, positioned a little differently, with changed nodules.

    ``nodules(first, posed, camera)`` returns the nodules of each side in this study.
    """

    first: Grown
    stir: Stir
    nodules: Callable[[Grown, PosedSkeleton, Camera], dict[Side, tuple[Nodule, ...]]]


def sample_hip_scene(seed: int, plan: HipPlan | None = None) -> Scene:
    """Sample a person and project them; the same seed and plan give a bit-identical scene.

    Parameters
    ----------
    seed
        Seed of the scene.
    plan
        Constraints; ``None`` leaves all to chance.

    Returns
    -------
    Scene
        The projected scene with its truth.

    """
    return sample_visit(seed, plan)[0]


def sample_visit(seed: int, plan: HipPlan | None = None, visit: Visit | None = None) -> tuple[Scene, Grown]:
    """Sample a person at their first or, with ``visit``, a later study.

    Parameters
    ----------
    seed
        Seed of the person.
    plan
        Constraints; ``None`` leaves all to chance.
    visit
        The first study and the changes since; ``None`` for a first study.

    Returns
    -------
    scene : Scene
        The projected scene with its truth.
    grown : Grown
        State that a later study needs.

    """
    plan = plan or HipPlan()
    rng = np.random.default_rng(seed)
    # Injuries and wear have a random generator of their own, so that a scene without them is unchanged.
    fate = np.random.default_rng([seed, 7])
    exposure = sample_exposure(rng, plan)
    person = sample_person(rng, plan, exposure, None if visit is None else visit.stir)
    bones = project_bones(rng, fate, plan, person)
    body, habitus = project_trunk(rng, person, exposure)
    growths = _grow(rng, plan, exposure, person, bones, body.mask, visit)
    if visit is not None:
        # All that follows is drawn as in the first study, however much was drawn while nodules grew.
        rng.bit_generator.state = visit.first.chance
    grown = Grown(person.posed, tuple((hip.side, growth) for hip, growth in growths), rng.bit_generator.state)
    native = np.any([layer.mask for layer in bones.layers], axis=0)
    hips = person.posed.hips
    mimics = sample_mimics(rng, person.camera, hips, native, plan.abundance) if plan.clutter else []
    mimics += [growth for hip in hips if fate.random() < plan.worn for growth in wear(fate, person.camera, hip)]
    if fate.random() < plan.calcified:
        mimics += [mimic for mimic in calcify(fate, person.camera, hips) if mimic.mask.any()]
    scene = Scene(
        thickness_mm=_thickness(bones, growths, mimics, body),
        masks=_masks(person, bones, growths, mimics, body.mask),
        pixel_mm=plan.pixel_mm,
        magnification=person.magnification,
        region=exposure.region.value,
        view=exposure.view.value,
        laterality=Laterality.BILATERAL.value if exposure.region is Region.PELVIS else exposure.shown.value,
        truth={"seed": seed, **_truth(person, bones, growths, mimics, habitus)},
        nodules=[nodule_layer(nodule) for _, growth in growths for nodule in growth.nodules if nodule.mask.any()],
    )
    return scene, grown


Growths = list[tuple[Hip, Growth]]


def _grow(
    rng: np.random.Generator,
    plan: HipPlan,
    exposure: Exposure,
    person: Person,
    bones: Bones,
    body: NDArray[np.bool_],
    visit: Visit | None,
) -> Growths:
    """Grow nodules about each hip on the image; at a later study, grade the nodules that ``visit`` changed."""
    camera, posed, pelvis = person.camera, person.posed, bones.whole_pelvis.mask
    if visit is not None:
        changed = visit.nodules(visit.first, posed, camera)
        return [
            (hip, regrade(changed[hip.side], camera, hip, pelvis, bones.whole_femurs[hip.side].mask, person.pixel_mm))
            for hip in posed.hips
            if hip.side in changed
        ]
    growths: Growths = []
    for hip, grade in zip(posed.hips, exposure.grades, strict=True):
        visible = on_image(camera, hip) and exposure.shows(hip)
        growth = grow_about_hip(
            rng,
            camera,
            hip,
            posed.pelvis.vertices,
            pelvis,
            bones.whole_femurs[hip.side].mask,
            body,
            grade if visible and hip.side not in bones.injuries else "0",
            person.pixel_mm,
            plan.styles,
        )
        if visible:
            growths.append((hip, growth))
    return growths


def _ectopic_mineral(growths: Growths, shape: tuple[int, int]) -> NDArray[np.float32]:
    mineral = np.zeros(shape, np.float32)
    for _, growth in growths:
        for nodule in growth.nodules:
            mineral += nodule.mineral_mm
    return mineral


def _thickness(bones: Bones, growths: Growths, mimics: list[Mimic], body: Body) -> dict[Material, NDArray[np.float32]]:
    """Return mm of each material along each ray."""
    shape = body.mask.shape
    mineral = sum((layer.mineral_mm for layer in bones.layers), np.zeros(shape, np.float32))
    occupied = sum((layer.occupied_mm for layer in bones.layers), np.zeros(shape, np.float32))
    marrow = np.maximum(occupied - mineral, 0.0)
    mineral = mineral + _ectopic_mineral(growths, (shape[0], shape[1]))
    for mimic in mimics:
        if mimic.material is Material.BONE:
            mineral = mineral + mimic.thickness_mm
    bone = np.asarray(mineral, dtype=np.float32)
    # Marrow, partly fat, lies between trabeculae of native bone; between those of ectopic bone muscle remains.
    fat = (body.fat_mm + _MARROW_FAT * marrow).astype(np.float32)
    muscle = np.maximum(body.muscle_mm - bone - _MARROW_FAT * marrow, 0.0).astype(np.float32)
    thickness = {Material.FAT: fat, Material.MUSCLE: muscle, Material.BONE: bone}
    foreign = [implant.thickness_mm for _, implant in bones.implants]
    foreign += [{mimic.material: mimic.thickness_mm} for mimic in mimics if mimic.material is not Material.BONE]
    for layer in foreign:
        for material, path in layer.items():
            thickness[material] = thickness[material] + path if material in thickness else path
    return thickness


def _truth(person: Person, bones: Bones, growths: Growths, mimics: list[Mimic], habitus: Habitus) -> dict[str, Any]:
    """Return the truth of a scene as plain data."""
    kinds = {mimic.kind for mimic in mimics} | ({"fracture_fragment"} if bones.fragments() else set())
    return {
        "source_detector_mm": person.camera.source_detector_mm,
        "nodules": [
            nodule_truth(hip.side, nodule.kind, nodule.maturity, nodule, person.pixel_mm)
            for hip, growth in growths
            for nodule in growth.nodules
            if nodule.mask.any()
        ],
        "sides": [
            {
                "side": hip.side.value,
                "brooker": growth.grade,
                "gap_mm": growth.gap_mm,
                "head_center_rc": [float(v) for v in person.camera.project(hip.head_center[None])[0]],
                "head_radius_mm": hip.head_radius_mm,
            }
            for hip, growth in growths
        ],
        "implants": [{"side": hip.side.value, "kind": implant.kind} for hip, implant in bones.implants],
        "mimics": sorted(kinds),
        "fractures": [{"side": side.value, "kind": injury.kind} for side, injury in bones.injuries.items()],
        "joints": {"left": person.joints[0].kind, "right": person.joints[1].kind},
        "habitus": {"fat_mm": habitus.trunk_fat_mm, "bulk": habitus.bulk},
        "bone_quality": {"cortex": person.quality.cortex, "spongiosa": person.quality.spongiosa},
    }


def nodule_layer(nodule: Nodule) -> Layer:
    """Crop a nodule's projection to its extent; part of it must be on the image.

    Parameters
    ----------
    nodule
        The nodule.

    Returns
    -------
    Layer
        The cropped projection.

    """
    rows = np.flatnonzero((nodule.mineral_mm > 0.0).any(axis=1))
    columns = np.flatnonzero((nodule.mineral_mm > 0.0).any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    patch = nodule.mineral_mm[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1].copy()
    return Layer(top, left, patch, nodule.joined_to_pelvis or nodule.joined_to_femur)


def _masks(
    person: Person, bones: Bones, growths: Growths, mimics: list[Mimic], body: NDArray[np.bool_]
) -> dict[str, NDArray[np.bool_]]:
    """Return the mask of every structure, and of the pixels on which the truth is left open."""
    camera = person.camera
    heads = {hip.side: head_disc(camera, hip) for hip in person.posed.hips}
    femurs = bones.femurs
    pelvis_mask, femur_mask = bones.pelvis.mask.copy(), femurs[Side.LEFT].mask | femurs[Side.RIGHT].mask
    implant_mask = np.zeros(camera.shape, dtype=bool)
    for _, implant in bones.implants:
        implant_mask |= implant.mask
    ho = np.zeros(camera.shape, dtype=bool)
    for _, growth in growths:
        for nodule in growth.nodules:
            ho |= nodule.mask
    masks: dict[str, NDArray[np.bool_]] = {}
    for mimic in mimics:
        name = f"mimic_{mimic.kind}"
        masks[name] = masks[name] | mimic.mask if name in masks else mimic.mask
        # An osteophyte is part of its bone, which distinguishes it from ectopic bone.
        if mimic.bone == "pelvis":
            pelvis_mask |= mimic.mask
        elif mimic.bone == "femur":
            femur_mask |= mimic.mask
    loose = bones.fragments()
    if loose:
        masks["mimic_fracture_fragment"] = np.any(loose, axis=0)
    return masks | {
        "ho": ho,
        "pelvis": pelvis_mask,
        "femur": femur_mask,
        "femur_left": femurs[Side.LEFT].mask,
        "femur_right": femurs[Side.RIGHT].mask,
        "femoral_head": heads[Side.LEFT] | heads[Side.RIGHT],
        "femoral_head_left": heads[Side.LEFT],
        "femoral_head_right": heads[Side.RIGHT],
        "implant": implant_mask,
        "body": body,
        "other_bone": np.any([np.zeros(camera.shape, dtype=bool), *(layer.mask for layer in bones.spine)], axis=0),
        # The truth is open in a nodule's faint fringe and behind metal.
        "ignore": ((_ectopic_mineral(growths, camera.shape) > FRINGE_MM) & ~ho) | (ho & implant_mask),
    }


def nodule_truth(side: Side, kind: str, maturity: float, nodule: Nodule, pixel_mm: float) -> dict[str, Any]:
    """Return the truth of a nodule, in the plane of the joint, as plain data.

    Parameters
    ----------
    side
        Side of the hip.
    kind
        Island, spur or bridge.
    maturity
        0 to 1, see `grow`.
    nodule
        The nodule.
    pixel_mm
        Side of a pixel in mm in the plane of the joint.

    Returns
    -------
    dict
        Position, volume, area, longest extent and more, for JSON.

    """
    from skimage.measure import label, regionprops  # noqa: PLC0415  (only when truth is written)

    positions = nodule.volume.positions()
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = max((region.feret_diameter_max for region in regionprops(label(nodule.mask))), default=0.0)
    rows, columns = np.nonzero(nodule.mask)
    return {
        "side": side.value,
        "kind": kind,
        "maturity": round(maturity, 4),
        "volume_mm3": round(nodule.volume.volume_mm3, 2),
        "extent_3d_mm": round(float(np.linalg.norm(high - low)), 2),
        "area_mm2": round(float(nodule.mask.sum()) * pixel_mm**2, 3),
        "long_axis_mm": round(float(extent) * pixel_mm, 3),
        "mean_mineral_mm": round(float(nodule.mineral_mm[nodule.mask].mean()), 4),
        "centroid_rc": [round(float(rows.mean()), 2), round(float(columns.mean()), 2)],
        "joined_to_pelvis": nodule.joined_to_pelvis,
        "joined_to_femur": nodule.joined_to_femur,
    }
