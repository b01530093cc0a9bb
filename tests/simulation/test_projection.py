"""Path lengths against solids whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ho_imaging.simulation.projection import Camera, path_through, path_through_volume
from ho_imaging.simulation.shape_model import Mesh
from ho_imaging.simulation.solids import ball, cup, tube

CAMERA = Camera(shape=(240, 260), pixel_mm=0.5, source_detector_mm=1100.0, center_rc=(118.3, 131.7))


def volume_of(path: np.ndarray, y_mm: float) -> float:
    """Volume under a path-length image of a small body at a depth."""
    return float(path.sum()) * (CAMERA.pixel_mm / CAMERA.magnification(y_mm)) ** 2


# The detector covers 45 mm and more either way, so that no ball reaches over its edge.
@given(x=st.floats(-20, 20), z=st.floats(-20, 20), y=st.floats(850, 1050), radius=st.floats(6, 25))
@settings(max_examples=25, deadline=None)
def test_a_ball_has_its_diameter_and_volume(x, z, y, radius):
    path, _ = path_through(CAMERA, ball(np.array([x, y, z]), radius, rings=60))
    assert path.max() == pytest.approx(2 * radius, rel=0.02)
    assert volume_of(path, y) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)


def test_a_point_projects_where_the_ray_through_it_lands():
    rc = CAMERA.project(np.array([[10.0, 550.0, -20.0]]))[0]
    assert rc == pytest.approx([118.3 + 20 * 2 / 0.5, 131.7 + 10 * 2 / 0.5])


def test_no_ray_slips_through_the_edges_of_a_mesh():
    """Inside a convex body every ray must have a positive path: a leak would show as a hole or a streak."""
    path, _ = path_through(CAMERA, ball(np.array([0.0, 950.0, 0.0]), 25.0, rings=80))
    rows, columns = np.nonzero(path > 0)
    inside = np.hypot(rows - 118.3, columns - 131.7) < 0.8 * 25.0 * CAMERA.magnification(950.0) / 0.5
    expected = np.pi * (0.8 * 25.0 * CAMERA.magnification(950.0) / 0.5) ** 2
    assert inside.sum() == pytest.approx(expected, rel=0.01)
    assert path[rows[inside], columns[inside]].min() > 25.0


def test_a_shell_is_the_difference_of_its_balls():
    center = np.array([3.0, 960.0, -4.0])
    shell, _ = path_through(CAMERA, cup(center, np.array([0.0, 0.0, 1.0]), 20.0, 15.0, opening=0.02, rings=60))
    outer, _ = path_through(CAMERA, ball(center, 20.0, rings=60))
    inner, _ = path_through(CAMERA, ball(center, 15.0, rings=60))
    assert np.median(np.abs(shell - (outer - inner))[outer > 5]) < 0.3


def test_weights_average_over_the_surfaces_hit():
    mesh = ball(np.array([0.0, 950.0, 0.0]), 20.0)
    path, mean = path_through(CAMERA, mesh, np.full(len(mesh.vertices), 0.37))
    assert mean is not None
    assert mean[path > 1] == pytest.approx(0.37, abs=1e-4)


def test_a_tube_along_the_detector_has_its_diameter_along_its_axis():
    path, _ = path_through(CAMERA, tube(np.array([[-30.0, 950.0, 0.0], [30.0, 950.0, 0.0]]), np.array([5.0, 5.0]), 64))
    row = round(118.3)
    assert path[row, 110:150] == pytest.approx(10.0, rel=0.03)


def test_an_offset_block_keeps_its_volume_and_lands_where_it_is():
    fraction = np.zeros((40, 30, 50), np.float32)
    fraction[10:30, 5:25, 15:35] = 1.0
    origin = np.array([12.0, 930.0, -30.0])
    path = path_through_volume(CAMERA, fraction, origin, 0.8)
    center = origin + 0.8 * np.array([19.5, 14.5, 24.5])
    assert volume_of(path, center[1]) == pytest.approx(20 * 20 * 20 * 0.8**3, rel=0.02)
    rows, columns = np.indices(path.shape)
    found = np.array([(rows * path).sum(), (columns * path).sum()]) / path.sum()
    assert found == pytest.approx(CAMERA.project(center[None])[0], abs=0.5)


def test_off_the_film_nothing_is_hit():
    path, _ = path_through(CAMERA, ball(np.array([500.0, 950.0, 0.0]), 20.0))
    assert not path.any()


def test_meshes_are_closed_and_outward():
    for mesh in (ball(np.zeros(3), 5.0), tube(np.array([[0, 0, 0], [0, 0, 9.0]]), np.array([2.0, 3.0]))):
        assert isinstance(mesh, Mesh)
        outward = np.einsum("ij,ij->i", mesh.normals(), mesh.vertices - mesh.vertices.mean(axis=0))
        assert (outward > 0).mean() > 0.99
