"""The scope gate against films whose answer is known."""

import numpy as np
import pytest

from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings import read_anatomy
from ho_imaging.scope import check_anatomy, check_attributes
from ho_imaging.vocabulary import Laterality, Region, Structure, View


def reason(prediction, threshold=0.5):
    return check_anatomy(prediction, read_anatomy(prediction), threshold).reason


@pytest.mark.parametrize("region", [Region.PELVIS, Region.HIP, Region.KNEE, Region.RESIDUAL_LIMB, Region.UNKNOWN])
def test_hips_legs_and_unknown_regions_pass_by_their_attributes(known, region):
    check_attributes(known.radiograph(np.zeros((99, 99)), region=region))


@pytest.mark.parametrize("region", [Region.CHEST, Region.ANKLE, Region.LOWER_LEG, Region.HAND, Region.TEETH])
def test_other_regions_are_refused_by_name_and_source(known, region):
    with pytest.raises(OutOfScopeError, match=region.value.replace("_", " ")) as refusal:
        check_attributes(known.radiograph(np.zeros((99, 99)), region=region))
    assert "test" in refusal.value.problem


SHAPE = (320, 420)


def bones_of_an_adult():
    masks = {s: np.zeros(SHAPE, dtype=bool) for s in (Structure.PELVIS, Structure.FEMUR)}
    masks[Structure.PELVIS][40:120, 40:380] = True
    masks[Structure.FEMUR][200:300, 60:100] = True
    return masks


def adult(known, *, apart, radius=24, cover=True, bones=True, **options):
    masks = bones_of_an_adult() if bones else {s: np.zeros(SHAPE, dtype=bool) for s in bones_of_an_adult()}
    heads = known.disc(SHAPE, (160, 210 - apart / 2), radius) | known.disc(SHAPE, (160, 210 + apart / 2), radius)
    if cover:
        masks[Structure.FEMUR] |= heads
    return known.prediction({**masks, Structure.FEMORAL_HEAD: heads}, **({"pixel_mm": 1.0} | options))


def test_an_adults_hips_are_in_scope(known):
    assert reason(adult(known, apart=175)) is None


@pytest.mark.parametrize("apart", [90, 250])
def test_joints_out_of_proportion_are_refused(known, apart):
    assert "proportions" in reason(adult(known, apart=apart))


def test_heads_outlined_too_small_are_an_adults_where_millimetres_say_so(known):
    assert reason(adult(known, apart=175, radius=18)) is None
    assert "proportions" in reason(adult(known, apart=175, radius=18, pixel_mm=0.79))  # 138 mm: a child's
    assert "proportions" in reason(adult(known, apart=175, radius=18, pixel_mm=None))


def test_from_the_side_joints_may_lie_on_each_other(known):
    assert "proportions" in reason(adult(known, apart=60))
    assert reason(adult(known, apart=60, view=View.CROSS_TABLE_LATERAL)) is None


def test_a_stated_thigh_needs_a_femur_and_no_pelvis(known):
    masks = {Structure.FEMUR: np.zeros((320, 420), dtype=bool)}
    assert "femur" in reason(known.prediction(masks, pixel_mm=1.0, region=Region.THIGH))
    masks[Structure.FEMUR][20:300, 60:100] = True
    assert reason(known.prediction(masks, pixel_mm=1.0, region=Region.THIGH)) is None
    assert reason(known.prediction(masks, pixel_mm=1.0, region=Region.RESIDUAL_LIMB)) is None
    assert "pelvis" in reason(known.prediction(masks, pixel_mm=1.0, region=Region.UNKNOWN))


def test_heads_that_are_not_bone_are_refused(known):
    assert "not bone" in reason(adult(known, apart=175, cover=False))


def test_a_film_without_bones_is_refused(known):
    assert "pelvis" in reason(adult(known, apart=175, bones=False))


def one_hip(known, **options):
    shape = (320, 260)
    head = known.disc(shape, (160, 150), 24)
    masks = {Structure.FEMORAL_HEAD: head, Structure.FEMUR: head.copy(), Structure.PELVIS: np.zeros(shape, dtype=bool)}
    masks[Structure.PELVIS][40:120, 40:220] = True
    masks[Structure.FEMUR][200:300, 60:160] = True
    return known.prediction(masks, pixel_mm=1.0, **options)


def test_the_networks_word_counts_where_the_model_has_a_gate(known):
    doubtful = one_hip(known, scope=0.2)
    assert "does not look like" in reason(doubtful)
    assert reason(doubtful, threshold=0.0) is None
    assert reason(one_hip(known, scope=0.8)) is None


def test_two_hips_in_an_adults_proportions_outweigh_the_networks_word(known):
    assert reason(adult(known, apart=175, scope=0.0)) is None
    assert "does not look like" in reason(adult(known, apart=250, scope=0.0))
    assert "does not look like" in reason(adult(known, apart=175, scope=0.0, cover=False))
    assert "does not look like" in reason(adult(known, apart=175, scope=0.0, bones=False))


@pytest.mark.parametrize(("radius", "child"), [(24, False), (18, False), (9, True)])
def test_one_head_far_too_small_for_its_pelvis_is_a_childs(known, radius, child):
    """340 x 80 of pelvis are 12 squares of an adult head's diameter, and 84 of one of 18 mm."""
    head = known.disc(SHAPE, (160, 122), radius)
    masks = bones_of_an_adult()
    masks[Structure.FEMUR] |= head
    found = reason(known.prediction({**masks, Structure.FEMORAL_HEAD: head}, pixel_mm=None))
    assert (found is not None and "too small for its pelvis" in found) == child


def test_without_a_joint_only_a_stated_hip_with_spacing_passes(known):
    bones = bones_of_an_adult()
    assert reason(known.prediction(bones, pixel_mm=1.0, region=Region.HIP, laterality=Laterality.LEFT)) is None
    assert "joint" in reason(known.prediction(bones, pixel_mm=1.0, region=Region.UNKNOWN))
    assert "joint" in reason(known.prediction(bones, pixel_mm=None, region=Region.HIP))


def test_a_blank_film_is_refused(known):
    empty = {Structure.BODY: np.zeros((200, 200), dtype=bool)}
    assert "body" in reason(known.prediction(empty))
