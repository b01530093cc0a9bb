"""The scope gate against films whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from ho_imaging.errors import OutOfScopeError
from ho_imaging.findings import read_anatomy
from ho_imaging.gate import check_anatomy, check_attributes
from ho_imaging.messages import load_language
from ho_imaging.regions import is_read, plan_of
from ho_imaging.vocabulary import Laterality, Region, Structure, View


def reason(prediction, threshold=0.5):
    found = check_anatomy(prediction, read_anatomy(prediction), threshold).reason
    return None if found is None else str(found)


@pytest.mark.parametrize("region", [Region.PELVIS, Region.HIP, Region.KNEE, Region.RESIDUAL_LIMB, Region.UNKNOWN])
def test_hips_legs_and_unknown_regions_pass_by_their_attributes(known, region):
    check_attributes(known.radiograph(np.zeros((99, 99)), region=region))


@pytest.mark.parametrize("region", [Region.CHEST, Region.ANKLE, Region.LOWER_LEG, Region.HAND, Region.TEETH])
def test_other_regions_are_refused_by_name_and_source(known, region):
    with pytest.raises(OutOfScopeError, match=region.value.replace("_", " ")) as refusal:
        check_attributes(known.radiograph(np.zeros((99, 99)), region=region))
    assert "test" in refusal.value.problem


SHAPE = (320, 420)


def hips(known, *centers, radius=24.0, metal=(), cover=True, pelvis=True, **options):
    """A bar of pelvis with heads of given radius (mm at 1 mm a pixel) below it, each on a shaft of femur.

    ``radius`` may be one for each head; ``metal`` are the numbers of the heads that are prostheses.
    """
    radii = np.broadcast_to(radius, len(centers))
    masks = {s: np.zeros(SHAPE, dtype=bool) for s in Structure if s is not Structure.BODY}
    masks[Structure.PELVIS][40:160, 40:380] = pelvis
    for number, (column, size) in enumerate(zip(centers, radii, strict=True)):
        head = known.disc(SHAPE, (160, column), size)
        masks[Structure.FEMORAL_HEAD] |= head
        masks[Structure.IMPLANT if number in metal else Structure.FEMUR] |= head & cover
        first = max(int(column) - 12, 0)
        masks[Structure.FEMUR][165:300, first : first + 24] = True
    return known.prediction(masks, **({"pixel_mm": 1.0} | options))


def adult(known, *, apart=175, **options):
    return hips(known, 210 - apart / 2, 210 + apart / 2, **options)


def test_an_adults_hips_are_in_scope(known):
    assert reason(adult(known)) is None
    assert reason(adult(known, region=Region.UNKNOWN, pixel_mm=None)) is None


@pytest.mark.parametrize("apart", [90, 250])
def test_joints_out_of_proportion_are_refused(known, apart):
    found = check_anatomy(prediction := adult(known, apart=apart), read_anatomy(prediction), 0.5)
    assert "proportions" in str(found.reason)
    assert "adults" in load_language("en").remedy(found.reason)


@pytest.mark.parametrize("spacing", [1.0, None])
@pytest.mark.parametrize(
    ("radii", "metal"),
    [
        ((14, 14), (0, 1)),  # heads of 28 mm on both sides: 6.3 diameters apart
        ((14, 24), (0,)),
        ((18, 23), (0,)),
        ((27, 24), (0,)),  # resurfaced
        ((28, 28), (0, 1)),  # bipolar
        ((24, 16), ()),  # fractured or worn
    ],
)
def test_prostheses_and_deformed_heads_are_an_adults(known, radii, metal, spacing):
    assert reason(adult(known, radius=radii, metal=metal, pixel_mm=spacing, region=Region.UNKNOWN)) is None


@pytest.mark.parametrize(("apart", "radius"), [(80, 6), (90, 8), (95, 9)])
def test_small_childrens_hips_are_refused(known, apart, radius):
    """Heads that have begun to turn to bone, by radius in mm, and hips 80 to 95 mm apart."""
    grown = 175 / apart  # without spacing nothing tells the scale
    prediction = adult(known, apart=175, radius=radius * grown, pixel_mm=None, region=Region.UNKNOWN)
    assert "proportions" in reason(prediction)
    assert reason(adult(known, apart=175, radius=radius * grown, pixel_mm=None)) is not None, "as a stated pelvis, too"


def test_a_head_that_the_edge_cuts_does_not_make_a_child(known):
    assert reason(hips(known, 8, 190, radius=(16, 24), pixel_mm=None)) is None
    assert "proportions" in reason(hips(known, 60, 300, radius=(16, 20), pixel_mm=None))


def test_heads_outlined_too_small_are_an_adults_where_millimetres_say_so(known):
    assert reason(adult(known, radius=16)) is None
    assert "proportions" in reason(adult(known, radius=16, pixel_mm=None))


def test_from_the_side_joints_may_lie_on_each_other(known):
    assert "proportions" in reason(adult(known, apart=60))
    assert reason(adult(known, apart=60, view=View.CROSS_TABLE_LATERAL)) is None


def limb(known, *, length=280, metal=0, **options):
    """A femur of given length in rows, its lower end of metal."""
    masks = {s: np.zeros(SHAPE, dtype=bool) for s in (Structure.FEMUR, Structure.IMPLANT)}
    masks[Structure.FEMUR][20 : 20 + length - metal, 60:100] = True
    masks[Structure.IMPLANT][20 + length - metal : 20 + length, 50:110] = True
    return known.prediction(masks, **({"pixel_mm": 1.0} | options))


LIMBS = [Region.THIGH, Region.KNEE, Region.RESIDUAL_LIMB]


@pytest.mark.parametrize("region", LIMBS)
def test_a_stated_limb_needs_a_femur_and_no_pelvis(known, region):
    assert "femur" in reason(limb(known, length=0, region=region))
    assert reason(limb(known, region=region)) is None
    assert "pelvis" in reason(limb(known, region=Region.UNKNOWN))


@pytest.mark.parametrize("region", LIMBS)
def test_no_rule_of_hips_is_asked_of_a_limb(known, region):
    """Round ends of bone, near each other, small and beside much that looks like pelvis."""
    for odd in (adult(known, apart=60, region=region), hips(known, 200, radius=9, region=region, pixel_mm=None)):
        assert reason(odd) is None
        assert reason(replace(odd, scope_probability=0.01)) is None


@pytest.mark.parametrize("region", LIMBS)
def test_a_clear_femur_outweighs_the_networks_doubt_of_a_stated_limb(known, region):
    assert reason(limb(known, region=region, scope=0.01)) is None
    assert reason(limb(known, length=120, metal=110, region=region, scope=0.01)) is None, "a prosthesis is bone"
    found = reason(limb(known, length=30, region=region, scope=0.01))
    assert f"does not look like a film of {region.replace('_', ' ')}" in found


def test_an_extremity_may_be_a_hand_so_the_networks_doubt_counts(known):
    assert reason(limb(known, region=Region.EXTREMITY)) is None
    assert "does not look like" in reason(limb(known, region=Region.EXTREMITY, scope=0.01))


def test_remedies_name_what_the_user_can_do(known):
    def remedy(prediction):
        found = check_anatomy(prediction, read_anatomy(prediction), 0.5).reason
        return "" if found is None else load_language("en").remedy(found)

    assert "--region" in remedy(limb(known, region=Region.UNKNOWN))
    assert "--region" in remedy(hips(known, 122, scope=0.1, region=Region.UNKNOWN))
    assert "region that was stated" in remedy(limb(known, length=0, region=Region.KNEE))
    assert remedy(adult(known)) == ""


def test_heads_that_are_not_bone_are_refused(known):
    assert "not bone" in reason(hips(known, 122, 298, radius=24, cover=False, pelvis=True, view=View.LATERAL))


def test_a_film_without_bones_is_refused(known):
    assert "pelvis" in reason(adult(known, pelvis=False))


def test_a_round_bone_end_below_a_shaft_is_no_hip(known):
    """An elbow or a knee: what is taken for femur lies above the head as much as below."""
    upright = hips(known, 200, radius=24, region=Region.UNKNOWN)
    assert reason(upright) is None
    above = upright.probabilities[Structure.FEMUR].copy()
    above[100:150, 160:240] = 1.0
    elbow = replace(upright, probabilities={**upright.probabilities, Structure.FEMUR: above})
    assert "no hip joint" in reason(elbow)
    floating = {**upright.probabilities, Structure.PELVIS: np.roll(upright.probabilities[Structure.PELVIS], -40, 0)}
    assert "no hip joint" in reason(replace(upright, probabilities=floating))


def test_the_networks_word_counts_where_the_model_has_a_gate(known):
    doubtful = hips(known, 200, scope=0.2, region=Region.UNKNOWN)
    assert "does not look like" in reason(doubtful)
    assert reason(doubtful, threshold=0.0) is None
    assert reason(hips(known, 200, scope=0.8, region=Region.UNKNOWN)) is None


def test_a_stated_hip_is_believed_where_its_joint_is_an_adults(known):
    assert reason(hips(known, 200, scope=0.01, region=Region.HIP)) is None
    assert "does not look like" in reason(hips(known, scope=0.01, region=Region.HIP))
    assert "does not look like" in reason(adult(known, apart=250, scope=0.01, pixel_mm=None, region=Region.PELVIS))


def test_two_hips_in_an_adults_proportions_outweigh_the_networks_word(known):
    unknown = {"region": Region.UNKNOWN, "scope": 0.0}
    assert reason(adult(known, **unknown)) is None
    assert "does not look like" in reason(adult(known, apart=250, **unknown))
    assert "does not look like" in reason(adult(known, pelvis=False, **unknown))


@pytest.mark.parametrize(
    ("radius", "metal", "child"), [(24, (), False), (18, (), False), (9, (), True), (9, (0,), False)]
)
def test_one_head_far_too_small_for_its_pelvis_is_a_childs(known, radius, metal, child):
    """340 x 120 of pelvis are 18 squares of an adult head's diameter, and 126 of one of 18 mm."""
    found = reason(hips(known, 122, radius=radius, metal=metal, pixel_mm=None))
    assert (found is not None and "too small for its pelvis" in found) == child


