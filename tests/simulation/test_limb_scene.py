"""Films of thigh, knee and residual limb: masks that agree with what is projected, views that differ."""

import json

import numpy as np
import pytest

from ho_imaging.simulation.limb_scene import LIMB_REGIONS, LimbPlan, sample_limb_scene
from ho_imaging.simulation.scene import Material
from ho_imaging.vocabulary import Region, Side, View

COARSE = {"pixel_mm": 1.5}


@pytest.mark.parametrize("region", LIMB_REGIONS)
@pytest.mark.parametrize("view", [View.AP, View.LATERAL])
@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_masks_agree_with_what_is_projected(region, view, side):
    scene = sample_limb_scene(7, LimbPlan(region=region, view=view, side=side, **COARSE))
    assert (scene.region, scene.view, scene.laterality) == (region, view, side)
    bone = scene.thickness_mm[Material.BONE]
    assert all((path >= 0).all() and path.dtype == np.float32 for path in scene.thickness_mm.values())
    assert scene.masks["femur"].mean() > 0.02
    assert (bone[scene.masks["femur"]] > 0).all()
    assert (bone[scene.masks["ho"]] > 0.39).all()
    assert (scene.masks["ho"] & ~scene.masks["body"]).sum() <= 0.03 * max(scene.masks["ho"].sum(), 1)
    assert not scene.masks["pelvis"].any()


def test_after_an_amputation_there_is_no_lower_leg_and_skin_covers_the_end_of_the_bone():
    ends = []
    for seed in range(6):
        plan = LimbPlan(region=Region.RESIDUAL_LIMB, view=View.AP, clutter=False, **COARSE)
        stump = sample_limb_scene(seed, plan)
        assert not stump.masks["other_bone"].any()
        last_bone = np.flatnonzero(stump.masks["femur"].any(axis=1)).max()
        last_skin = np.flatnonzero(stump.masks["body"].any(axis=1)).max()
        assert last_bone < last_skin
        ends.append(last_skin < stump.masks["body"].shape[0] - 1)
    assert sum(ends) >= 4
    knee = sample_limb_scene(3, LimbPlan(region=Region.KNEE, view=View.AP, clutter=False, **COARSE))
    assert knee.masks["other_bone"].any()


def test_a_seed_gives_the_same_scene():
    first, again = (sample_limb_scene(5, LimbPlan(**COARSE)) for _ in range(2))
    for material, path in first.thickness_mm.items():
        assert np.array_equal(path, again.thickness_mm[material])
    assert json.dumps(first.truth) == json.dumps(again.truth)
