"""A person in front of the detector, for scenes of hips: skeleton, projected bones, implants, injuries, body."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from ho_imaging.simulation.hip_plan import Exposure, HipPlan
from ho_imaging.simulation.implants import IMPLANT_KINDS, Implant, implant_for, resect_head
from ho_imaging.simulation.pose import Hip, PosedSkeleton, Stir, pose_skeleton
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.shape_model import Skeleton, lumbar_spine, sample_skeleton
from ho_imaging.vocabulary import Region, Side

__all__ = ["Bones", "Person", "on_image", "project_bones", "project_trunk", "sample_person"]


@dataclass(frozen=True, eq=False)
class Person:
    """A person in front of the detector. ``joints``: left and right. ``pixel_mm``: in the plane of the hips."""

    camera: Camera
    skeleton: Skeleton
    posed: PosedSkeleton
    joints: tuple[JointState, JointState]
    quality: BoneQuality
    magnification: float
    hip_plane_mm: float
    pixel_mm: float


def sample_person(rng: np.random.Generator, plan: HipPlan, exposure: Exposure, stir: Stir | None) -> Person:
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
    return Person(camera, skeleton, posed, joints, quality, magnification, hip_plane, pixel_mm)


@dataclass(frozen=True, eq=False)
class Bones:
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
        """All bone layers as they show: pelvis, femurs, spine."""
        return [self.pelvis, *self.femurs.values(), *self.spine]

    def fragments(self) -> list[NDArray[np.bool_]]:
        """Return the masks of loose fragments."""
        return [injury.fragments for injury in self.injuries.values() if injury.fragments.any()]


def project_bones(rng: np.random.Generator, fate: np.random.Generator, plan: HipPlan, person: Person) -> Bones:
    """Project pelvis, femurs and spine; draw implants by ``rng`` and injuries by ``fate``."""
    camera, skeleton, quality = person.camera, person.skeleton, person.quality
    sockets = (np.asarray(skeleton.head_left.center), np.asarray(skeleton.head_right.center))
    structure = pelvis_structure(skeleton.pelvis.vertices, *sockets, quality)
    whole_pelvis = project_bone(camera, person.posed.pelvis, *structure, rng, quality.texture)
    whole_femurs, implants = _project_femurs(rng, plan, person)
    femurs = dict(whole_femurs)
    pelvis, injuries = _injure(fate, camera, person.posed.hips, whole_pelvis, femurs, implants, plan.injured)
    spine = _project_spine(rng, person)
    return Bones(pelvis, femurs, spine, whole_pelvis, whole_femurs, implants, injuries)


def _project_femurs(
    rng: np.random.Generator, plan: HipPlan, person: Person
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


def _project_spine(rng: np.random.Generator, person: Person) -> list[BoneLayer]:
    layers = []
    for vertebra in lumbar_spine(rng, person.skeleton):
        placed = vertebra.moved(person.posed.place(vertebra.vertices))
        count = len(placed.vertices)
        structure = (np.full(count, 0.6 * person.quality.cortex), np.full(count, 0.13 * person.quality.spongiosa))
        layers.append(project_bone(person.camera, placed, *structure, rng, person.quality.texture))
    return layers


def project_trunk(rng: np.random.Generator, person: Person, exposure: Exposure) -> tuple[Body, Habitus]:
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


@dataclass(frozen=True)
class JointState:
    """Condition of a hip joint: sound, worn (osteoarthritis) or dysplastic, and the displacement of the head."""

    kind: str
    head_shift_mm: tuple[float, float]


def _sample_joint(rng: np.random.Generator) -> JointState:
    """Draw a joint: one in six has lost cartilage, one in thirty is dysplastic, its head displaced outward and up."""
    chance = rng.random()
    outward, upward = rng.uniform(0.0, 1.0, 2)
    if chance < 0.17:
        return JointState("osteoarthritis", (float(outward - 0.5), float(0.5 + 1.8 * upward)))
    if chance < 0.20:
        return JointState("dysplasia", (float(3.0 + 8.0 * outward), float(2.0 + 8.0 * upward)))
    return JointState("sound", (0.0, 0.0))


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
        if hip.side in with_metal or not on_image(camera, hip):
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


def on_image(camera: Camera, hip: Hip) -> bool:
    """Return True if the joint is on the image with some margin."""
    row, column = camera.project(hip.head_center[None])[0]
    room = 1.1 * hip.head_radius_mm * camera.magnification(float(hip.head_center[1])) / camera.pixel_mm
    return bool(room < row < camera.shape[0] - room and room < column < camera.shape[1] - room)
