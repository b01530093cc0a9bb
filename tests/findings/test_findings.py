"""Measures against shapes whose size is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.draw import polygon
from skimage.measure import find_contours

from ho_imaging.findings import find_nodules, highest_probabilities, read_anatomy
from ho_imaging.findings.boxes import bounds
from ho_imaging.findings.nodules import GROW_SHARE, SMALLEST_NODULE_MM2, _distance
from ho_imaging.findings.outline import enclosed_area, enclosed_areas, extent, filled, outlines
from ho_imaging.network.calibration import Calibration
from ho_imaging.vocabulary import Laterality, Side, SpacingBasis, Structure, View


def nodules(prediction):
    return find_nodules(prediction, read_anatomy(prediction))


def soft_ellipse(shape, center, axes, angle):
    """Probability that crosses one half exactly on the ellipse, with a slope of a few pixels."""
    rows, columns = np.indices(shape)
    r, c = rows - center[0], columns - center[1]
    u, v = r * np.cos(angle) + c * np.sin(angle), -r * np.sin(angle) + c * np.cos(angle)
    level = np.hypot(u / axes[0], v / axes[1])
    return 1.0 / (1.0 + np.exp(np.clip((level - 1.0) * min(axes), -50, 50)))


@given(
    a=st.floats(8, 30), ratio=st.floats(0.4, 1.0), angle=st.floats(0, np.pi), r=st.floats(45, 75), c=st.floats(45, 75)
)
@settings(max_examples=25, deadline=None)
def test_an_ellipse_has_its_area_and_axes(a, ratio, angle, r, c):
    contours = outlines(soft_ellipse((120, 120), (r, c), (a, a * ratio), angle).astype(np.float32), 0.5)
    size = extent(contours[0])
    assert enclosed_area(contours) == pytest.approx(np.pi * a * a * ratio, rel=0.02)
    assert size.long_axis == pytest.approx(2 * a, rel=0.02)
    assert size.short_axis == pytest.approx(2 * a * ratio, rel=0.03)


def test_a_hole_is_taken_off():
    ring = soft_ellipse((100, 100), (50, 50), (30, 30), 0) - soft_ellipse((100, 100), (50, 50), (12, 12), 0)
    assert enclosed_area(outlines(ring.astype(np.float32), 0.5)) == pytest.approx(np.pi * (30**2 - 12**2), rel=0.02)


def test_a_nodule_at_the_border_is_closed():
    map_ = np.zeros((40, 40), np.float32)
    map_[:10, 5:20] = 1.0
    contours = outlines(map_, 0.5)
    assert len(contours) == 1
    assert enclosed_area(contours) == pytest.approx(150, rel=0.05)


@given(seed=st.integers(0, 10_000), smooth=st.sampled_from([0.4, 1.0, 2.0]), level=st.floats(0.25, 0.8))
@settings(max_examples=25, deadline=None)
def test_areas_of_all_parts_at_once_are_those_of_their_drawn_outlines(seed, smooth, level):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((30, 40)), smooth)
    map_ = ((noise - noise.min()) / np.ptp(noise)).astype(np.float32)
    labels, count = ndimage.label(map_ >= level, structure=np.ones((3, 3)))
    areas = enclosed_areas(map_, labels, count + 1, level)
    assert areas[0] == 0.0
    for part in range(1, count + 1):
        alone = np.where((labels == part) | (map_ < level), map_, np.float32(0.0))
        assert areas[part] == pytest.approx(enclosed_area(outlines(alone, level)), abs=1e-6)


@pytest.mark.parametrize("where", [(100, 130), (180, 200), (395, 290), (2, 2)])
@pytest.mark.parametrize("nodule", [(90, 120), (20, 250), (399, 299), (3, 2)])
def test_the_distance_of_a_nodule_is_that_of_its_nearest_cell_anywhere_on_the_film(where, nodule):
    mask, bone = (np.zeros((400, 300), dtype=bool) for _ in range(2))
    rows, columns = np.indices(mask.shape)
    for place, center, radius in ((mask, nodule, 9), (bone, where, 6)):
        place[np.hypot(rows - center[0], columns - center[1]) <= radius] = True
    bone[0, 299] = True  # one far away must not be taken for the nearest
    expected = ndimage.distance_transform_edt(~bone)[mask].min()
    assert _distance(mask, bounds(mask), bone) == pytest.approx(expected, abs=1e-4)


def test_the_highest_threshold_is_the_one_at_which_outlines_become_too_small(known):
    """A cone of known slope: its outline at 60 % of a threshold encloses a disc of known area."""
    rows, columns = np.indices((120, 120))
    cone = np.clip(0.9 - np.hypot(rows - 60, columns - 40) / 40.0, 0.0, 1.0)
    specks = np.zeros((120, 120))
    specks[10:110:4, 70:118:4] = 0.95
    prediction = known.prediction({Structure.HO: np.maximum(cone, specks)}, pixel_mm=0.2)
    smallest_px = np.sqrt(SMALLEST_NODULE_MM2 / 0.2**2 / np.pi)
    threshold = (0.9 - smallest_px / 40.0) / GROW_SHARE
    found = max(highest_probabilities(prediction, read_anatomy(prediction)).values())
    assert found == pytest.approx(min(threshold, 0.9), abs=0.01)


@pytest.mark.parametrize("seed", range(12))
def test_outlines_are_those_of_scikit_image(seed):
    rng = np.random.default_rng(seed)
    map_ = rng.random(tuple(rng.integers(1, 50, 2))).astype(np.float32)
    if seed % 3:  # without it, every second square has two corners across from each other above the level
        map_ = ndimage.gaussian_filter(map_, seed % 3)
    level = float(np.quantile(map_, 0.6))

    def from_their_first_point(contours):
        turned = [np.roll(ring, -np.lexsort(ring.T[::-1])[0], axis=0) for ring in (c[:-1] for c in contours)]
        return sorted(turned, key=lambda ring: (len(ring), ring.tolist()))

    found = outlines(map_, level)
    expected = [ring - 1.0 for ring in find_contours(np.pad(map_.astype(np.float64), 1), level) if len(ring) >= 4]
    assert all(np.array_equal(ring[0], ring[-1]) for ring in found)
    assert [len(ring) for ring in found] == sorted((len(ring) for ring in expected), reverse=True)
    for ring, other in zip(from_their_first_point(found), from_their_first_point(expected), strict=True):
        np.testing.assert_allclose(ring, other, atol=1e-12)
    filling = np.zeros(map_.shape, dtype=bool)
    for ring in expected:
        filling[polygon(ring[:, 0], ring[:, 1], map_.shape)] ^= True
    np.testing.assert_array_equal(filled(found, map_.shape), filling)


@pytest.mark.parametrize("seed", range(20))
def test_a_convex_outline_holds_the_centres_inside_and_on_its_line(seed):
    rng = np.random.default_rng(seed)
    points = rng.integers(-4, 24, (8, 2)) / (1 + seed % 2)  # whole numbers, and halves of them
    ring = points[ConvexHull(points).vertices]
    expected = np.zeros((16, 18), dtype=bool)
    expected[polygon(ring[:, 0], ring[:, 1], expected.shape)] = True
    np.testing.assert_array_equal(filled([ring], expected.shape), expected)
    hole = filled([ring, ring.mean(axis=0) + 0.4 * (ring - ring.mean(axis=0))], expected.shape)
    assert not (hole & ~expected).any()
    assert hole.sum() < expected.sum()


@pytest.mark.parametrize(("scale", "pixel_mm"), [((1.0, 1.0), 0.5), ((3.0, 3.0), 0.6), ((2.0, 4.0), 0.6)])
def test_measures_in_mm_do_not_depend_on_the_source_grid(known, scale, pixel_mm):
    ho = soft_ellipse((160, 160), (80, 70), (30, 12), 0.6)
    found = nodules(known.prediction({Structure.HO: ho}, scale=scale, pixel_mm=pixel_mm))
    assert len(found) == 1
    nodule = found[0]
    assert nodule.long_axis_mm == pytest.approx(60 * pixel_mm, rel=0.02)
    assert nodule.short_axis_mm == pytest.approx(24 * pixel_mm, rel=0.03)
    assert nodule.area_mm2 == pytest.approx(np.pi * 30 * 12 * pixel_mm**2, rel=0.02)
    assert nodule.area_px == pytest.approx(nodule.area_mm2 / pixel_mm**2 * scale[0] * scale[1], rel=1e-6)
    centre = (80 * scale[0] + 0.5 * scale[0] - 0.5, 70 * scale[1] + 0.5 * scale[1] - 0.5)
    assert nodule.centroid_px == pytest.approx(centre, abs=0.3 * max(scale))
    ends = np.array(nodule.long_axis_ends_px) * (pixel_mm / scale[0], pixel_mm / scale[1])
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(nodule.long_axis_mm, rel=1e-6)


def test_without_spacing_there_are_pixels_and_no_millimetres(known):
    found = nodules(known.prediction({Structure.HO: known.disc((120, 120), (60, 60), 15)}, pixel_mm=None))
    assert found[0].area_px == pytest.approx(np.pi * 15.3**2, rel=0.05)
    assert found[0].area_mm2 is found[0].long_axis_mm is found[0].distance_to_bone_mm is None


def test_femoral_heads_give_millimetres_where_the_file_gives_none(known):
    shape = (400, 400)
    heads = known.disc(shape, (200, 110), 60) | known.disc(shape, (200, 290), 60)
    anatomy = read_anatomy(known.prediction({Structure.FEMORAL_HEAD: heads}, pixel_mm=None))
    assert anatomy.scale.basis is SpacingBasis.ANATOMICAL
    assert anatomy.scale.measured_mm == pytest.approx(48.0 / 120.0, rel=0.02)
    assert [joint.radius_mm for joint in anatomy.joints] == pytest.approx([24.0, 24.0], rel=0.02)


def test_nodules_need_a_seed_above_the_threshold_and_some_size(known):
    ho = np.zeros((100, 100), np.float32)
    ho[10:20, 10:20] = 0.45  # grows, but has no seed
    ho[50:70, 50:70] = 0.9
    ho[90:92, 90:92] = 0.9  # 1 mm2
    found = nodules(known.prediction({Structure.HO: ho}))
    assert [f.id for f in found] == ["F1"]
    assert found[0].centroid_px == pytest.approx((59.5, 59.5))
    assert found[0].confidence == pytest.approx(0.9, abs=1e-6)


def test_confidence_is_what_the_model_says_of_a_candidate_with_that_peak(known):
    ho = np.zeros((100, 100), np.float32)
    ho[50:70, 50:70] = 0.9
    prediction = replace(known.prediction({Structure.HO: ho}), finding_confidence=Calibration(temperature=2, bias=-1))
    assert nodules(prediction)[0].confidence == pytest.approx(1 / (1 + np.exp(1 - np.log(9) / 2)), abs=1e-6)


def test_sides_follow_the_film(known):
    shape = (200, 300)
    ho = known.disc(shape, (100, 40), 10) | known.disc(shape, (100, 260), 10)
    for view, sides in ((View.AP, {40: Side.RIGHT, 260: Side.LEFT}), (View.PA, {40: Side.LEFT, 260: Side.RIGHT})):
        found = nodules(known.prediction({Structure.HO: ho}, view=view))
        assert {round(f.centroid_px[1]): f.side for f in found} == sides
    one_sided = nodules(known.prediction({Structure.HO: ho}, laterality=Laterality.LEFT))
    assert {f.side for f in one_sided} == {Side.LEFT}
    lateral = nodules(known.prediction({Structure.HO: ho}, view=View.LATERAL))
    assert {f.side for f in lateral} == {Side.UNKNOWN}


def test_distances_and_joints_of_a_nodule(hips):
    (nodule,) = nodules(hips((slice(120, 130), slice(20, 40))))
    assert nodule.side is Side.RIGHT
    assert nodule.nearest_bone is Structure.PELVIS
    assert nodule.distance_to_bone_mm == pytest.approx(20.0, abs=1e-6)
    assert nodule.joined_to == ()
    # Nearest cell (129, 39) to the head's centre (140, 80).
    assert nodule.distance_to_joint_mm == pytest.approx(np.hypot(11, 41), abs=1.0)
    assert nodule.distance_to_joint_radii == pytest.approx(np.hypot(11, 41) / 24, abs=0.05)
    assert nodule.periarticular is True


def test_joined_touching_and_superimposed(hips):
    touching = nodules(hips((slice(100, 120), slice(30, 40))))
    assert touching[0].joined_to == (Structure.PELVIS,)
    inside = nodules(hips((slice(50, 70), slice(40, 60))))
    assert inside[0].joined_to == ()
    assert inside[0].distance_to_bone_mm == 0.0
    apart = nodules(hips((slice(104, 120), slice(30, 40))))
    assert apart[0].joined_to == ()


def test_density_is_relative_to_the_femurs_cortex(known):
    shape = (200, 200)
    femur = np.zeros(shape, dtype=bool)
    femur[:, 140:170] = True
    ho = known.disc(shape, (100, 60), 15)
    pixels = np.full(shape, 0.3)
    pixels[femur], pixels[ho] = 0.7, 0.5
    found = nodules(known.prediction({Structure.HO: ho, Structure.FEMUR: femur}, pixels=pixels))
    assert found[0].density_ratio == pytest.approx(0.5, abs=0.03)
    assert nodules(known.prediction({Structure.HO: ho}, pixels=pixels))[0].density_ratio is None


def test_a_nodule_at_the_joint_is_not_joined_to_the_head_alone(known):
    """Head and socket overlap on any film: touching both there is no bridge."""
    shape = (300, 300)
    head = known.disc(shape, (150, 150), 30)
    pelvis = np.zeros(shape, dtype=bool)
    pelvis[60:150, 60:175] = True
    femur = head.copy()
    femur[190:290, 150:180] = True
    beside = known.disc(shape, (140, 183), 9)
    masks = {Structure.PELVIS: pelvis, Structure.FEMUR: femur, Structure.FEMORAL_HEAD: head, Structure.HO: beside}
    (nodule,) = nodules(known.prediction(masks, laterality=Laterality.LEFT))
    assert nodule.joined_to == (Structure.PELVIS,)
    over_both = known.disc(shape, (140, 160), 8)
    (nodule,) = nodules(known.prediction({**masks, Structure.HO: over_both}, laterality=Laterality.LEFT))
    assert nodule.joined_to == ()


def test_a_nodule_is_not_measured_to_the_other_sides_joint(known):
    shape = (300, 420)
    masks = {
        Structure.FEMORAL_HEAD: known.disc(shape, (150, 320), 24),
        Structure.HO: known.disc(shape, (150, 90), 9),
    }
    (nodule,) = nodules(known.prediction(masks, pixel_mm=1.0))
    assert nodule.side is Side.RIGHT
    assert nodule.distance_to_joint_mm is None
    assert nodule.periarticular is None


@pytest.mark.parametrize("own", [None, 0.5])
@pytest.mark.parametrize("seed", range(6))
def test_the_highest_probability_is_the_highest_threshold_that_outlines(known, seed, own):
    """Whatever the map: above it nothing is found on that side, at it and below something is."""
    rng = np.random.default_rng(seed)
    probability = np.zeros((80, 120), np.float32)
    for _ in range(6):
        row, column, radius = rng.integers(8, 72), rng.integers(8, 112), rng.uniform(0.5, 6.0)
        blob = known.disc(probability.shape, (row, column), radius) * rng.uniform(0.05, 0.99)
        probability = np.maximum(probability, ndimage.gaussian_filter(blob.astype(np.float32), 0.6))
    prediction = replace(known.prediction({Structure.HO: probability}, pixel_mm=1.0), outline_threshold=own)
    anatomy = read_anatomy(prediction)
    highest = highest_probabilities(prediction, anatomy)
    assert set(highest) == {anatomy.sides.first, anatomy.sides.second}
    top = max(highest.values())

    def found(threshold):
        thresholds = {**prediction.thresholds, Structure.HO: threshold}
        return find_nodules(replace(prediction, thresholds=thresholds), anatomy)

    for threshold in np.linspace(0.02, 0.98, 33):
        assert bool(found(threshold)) == (threshold <= top), threshold
    assert found(top - 1e-3)
    assert not found(top + 1e-3)


def test_a_raised_threshold_leaves_outlines_as_they_were(known):
    """A site's threshold decides what is reported; where the outline lies stays the model's."""
    peak = ndimage.gaussian_filter(known.disc((60, 60), (30, 30), 10).astype(np.float32), 4.0)
    prediction = known.prediction({Structure.HO: peak / peak.max() * 0.95}, pixel_mm=1.0)
    anatomy = read_anatomy(prediction)

    def area(threshold, own):
        thresholds = {**prediction.thresholds, Structure.HO: threshold}
        (finding,) = find_nodules(replace(prediction, thresholds=thresholds, outline_threshold=own), anatomy)
        return finding.area_mm2

    assert area(0.9, 0.5) == area(0.5, 0.5) > area(0.9, None)
    assert area(0.3, 0.5) == area(0.3, None) > area(0.5, 0.5)
