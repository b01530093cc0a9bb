import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ho_imaging.simulation.annotations import annotate, collimate
from ho_imaging.simulation.film import StoredForm, make_film, sample_stored_form
from ho_imaging.simulation.physics import Beam
from ho_imaging.simulation.scene import Scene
from ho_imaging.simulation.vendor import Look
from ho_imaging.vocabulary import Laterality


def seen(stored: np.ndarray, center: float, width: float, *, inverted: bool) -> np.ndarray:
    """DICOM PS3.3 C.11.2.1.2.1, written out, then the presentation LUT shape."""
    x = stored.astype(float)
    shown = np.clip((x - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)
    return 1.0 - shown if inverted else shown


@given(
    bits=st.sampled_from([8, 10, 12, 14, 16]),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    low=st.floats(0.0, 0.3),
    high=st.floats(0.7, 1.0),
)
@settings(max_examples=15, deadline=None)
def test_stored_values_and_window_give_back_the_display(bits: int, photometric: str, low: float, high: float) -> None:
    scene = _tiny_scene()
    film = make_film(scene, 3, form=StoredForm(bits, photometric, low, high))
    shown = seen(film.pixels, film.window_center, film.window_width, inverted=photometric == "MONOCHROME1")
    np.testing.assert_allclose(shown, film.display, atol=0.51 / (film.window_width - 1.0) + 1e-6)
    assert film.pixels.max() < 2**bits


def _tiny_scene() -> Scene:
    muscle = np.zeros((40, 50), np.float32)
    muscle[:, 10:] = np.linspace(50.0, 200.0, 40)
    return Scene({"muscle": muscle}, {"body": muscle > 0.0}, 1.0, 1.1, "hip", "ap", "right")


def test_same_seed_same_film(slab_scene: Scene) -> None:
    first, again, other = (make_film(slab_scene, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.pixels, again.pixels)
    assert (first.beam, first.look, first.bits_stored) == (again.beam, again.look, again.bits_stored)
    assert not np.array_equal(first.display, other.display)


def test_giving_one_setting_leaves_the_others(slab_scene: Scene) -> None:
    drawn = make_film(slab_scene, 4)
    film = make_film(slab_scene, 4, beam=Beam(kvp=66.0))
    assert film.beam["kvp"] == 66.0
    assert (film.look, film.bits_stored, film.photometric) == (drawn.look, drawn.bits_stored, drawn.photometric)


def test_bone_is_bright_in_both_polarities(slab_scene: Scene) -> None:
    bar, soft = (slice(60, 100), slice(64, 72)), (slice(60, 100), slice(90, 105))
    for photometric, sign in (("MONOCHROME2", 1.0), ("MONOCHROME1", -1.0)):
        form = StoredForm(12, photometric)
        film = make_film(slab_scene, 5, look=Look(), form=form, annotated=False)
        assert film.display[bar].mean() > film.display[soft].mean()
        assert sign * (film.pixels[bar].mean() - film.pixels[soft].mean()) > 0.0
        assert film.valid.all()
        assert not film.burned_in


def test_stored_forms_cover_what_archives_hold() -> None:
    rng = np.random.default_rng(0)
    forms = [sample_stored_form(rng) for _ in range(300)]
    assert {form.bits_stored for form in forms} == {8, 10, 12, 14, 15, 16}
    assert {form.photometric for form in forms} == {"MONOCHROME1", "MONOCHROME2"}
    assert all(form.limits[1] - form.limits[0] >= 0.4 * 2**form.bits_stored for form in forms)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_annotations_stay_in_range_and_leave_their_input_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    film = rng.random((150, 120), dtype=np.float32)
    before = film.copy()
    result = annotate(film, rng, pixel_mm=1.0, laterality=Laterality.LEFT)
    assert np.array_equal(film, before)
    assert result.pixels.shape == result.valid.shape == film.shape
    assert result.pixels.dtype == np.float32
    assert result.valid.dtype == bool
    assert result.pixels.min() >= 0.0
    assert result.pixels.max() <= 1.0
    assert result.valid.mean() > 0.4


def test_annotation_says_whether_it_wrote_into_the_film() -> None:
    film = np.full((200, 200), 0.5, np.float32)
    written = {True: 0, False: 0}
    for seed in range(60):
        result = annotate(film, np.random.default_rng(seed), pixel_mm=1.0)
        written[bool(result.marks.any())] += 1
        if not result.marks.any() and result.valid.all():
            # Blades that stay open leave the film as it was.
            assert np.array_equal(result.pixels, film)
    assert min(written.values()) > 5


def test_marks_are_where_the_film_was_written_on_and_hardly_beyond() -> None:
    film = np.full((300, 300), 0.5, np.float32)
    for seed in range(60):
        result = annotate(film, np.random.default_rng(seed), pixel_mm=1.0)
        if not result.valid.all():
            continue
        changed = np.abs(result.pixels - film) > 0.2
        assert (result.marks | ~changed).all()
        # Between the strokes of a letter, and between letters, no further.
        assert (ndimage.distance_transform_edt(~changed)[result.marks] <= 6.0).all()


@pytest.mark.parametrize("seed", range(12))
def test_shutters_cover_and_blades_keep_the_middle(seed: int) -> None:
    film = np.random.default_rng(0).uniform(0.3, 0.4, (300, 260)).astype(np.float32)
    closed, valid = collimate(film, np.random.default_rng(seed), pixel_mm=0.5)
    middle = (slice(110, 190), slice(90, 170))
    assert valid[middle].all()
    np.testing.assert_allclose(closed[middle], film[middle], atol=1e-3)
    if not valid.all():
        deep = ~valid & (np.abs(closed - film) > 0.05)
        assert deep.sum() > 0.3 * (~valid).sum()


def test_lead_letter_names_the_half_it_lies_in_where_both_sides_are_shown() -> None:
    film = np.zeros((300, 300), np.float32)
    halves = []
    for seed in range(60):
        left, right, both = (
            annotate(film, np.random.default_rng(seed), pixel_mm=1.0, laterality=side).pixels
            for side in (Laterality.LEFT, Laterality.RIGHT, Laterality.BILATERAL)
        )
        letter = np.abs(left - right).sum(axis=0)
        if not letter.any():
            continue
        center = float(letter @ np.arange(300) / letter.sum())
        if abs(center - 150.0) < 25.0:
            continue
        # The patient's right is at column 0.
        halves.append(center < 150.0)
        assert np.array_equal(both, right if center < 150.0 else left)
    assert 8 < sum(halves) < len(halves) - 8