def test_without_a_joint_only_a_stated_hip_with_spacing_passes(known):
    assert reason(hips(known, region=Region.HIP, laterality=Laterality.LEFT)) is not None, "no femur"
    masks = {s: np.zeros(SHAPE, dtype=bool) for s in (Structure.PELVIS, Structure.FEMUR)}
    masks[Structure.PELVIS][40:120, 40:380] = masks[Structure.FEMUR][200:300, 60:100] = True
    assert reason(known.prediction(masks, pixel_mm=1.0, region=Region.HIP, laterality=Laterality.LEFT)) is None
    assert "joint" in reason(known.prediction(masks, pixel_mm=1.0, region=Region.UNKNOWN))
    assert "joint" in reason(known.prediction(masks, pixel_mm=None, region=Region.HIP))


def test_a_blank_film_is_refused(known):
    empty = {Structure.BODY: np.zeros((200, 200), dtype=bool)}
    assert "body" in reason(known.prediction(empty))


def test_every_region_is_read_or_refused_by_name(known):
    for region in Region:
        film = known.radiograph(np.zeros((99, 99)), region=region)
        if is_read(region):
            check_attributes(film)
            limits = plan_of(region).scope
            assert dict(limits.least_bone_mm2)[Structure.FEMUR] > 0.0
            assert (Structure.PELVIS in dict(limits.least_bone_mm2)) == (limits.pair is not None)
        else:
            with pytest.raises(OutOfScopeError, match=load_language("en").word(region.value)):
                check_attributes(film)
