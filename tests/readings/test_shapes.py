"""Strokes change outlines by areas that geometry tells."""

import math

import pytest

from ho_imaging.errors import UsageError
from ho_imaging.readings.shapes import drawn, measured

FILM = (1000, 800)
SQUARE = (((100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0)),)


def area(outline):
    return measured(outline, None).area_px


def test_a_stroke_makes_a_nodule_of_its_width():
    outline = drawn(None, "brush", [(100, 100), (150, 100), (200, 100)], radius_px=10, shape=FILM)
    assert area(outline) == pytest.approx(math.pi * 100 + 20 * 100, rel=0.01)
    assert len(outline) == 1
    dot = drawn(None, "brush", [(100, 100)], radius_px=10, shape=FILM)
    assert area(dot) == pytest.approx(math.pi * 100, rel=0.01)


def test_brush_adds_and_eraser_takes():
    grown = drawn(SQUARE, "brush", [(200, 150)], radius_px=20, shape=FILM)
    assert area(grown) == pytest.approx(10_000 + math.pi * 200, rel=0.01)
    holed = drawn(SQUARE, "eraser", [(150, 150)], radius_px=20, shape=FILM)
    assert area(holed) == pytest.approx(10_000 - math.pi * 400, rel=0.01)
    assert len(holed) == 2  # the outer ring, then the hole
    assert area(drawn(holed, "brush", [(150, 150)], radius_px=25, shape=FILM)) == pytest.approx(10_000, rel=0.001)


def test_what_a_stroke_does_not_reach_stays_as_it_was():
    curved = drawn(None, "polygon", [(100 + 40 * math.cos(a / 9), 100 + 30 * math.sin(a / 7)) for a in range(30)],
                   radius_px=1, shape=FILM)  # fmt: skip
    far = drawn(curved, "brush", [(400, 400)], radius_px=10, shape=FILM)
    kept = [min(math.dist(point, other) for ring in far for other in ring) for ring in curved for point in ring]
    assert max(kept) < 0.25
    assert area(far) == pytest.approx(area(curved) + math.pi * 100, rel=0.01)


def test_a_polygon_that_crosses_itself_takes_in_all_that_it_surrounds():
    bow_tie = [(100, 100), (140, 140), (140, 100), (100, 140)]
    both = drawn(None, "polygon", bow_tie, radius_px=1, shape=FILM)
    assert area(both) == pytest.approx(2 * 40 * 20 / 2)
    # Round and a little past the beginning, as a hand closes a ring: twice surrounded is surrounded.
    ring = [(300 + 50 * math.cos(a / 10), 300 + 50 * math.sin(a / 10)) for a in range(75)]
    assert area(drawn(None, "polygon", ring, radius_px=1, shape=FILM)) == pytest.approx(math.pi * 2500, rel=0.02)
    cut = drawn(SQUARE, "cut", [(120, 120), (180, 180), (180, 120), (120, 180)], radius_px=1, shape=FILM)
    assert area(cut) == pytest.approx(10_000 - 2 * 60 * 30 / 2)


@pytest.mark.parametrize("corners", [[(5, 5), (5, 5), (5, 5)], [(5, 5), (9, 9), (20, 20)]])
def test_a_polygon_of_no_area_is_said(corners):
    with pytest.raises(UsageError, match="nothing of the nodule"):
        drawn(None, "polygon", corners, radius_px=1, shape=FILM)
    assert area(drawn(SQUARE, "polygon", corners, radius_px=1, shape=FILM)) == pytest.approx(10_000)


def test_cutting_through_leaves_two_parts():
    parts = drawn(SQUARE, "eraser", [(90, 140), (210, 140)], radius_px=5, shape=FILM)
    assert len(parts) == 2
    assert area(parts) == pytest.approx(10_000 - 1000, rel=0.01)
    assert area(parts[:1]) > area(parts[1:])


def test_polygons_add_and_take_away():
    corner = [(150, 150), (250, 150), (250, 250), (150, 250)]
    assert area(drawn(SQUARE, "polygon", corner, radius_px=1, shape=FILM)) == pytest.approx(10_000 + 7500)
    assert area(drawn(SQUARE, "cut", corner, radius_px=1, shape=FILM)) == pytest.approx(7500)


def test_a_brush_is_round_on_the_screen_where_pixels_are_not_square():
    outline = drawn(None, "brush", [(100, 100)], radius_px=20, shape=FILM, aspect=2.0)
    ys, xs = [y for _, y in outline[0]], [x for x, _ in outline[0]]
    assert max(xs) - min(xs) == pytest.approx(40, abs=0.3)
    assert max(ys) - min(ys) == pytest.approx(20, abs=0.3)


def test_nothing_is_drawn_outside_the_film():
    outline = drawn(None, "brush", [(0, 0), (900, 500)], radius_px=30, shape=FILM)
    for x, y in outline[0]:
        assert -0.5 <= x <= 799.5
        assert -0.5 <= y <= 999.5


def test_nothing_left_is_refused():
    with pytest.raises(UsageError, match="nothing of the nodule"):
        drawn(SQUARE, "eraser", [(150, 150)], radius_px=100, shape=FILM)
    with pytest.raises(UsageError, match="nothing"):
        drawn(None, "brush", [(-500, -500)], radius_px=10, shape=FILM)
    with pytest.raises(UsageError, match="three corners"):
        drawn(None, "polygon", [(1, 1), (5, 5)], radius_px=1, shape=FILM)


def test_measures_go_by_the_spacing_of_rows_and_columns():
    oblong = (((0.0, 0.0), (100.0, 0.0), (100.0, 30.0), (0.0, 30.0)),)
    found = measured(oblong, (0.5, 0.2))
    assert found.area_px == pytest.approx(3000)
    assert found.area_mm2 == pytest.approx(300)
    assert found.long_axis_px == pytest.approx(math.hypot(100, 30))
    assert found.long_axis_mm == pytest.approx(math.hypot(20, 15))
    assert measured(oblong, None).area_mm2 is None
