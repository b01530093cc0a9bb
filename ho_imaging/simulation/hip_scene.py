"""Scenes of hips and pelves: one sampled person in front of the detector, with the complete truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ho_imaging.simulation.body import Body, Habitus, project_body, sample_habitus
from ho_imaging.simulation.bones import (
    BoneLayer,
    BoneQuality,
    femur_structure,
    pelvis_structure,
    project_bone,
    sample_bone_quality,
)
from ho_imaging.simulation.fractures import Broken, break_femur, chip_pelvis
from ho_imaging.simulation.growth import Growth, Nodule, grow_about_hip, head_disc, regrade
from ho_imaging.simulation.implants import IMPLANT_KINDS, Implant, implant_for, resect_head
from ho_imaging.simulation.mimic_drawing import Mimic
from ho_imaging.simulation.mimics import sample_mimics
from ho_imaging.simulation.mimics_bony import wear
from ho_imaging.simulation.ossification import Styles
from ho_imaging.simulation.pose import Hip, PosedSkeleton, Stir, pose_skeleton
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import FRINGE_MM, Layer, Material, Scene
from ho_imaging.simulation.shape_model import Skeleton, lumbar_spine, sample_skeleton
from ho_imaging.vocabulary import Laterality, Region, Side, View

__all__ = [
    "INJURED",
    "WORN",
    "Grown",
    "HipPlan",
    "Visit",
    "nodule_layer",
    "nodule_truth",
    "sample_hip_scene",
    "sample_visit",
]

_MARROW_FAT = 0.55
"""Volume fraction of fat in adult marrow, yellow and red marrow mixed (ICRP 70)."""

GRADES = ("0", "I", "II", "III", "IV")
_GRADE_SHARE = (0.36, 0.24, 0.14, 0.14, 0.12)
"""Probability of each planned class on a side of an image with heterotopic ossification."""


INJURED, WORN = 0.6, 0.35
"""Values of `HipPlan.injured` and `HipPlan.worn` for images with injuries and severe arthrosis."""


@dataclass(frozen=True)
class HipPlan:
    """Constraints on a scene; ``None`` leaves a choice to chance.

    ``grades``: Brooker class planned on the right and the left. ``view``: ``ap``, ``frog_leg`` or
    ``cross_table_lateral`` (one hip). ``region``: ``pelvis`` (both hips) or ``hip`` (one). ``modes``: first and last
    (exclusive) of the shape modes that vary.
    """

    grades: tuple[str, str] | None = None
    view: View | None = None
    region: Region | None = None
    side: Side | None = None
    pixel_mm: float = 0.6
    modes: tuple[int, int] = (0, 25)
    clutter: bool = True
    abundance: float = 1.0
    """Factor on the frequency of each kind of mimic, for training images."""
    styles: Styles = Styles.USUAL
    injured: float = 0.0
    """Probability that a femur has a fresh fracture, and half of it that the pelvis has; a hip with metal has none. It
    changes nothing else of the scene."""
    worn: float = 0.0
    """Probability that a hip has the outgrowths of severe arthrosis and long-standing tendon traction."""


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
    exposure = _sample_exposure(rng, plan)
    person = _sample_person(rng, plan, exposure, None if visit is None else visit.stir)
    bones = _project_bones(rng, fate, plan, person)
    body, habitus = _project_body(rng, person, exposure)
    growths = _grow(rng, plan, exposure, person, bones, body.mask, visit)
    if visit is not None:
        # All that follows is drawn as in the first study, however much was drawn while nodules grew.
        rng.bit_generator.state = visit.first.chance
    grown = Grown(person.posed, tuple((hip.side, growth) for hip, growth in growths), rng.bit_generator.state)
    native = np.any([layer.mask for layer in bones.layers], axis=0)
    hips = person.posed.hips
    mimics = sample_mimics(rng, person.camera, hips, native, plan.abundance) if plan.clutter else []
    mimics += [growth for hip in hips if fate.random() < plan.worn for growth in wear(fate, person.camera, hip)]
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


@dataclass(frozen=True)
class _Exposure:
    """The examination: region and view, the side shown where it is one hip, and the grades planned right and left."""

    region: Region
    view: View
    shown: Side
    grades: tuple[str, str]

    @property
    def lateral(self) -> bool:
        return self.view is View.CROSS_TABLE_LATERAL

    def shows(self, hip: Hip) -> bool:
        """Return True unless another hip is shown alone, from the side."""
        return not self.lateral or hip.side is self.shown


def _sample_exposure(rng: np.random.Generator, plan: HipPlan) -> _Exposure:
    """Draw region, view, side and grades; all are drawn, whatever the plan fixes."""
    region = plan.region or Region(rng.choice([Region.PELVIS, Region.HIP], p=[0.62, 0.38]))
    views = (View.AP, View.FROG_LEG, View.CROSS_TABLE_LATERAL)
    view = plan.view or View(rng.choice(views, p=[0.82, 0.12, 0.06]))
    region = Region.HIP if view is View.CROSS_TABLE_LATERAL else region
    shown = plan.side or Side(rng.choice([Side.LEFT, Side.RIGHT]))
    has_ho = bool(rng.random() < 0.72)
    chosen = rng.choice(len(GRADES), 2, p=_GRADE_SHARE) if has_ho else np.zeros(2, dtype=int)
    return _Exposure(region, view, shown, plan.grades or (GRADES[int(chosen[0])], GRADES[int(chosen[1])]))


@dataclass(frozen=True, eq=False)
class _Person:
    """A person in front of the detector. ``joints``: left and right. ``pixel_mm``: in the plane of the hips."""

    camera: Camera
    skeleton: Skeleton
    posed: PosedSkeleton
    joints: tuple[_JointState, _JointState]
    quality: BoneQuality
    magnification: float
    hip_plane_mm: float
    pixel_mm: float


def _sample_person(rng: np.random.Generator, plan: HipPlan, exposure: _Exposure, stir: Stir | None) -> _Person:
    """Draw a skeleton, and position it in front of a camera."""
    joints = (_sample_joint(rng), _sample_joint(rng))
    skeleton = sample_skeleton(
        rng, modes=slice(*plan.modes), head_shift_mm=(joints[0].head_shift_mm, joints[1].head_shift_mm)
    )
    distance = float(rng.uniform(1000.0, 1200.0))
    magnification = float(np.clip(rng.normal(1.15, 0.04), 1.06, 1.30))
    hip_plane = distance / magnification
    side = None if exposure.lateral else exposure.shown
    camera, center = _frame(rng, exposure.region, side, plan.pixel_mm, distance, hip_plane)
    posed = pose_skeleton(
        rng,
        skeleton,
        view=exposure.view.value,
        hip_plane_y_mm=hip_plane,
        center_mm=center,
        shown=exposure.shown,
        stir=stir,
    )
    quality = sample_bone_quality(rng)
    pixel_mm = plan.pixel_mm / magnification
    return _Person(camera, skeleton, posed, joints, quality, magnification, hip_plane, pixel_mm)


@dataclass(frozen=True, eq=False)
class _Bones:
    """Projected bones, with injuries and implants; ``whole_pelvis`` and ``whole_femurs``: before any injury."""

    pelvis: BoneLayer
    femurs: dict[Side, BoneLayer]
    spine: list[BoneLayer]
    whole_pelvis: BoneLayer
    whole_femurs: dict[Side, BoneLayer]
    implants: list[tuple[Hip, Implant]]
    injuries: dict[Side, Broken]

    @property
    def layers(self) -> list[BoneLayer]:
        return [self.pelvis, *self.femurs.values(), *self.spine]

    def fragments(self) -> list[NDArray[np.bool_]]:
        """Return the masks of loose fragments."""
        return [injury.fragments for injury in self.injuries.values() if injury.fragments.any()]


def _project_bones(rng: np.random.Generator, fate: np.random.Generator, plan: HipPlan, person: _Person) -> _Bones:
    """Project pelvis, femurs and spine; draw implants by ``rng`` and injuries by ``fate``."""
    camera, skeleton, quality = person.camera, person.skeleton, person.quality
    sockets = (np.asarray(skeleton.head_left.center), np.asarray(skeleton.head_right.center))
    structure = pelvis_structure(skeleton.pelvis.vertices, *sockets, quality)
    whole_pelvis = project_bone(camera, person.posed.pelvis, *structure, rng, quality.texture)
    whole_femurs, implants = _project_femurs(rng, plan, person)
    femurs = dict(whole_femurs)
    pelvis, injuries = _injure(fate, camera, person.posed.hips, whole_pelvis, femurs, implants, plan.injured)
    spine = _project_spine(rng, person)
    return _Bones(pelvis, femurs, spine, whole_pelvis, whole_femurs, implants, injuries)


def _project_femurs(
    rng: np.random.Generator, plan: HipPlan, person: _Person
) -> tuple[dict[Side, BoneLayer], list[tuple[Hip, Implant]]]:
    skeleton, quality = person.skeleton, person.quality
    neutral = {
        Side.LEFT: (skeleton.femur_left, skeleton.head_left),
        Side.RIGHT: (skeleton.femur_right, skeleton.head_right),
    }
    layers: dict[Side, BoneLayer] = {}
    implants: list[tuple[Hip, Implant]] = []
    for hip in person.posed.hips:
        femur, head = neutral[hip.side]
        vertices = femur.vertices.copy()
        if hip.side is Side.RIGHT:  # structure is defined on the left femur
            vertices[:, 0] = 2.0 * head.center[0] - vertices[:, 0]
        structure = femur_structure(vertices, np.asarray(head.center), quality)
        implant = _sample_implant(rng, person.camera, hip) if plan.clutter else None
        if implant is not None:
            implants.append((hip, implant))
        shown_femur = resect_head(hip.femur, hip) if implant is not None and implant.replaces_head else hip.femur
        layers[hip.side] = project_bone(person.camera, shown_femur, *structure, rng, quality.texture)
    return layers, implants


def _project_spine(rng: np.random.Generator, person: _Person) -> list[BoneLayer]:
    layers = []
    for vertebra in lumbar_spine(rng, person.skeleton):
        placed = vertebra.moved(person.posed.place(vertebra.vertices))
        count = len(placed.vertices)
        structure = (np.full(count, 0.6 * person.quality.cortex), np.full(count, 0.13 * person.quality.spongiosa))
        layers.append(project_bone(person.camera, placed, *structure, rng, person.quality.texture))
    return layers


def _project_body(rng: np.random.Generator, person: _Person, exposure: _Exposure) -> tuple[Body, Habitus]:
    """Project the soft tissue of the trunk and thighs."""
    posed = person.posed
    middle_x = 0.5 * (posed.hips[0].head_center[0] + posed.hips[1].head_center[0])
    habitus = sample_habitus(rng)
    half_width = float(0.5 * np.ptp(posed.pelvis.vertices[:, 0]))
    if exposure.lateral:
        # Seen from the side, width and depth of a person are exchanged.
        middle_x = float(posed.pelvis.vertices[:, 0].mean())
        across, habitus = habitus.half_depth_mm, replace(habitus, half_depth_mm=rng.uniform(140.0, 180.0))
        half_width = max(across - 30.0, 70.0)
    crotch_z = float(posed.hips[0].head_center[2]) - rng.uniform(55.0, 80.0)
    body = project_body(
        person.camera,
        rng,
        habitus,
        plane_y_mm=person.hip_plane_mm,
        pelvis_half_width_mm=half_width,
        crotch_z_mm=crotch_z,
        middle_x_mm=float(middle_x),
        shafts=tuple(hip.shaft for hip in posed.hips if exposure.shows(hip)),
    )
    return body, habitus


Growths = list[tuple[Hip, Growth]]


def _grow(
    rng: np.random.Generator,
    plan: HipPlan,
    exposure: _Exposure,
    person: _Person,
    bones: _Bones,
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
        visible = _on_film(camera, hip) and exposure.shows(hip)
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


def _thickness(bones: _Bones, growths: Growths, mimics: list[Mimic], body: Body) -> dict[Material, NDArray[np.float32]]:
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


def _truth(person: _Person, bones: _Bones, growths: Growths, mimics: list[Mimic], habitus: Habitus) -> dict[str, Any]:
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


@dataclass(frozen=True)
class _JointState:
    """Condition of a hip joint: sound, worn (osteoarthritis) or dysplastic, and the displacement of the head."""

    kind: str
    head_shift_mm: tuple[float, float]


def _sample_joint(rng: np.random.Generator) -> _JointState:
    """Draw a joint: one in six has lost cartilage, one in thirty is dysplastic, its head displaced outward and up."""
    chance = rng.random()
    outward, upward = rng.uniform(0.0, 1.0, 2)
    if chance < 0.17:
        return _JointState("osteoarthritis", (float(outward - 0.5), float(0.5 + 1.8 * upward)))
    if chance < 0.20:
        return _JointState("dysplasia", (float(3.0 + 8.0 * outward), float(2.0 + 8.0 * upward)))
    return _JointState("sound", (0.0, 0.0))


def _sample_implant(rng: np.random.Generator, camera: Camera, hip: Hip) -> Implant | None:
    """Draw an implant for one hip in five: most radiographs for heterotopic ossification are taken after surgery."""
    if rng.random() > 0.22:
        return None
    kind = str(rng.choice(IMPLANT_KINDS, p=[0.36, 0.12, 0.12, 0.10, 0.10, 0.06, 0.08, 0.06]))
    implant = implant_for(rng, camera, hip, kind)
    return implant if implant.mask.any() else None


def _injure(
    rng: np.random.Generator,
    camera: Camera,
    hips: tuple[Hip, Hip],
    pelvis: BoneLayer,
    femurs: dict[Side, BoneLayer],
    implants: list[tuple[Hip, Implant]],
    chance: float,
) -> tuple[BoneLayer, dict[Side, Broken]]:
    """Break bones of the hips on the image; ``femurs`` is changed in place, the pelvis is returned."""
    with_metal = {hip.side for hip, _ in implants}
    injuries: dict[Side, Broken] = {}
    for hip in hips:
        if hip.side in with_metal or not _on_film(camera, hip):
            continue
        if rng.random() < chance:
            broken = break_femur(rng, camera, hip, femurs[hip.side])
            femurs[hip.side], injuries[hip.side] = broken.layer, broken
        elif rng.random() < 0.5 * chance:
            broken = chip_pelvis(rng, camera, hip, pelvis)
            pelvis, injuries[hip.side] = broken.layer, broken
    return pelvis, injuries


def _frame(
    rng: np.random.Generator, region: Region, shown: Side | None, pixel_mm: float, distance: float, hip_plane: float
) -> tuple[Camera, tuple[float, float]]:
    """Return the camera and the position of the hips: loosely centred, as on real radiographs."""
    if region is Region.PELVIS:
        height, width = rng.uniform(330.0, 400.0), rng.uniform(400.0, 440.0)
        center = (float(rng.normal(0.0, 10.0)), float(rng.normal(-28.0, 22.0)))
    else:
        height, width = rng.uniform(270.0, 400.0), rng.uniform(200.0, 300.0)
        # One hip is centred: the joint is about 88 mm from the midline, the patient's left at larger x.
        side = {Side.LEFT: 1.0, Side.RIGHT: -1.0}.get(shown, 0.0) if shown is not None else 0.0
        center = (-side * 88.0 + float(rng.normal(0.0, 16.0)), float(rng.normal(15.0, 28.0)))
    shape = (round(height / pixel_mm), round(width / pixel_mm))
    axis = (shape[0] / 2 + rng.normal(0.0, 12.0) / pixel_mm, shape[1] / 2 + rng.normal(0.0, 12.0) / pixel_mm)
    to_axis = hip_plane / distance * pixel_mm
    center = (
        center[0] + (shape[1] / 2 - axis[1]) * to_axis,
        center[1] - (shape[0] / 2 - axis[0]) * to_axis,
    )
    return Camera(shape, pixel_mm, distance, (float(axis[0]), float(axis[1]))), center


def _on_film(camera: Camera, hip: Hip) -> bool:
    """Return True if the joint is on the image with some margin."""
    row, column = camera.project(hip.head_center[None])[0]
    room = 1.1 * hip.head_radius_mm * camera.magnification(float(hip.head_center[1])) / camera.pixel_mm
    return bool(room < row < camera.shape[0] - room and room < column < camera.shape[1] - room)


def _masks(
    person: _Person, bones: _Bones, growths: Growths, mimics: list[Mimic], body: NDArray[np.bool_]
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
