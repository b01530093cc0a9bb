"""Fractures move bone and lose none; scenes without them stay what they were."""

import numpy as np
import pytest

from ho_imaging.simulation.bones import BoneLayer
from ho_imaging.simulation.fractures import FEMUR_KINDS, break_femur, chip_pelvis
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.pose import Hip
from ho_imaging.simulation.projection import Camera
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.shape_model import Mesh
from ho_imaging.vocabulary import Region, Side, View

COARSE = {"pixel_mm": 1.5, "region": Region.PELVIS, "view": View.AP}
DEPTH = 1000.0


@pytest.fixture
def camera():
    return Camera((240, 200), 1.0, DEPTH, (120.0, 100.0))


@pytest.fixture
def hip():
    """A joint whose landmarks lie in the plane of the detector, where a millimetre is a pixel."""

    def at(x, z):
        return np.array([x, DEPTH, z])

    mesh = Mesh(np.zeros((3, 3)), np.zeros((1, 3), dtype=np.int64))
    femur = {"greater_trochanter_tip": at(35, -10), "greater_trochanter_lateral": at(45, -25)}
    femur |= {"lesser_trochanter": at(10, -50)}
    pelvis = {
        "acetabular_rim": at(20, 20),
        "ischial_tuberosity": at(-25, -40),
        "anterior_inferior_spine": at(20, 35),
        "anterior_superior_spine": at(40, 70),
        "iliac_wing": at(20, 90),
    }
    shaft = (at(25, -60), at(25, -115))
    return Hip(Side.LEFT, 1.0, mesh, at(0, 0), 24.0, femur, pelvis, shaft, None, None)


def slab(rows, columns, thickness_mm=10.0):
    mask = np.zeros((240, 200), dtype=bool)
    mask[rows, columns] = True
    occupied = np.where(mask, np.float32(thickness_mm), np.float32(0.0))
    return BoneLayer(0.4 * occupied, occupied, mask)


@pytest.mark.parametrize("kind", FEMUR_KINDS)
def test_a_broken_femur_is_as_much_bone_as_before_unless_it_leaves_the_film(camera, hip, kind):
    whole = slab(slice(100, 220), slice(95, 155))
    broken = break_femur(np.random.default_rng(3), camera, hip, whole, kind)
    assert broken.kind == kind
    before, after = float(whole.mineral_mm.sum()), float(broken.layer.mineral_mm.sum())
    # Splinters may leave half of themselves behind; a little is lost between pixels when a part is turned.
    assert 0.9 * before < after < 1.12 * before
    assert not np.array_equal(broken.layer.mask, whole.mask)
    assert (broken.layer.occupied_mm >= broken.layer.mineral_mm - 1e-4).all()


def test_fragments_lie_on_the_bone_they_came_from_or_beside_it(camera, hip):
    found = 0
    for seed in range(12):
        broken = break_femur(np.random.default_rng(seed), camera, hip, slab(slice(100, 220), slice(95, 155)))
        assert not (broken.fragments & ~broken.layer.mask).any()
        found += int(broken.fragments.any())
    assert found >= 6


def test_chips_of_the_pelvis_come_from_the_pelvis_and_stay_near(camera, hip):
    pelvis = slab(slice(20, 100), slice(60, 160))
    broken = chip_pelvis(np.random.default_rng(1), camera, hip, pelvis)
    assert broken.fragments.any()
    rows, columns = np.nonzero(broken.fragments)
    assert rows.min() > 5
    assert rows.max() < 130
    assert columns.min() > 40
    assert columns.max() < 180


def test_injuries_change_bone_and_nothing_that_grew():
    healthy = sample_hip_scene(11, HipPlan(clutter=False, grades=("0", "0"), **COARSE))
    injured = sample_hip_scene(11, HipPlan(clutter=False, grades=("0", "0"), injured=1.0, **COARSE))
    assert len(injured.truth["fractures"]) == 2
    assert not np.array_equal(healthy.masks["femur"], injured.masks["femur"])
    np.testing.assert_array_equal(healthy.masks["body"], injured.masks["body"])
    np.testing.assert_array_equal(healthy.thickness_mm[Material.FAT].shape, injured.thickness_mm[Material.FAT].shape)
    assert not injured.masks["ho"].any()


def test_a_broken_hip_grows_no_ectopic_bone():
    scene = sample_hip_scene(5, HipPlan(clutter=False, grades=("IV", "IV"), injured=1.0, **COARSE))
    assert scene.truth["fractures"]
    assert not scene.masks["ho"].any()


def test_without_injuries_and_wear_a_scene_says_that_there_are_none():
    scene = sample_hip_scene(11, HipPlan(**COARSE))
    assert scene.truth["fractures"] == []
    assert "mimic_fracture_fragment" not in scene.masks


def test_worn_hips_have_longer_outgrowths():
    usual = sample_hip_scene(21, HipPlan(grades=("0", "0"), **COARSE))
    worn = sample_hip_scene(21, HipPlan(grades=("0", "0"), worn=1.0, **COARSE))

    def area(scene):
        grown = [mask for name, mask in scene.masks.items() if name in {"mimic_osteophyte", "mimic_enthesophyte"}]
        return sum(int(mask.sum()) for mask in grown)

    assert area(worn) > area(usual)
