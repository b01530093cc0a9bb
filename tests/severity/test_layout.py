"""Measures of a layout against those of whole shapes."""

import numpy as np
import pytest
import shapely

from ho_imaging.severity.layout import _area_over_bone, _between, _Bone


def blob(rng, center, radius):
    """A ragged shape, as outlines of maps are."""
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, 60))
    reach = radius * rng.uniform(0.7, 1.3, 60)
    return shapely.Polygon(np.stack([center[0] + reach * np.cos(angles), center[1] + reach * np.sin(angles)], axis=1))


@pytest.mark.parametrize("seed", range(8))
def test_distances_and_areas_are_those_of_the_whole_shapes(seed):
    rng = np.random.default_rng(seed)
    hole = blob(rng, (50.0, 50.0), 8.0)
    first = shapely.union_all([blob(rng, (50.0, 50.0), 25.0).difference(hole), blob(rng, (140.0, 60.0), 15.0)])
    second = blob(rng, (80.0, 60.0), 22.0)
    shapes = np.array(
        [blob(rng, rng.uniform(0.0, 160.0, 2), rng.uniform(1.0, 12.0)) for _ in range(9)]
        + [shapely.Point(50.0, 50.0).buffer(1.0), shapely.Polygon()],  # within the hole, and none at all
        dtype=object,
    )
    for bone in (first, second):
        expected = shapely.distance(shapes, bone)
        np.testing.assert_allclose(_Bone(bone).distances(shapes)[:-1], expected[:-1], atol=1e-12)
        assert np.isinf(_Bone(bone).distances(shapes)[-1])
    over = shapely.area(shapely.intersection(shapes, shapely.union(first, second)))
    np.testing.assert_allclose(_area_over_bone(shapes, [first, second]), over, atol=1e-9)
    whole = shapely.distance(shapes[:, None], shapes[None, :])
    np.testing.assert_allclose(_between(shapes), np.where(np.isnan(whole), np.inf, whole), atol=1e-12)


def test_a_bone_that_is_not_there_is_infinitely_far_away():
    assert np.isinf(_Bone(shapely.Polygon()).distances(np.array([shapely.box(0, 0, 1, 1)], dtype=object))).all()


def test_a_bone_that_ends_in_a_line_is_as_far_away_as_the_line():
    line = shapely.LineString([(20.0, 0.0), (20.0, 5.0)])
    bone = shapely.GeometryCollection([shapely.box(40.0, 0.0, 50.0, 5.0), line])
    assert _Bone(bone).distances(np.array([shapely.box(0.0, 0.0, 10.0, 5.0)], dtype=object)) == pytest.approx([10.0])
