"""Scenes keep their word: planned classes, exact gaps, masks that agree with what is projected."""

import json

import numpy as np
import pytest
from skimage import measure

from ho_imaging.simulation.growth import Nodule, measure_gap
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.simulation.ossification import Styles, grow
from ho_imaging.simulation.other_scene import OTHER_KINDS, sample_other_scene
from ho_imaging.simulation.scene import Material
from ho_imaging.simulation.solids import Volume
from ho_imaging.vocabulary import Region, Side, View

COARSE = {"pixel_mm": 1.5, "region": Region.PELVIS, "view": View.AP}


def nodule(mask, *, pelvis=False, femur=False):
    empty = Volume(np.zeros((1, 1, 1), np.float32), np.zeros(3), 1.0)
    return Nodule("spur", 1.0, empty, mask.astype(np.float32), mask, pelvis, femur)


@pytest.mark.parametrize("gap_px", [1, 4, 10, 23])
def test_the_gap_between_two_squares_is_what_lies_between_them(gap_px):
    pelvis, femur, spur = (np.zeros((120, 80), dtype=bool) for _ in range(3))
    pelvis[5:20, 10:60] = True
    femur[90:110, 10:60] = True
    spur[20 + gap_px : 90, 30:40] = True
    found = measure_gap(pelvis, femur, (nodule(spur, femur=True),), pixel_mm=0.8)
    assert found == pytest.approx(gap_px * 0.8)


def test_without_a_spur_there_is_no_gap():
    pelvis, femur, island = (np.zeros((60, 60), dtype=bool) for _ in range(3))
    pelvis[5:10], femur[50:55], island[25:30, 25:30] = True, True, True
    assert measure_gap(pelvis, femur, (nodule(island),), pixel_mm=1.0) is None


@pytest.mark.parametrize("grade", ["0", "I", "II", "III", "IV"])
def test_planned_classes_are_what_grows(grade):
    scene = sample_hip_scene(11, HipPlan(grades=(grade, "0"), clutter=False, **COARSE))
    right = next(side for side in scene.truth["sides"] if side["side"] == "right")
    nodules = [n for n in scene.truth["nodules"] if n["side"] == "right"]
    if grade == "0":
        assert right["brooker"] == "0"
        assert not nodules
        assert not scene.masks["ho"].any()
    elif right["brooker"] in {"II", "III"}:
        assert any(n["kind"] == "spur" for n in nodules)
        assert (right["gap_mm"] >= 10.0) == (right["brooker"] == "II")
    elif right["brooker"] == "IV":
        # Joined in space, or so on this film: a spur may overlap the opposing bone.
        assert right["gap_mm"] == 0.0
        assert grade != "IV" or any(n["joined_to_pelvis"] and n["joined_to_femur"] for n in nodules)
    else:
        assert all(n["kind"] == "island" for n in nodules)


def test_unseen_styles_change_ectopic_bone_and_nothing_else_of_the_anatomy():
    usual, unseen = (
        sample_hip_scene(12, HipPlan(grades=("I", "I"), clutter=False, styles=styles, **COARSE))
        for styles in (Styles.USUAL, Styles.UNSEEN)
    )
    assert unseen.masks["ho"].any()
    assert (usual.masks["ho"] != unseen.masks["ho"]).any()
    for name in ("pelvis", "femur"):
        assert (usual.masks[name] == unseen.masks[name]).all()


def test_bone_islands_lie_in_bone():
    """Beside a bone one would be ectopic bone, and the truth would be wrong."""
    seen = 0
    for seed in range(20, 32):
        scene = sample_hip_scene(seed, HipPlan(grades=("0", "0"), abundance=12.0, **COARSE))
        if "mimic_bone_island" in scene.masks:
            seen += 1
            native = scene.masks["pelvis"] | scene.masks["femur"] | scene.masks.get("other_bone", False)
            assert not (scene.masks["mimic_bone_island"] & ~native).any()
    assert seen > 3


def _outline_over_circle(styles, number):
    """Give how much longer than a circle's the outline of a ball grown in a style is."""
    path = np.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])
    volume = grow(np.random.default_rng(number), path, np.array([9.0, 9.0]), maturity=1.0, styles=styles)
    flat = (volume.fraction > 0).any(axis=2)
    return measure.perimeter(flat) / np.sqrt(4.0 * np.pi * flat.sum())


def test_unseen_styles_go_beyond_the_usual_ones():
    usual, unseen = (
        [_outline_over_circle(styles, number) for number in range(40)] for styles in (Styles.USUAL, Styles.UNSEEN)
    )
    assert min(unseen) < min(usual)
    assert np.std(unseen) > np.std(usual)


def test_a_seed_gives_the_same_scene():
    first, again = (sample_hip_scene(5, HipPlan(**COARSE)) for _ in range(2))
    for material, path in first.thickness_mm.items():
        assert np.array_equal(path, again.thickness_mm[material])
    assert json.dumps(first.truth) == json.dumps(again.truth)


@pytest.mark.parametrize("seed", range(4))
def test_masks_agree_with_what_is_projected(seed):
    scene = sample_hip_scene(seed, HipPlan(**COARSE))
    bone = scene.thickness_mm[Material.BONE]
    assert all((path >= 0).all() and path.dtype == np.float32 for path in scene.thickness_mm.values())
    assert (bone[scene.masks["ho"]] > 0.1).all()
    assert (bone[scene.masks["pelvis"]] > 0).all()
    assert (scene.masks["ho"] & ~scene.masks["body"]).sum() <= 0.03 * max(scene.masks["ho"].sum(), 1)
    for side in scene.truth["sides"]:
        row, column = side["head_center_rc"]
        assert scene.masks[f"femoral_head_{side['side']}"][round(row), round(column)]


def test_one_hip_is_centred_on_its_side():
    scene = sample_hip_scene(2, HipPlan(region=Region.HIP, side=Side.LEFT, view=View.AP, pixel_mm=1.5))
    assert scene.laterality == "left"
    assert {side["side"] for side in scene.truth["sides"]} == {"left"}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_films_show_no_hip_and_finite_paths(kind):
    scene = sample_other_scene(1, pixel_mm=2.0, kind=kind)
    assert not any(scene.masks[name].any() for name in ("ho", "pelvis", "femur", "femoral_head"))
    for path in scene.thickness_mm.values():
        assert np.isfinite(path).all()
        assert path.min() >= 0


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_a_lateral_shows_one_hip_from_the_side(side):
    plan = HipPlan(view=View.CROSS_TABLE_LATERAL, side=side, pixel_mm=1.5, grades=("I", "I"), clutter=False)
    scene = sample_hip_scene(3, plan)
    assert (scene.region, scene.laterality) == ("hip", side)
    assert [entry["side"] for entry in scene.truth["sides"]] == [side]
    rows, columns = scene.masks["ho"].shape
    row, column = scene.truth["sides"][0]["head_center_rc"]
    assert abs(row - rows / 2) < rows / 4
    assert abs(column - columns / 2) < columns / 4
    # From the side the pelvis is much narrower than its 25 cm from the front.
    width_mm = np.ptp(np.flatnonzero(scene.masks["pelvis"].any(axis=0))) * 1.5 / scene.magnification
    assert width_mm < 230
