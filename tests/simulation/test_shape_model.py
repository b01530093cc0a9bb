"""Sampled skeletons are people: sizes of adults, joints that fit, two sides."""

import numpy as np
import pytest

from ho_imaging.simulation.shape_model import fit_sphere, sample_skeleton


def test_sphere_fit_recovers_a_sphere():
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(200, 3))
    points = np.array([1.0, -2.0, 30.0]) + 24.0 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    sphere = fit_sphere(points)
    assert sphere.center == pytest.approx((1.0, -2.0, 30.0), abs=1e-9)
    assert sphere.radius_mm == pytest.approx(24.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_sampled_skeleton_has_adult_sizes_and_fitting_joints(seed):
    skeleton = sample_skeleton(np.random.default_rng(seed))
    assert 36.0 < 2 * skeleton.head_left.radius_mm < 60.0
    apart = np.linalg.norm(np.subtract(skeleton.head_left.center, skeleton.head_right.center))
    assert 125.0 < apart < 225.0
    for femur, head in ((skeleton.femur_left, skeleton.head_left), (skeleton.femur_right, skeleton.head_right)):
        assert 360.0 < np.ptp(femur.vertices[:, 2]) < 540.0
        refit = fit_sphere(femur.vertices[skeleton.head_vertices])
        assert refit.center == pytest.approx(head.center, abs=0.5)
    # The patient's left is at larger x.
    assert skeleton.head_left.center[0] > skeleton.x_middle_mm > skeleton.head_right.center[0]


def test_a_seed_gives_the_same_person_and_another_seed_another():
    first, again, other = (sample_skeleton(np.random.default_rng(seed)).pelvis.vertices for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 1.0


def test_surfaces_are_closed_and_outward():
    skeleton = sample_skeleton(np.random.default_rng(1))
    for mesh in (skeleton.pelvis, skeleton.femur_left, skeleton.femur_right):
        edges = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
        _, counts = np.unique(edges, axis=0, return_counts=True)
        assert (counts == 2).all()
        a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
        assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0
