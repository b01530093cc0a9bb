"""Labels of a crowded film stay apart from each other, from every nodule, and near their own."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ho_imaging.outputs.label_places import Box, Named, place_labels

SIZE = (900, 1100)


def crowd(count, spread):
    """Return nodules in a cluster, the largest in its middle, as polygons of 24 points."""
    rng = np.random.default_rng(4)
    turn = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    nodules = []
    for number in range(count):
        x, y = np.array([450.0, 500.0]) + rng.normal(0.0, spread, 2)
        radius = 70 if number == 0 else rng.uniform(8, 30)
        nodules.append([(x + radius * np.cos(t), y + 0.7 * radius * np.sin(t)) for t in turn])
    return nodules


def marked(nodules):
    picture = Image.new("1", SIZE)
    for nodule in nodules:
        ImageDraw.Draw(picture).polygon(nodule, fill=1)
    return np.asarray(picture)


@pytest.mark.parametrize("spread", [20.0, 60.0, 150.0])
def test_labels_of_twelve_nodules_meet_neither_each_other_nor_a_nodule(spread):
    nodules = crowd(12, spread)
    blocked = [Box(0, 1000, 400, 1100)]
    boxes = place_labels([Named([n], 90.0, 24.0) for n in nodules], SIZE, gap=8.0, blocked=blocked)
    bone = marked(nodules)
    for one, other in itertools.combinations([*boxes, *blocked], 2):
        apart_x = max(one.left, other.left) >= min(one.right, other.right)
        assert apart_x or max(one.top, other.top) >= min(one.bottom, other.bottom)
    for box in boxes:
        assert (box.right - box.left, box.bottom - box.top) == (90.0, 24.0)
        assert box.left >= 0
        assert box.top >= 0
        assert box.right <= SIZE[0]
        assert box.bottom <= SIZE[1]
        assert not bone[int(box.top) : int(box.bottom) + 1, int(box.left) : int(box.right) + 1].any()


def test_a_label_stands_beside_a_nodule_that_is_alone_and_inside_at_an_edge():
    nodules = [[(100, 500), (140, 500), (140, 540), (100, 540)], [(880, 10), (899, 10), (899, 30), (880, 30)]]
    first, second = place_labels([Named([n], 90.0, 24.0) for n in nodules], SIZE, gap=8.0)
    across = max(first.left - 140, 100 - first.right, 0.0)
    down = max(first.top - 540, 500 - first.bottom, 0.0)
    assert 8.0 <= np.hypot(across, down) <= 16.0
    assert second.right <= SIZE[0]


def test_a_label_is_nearer_to_its_own_nodule_than_to_any_other():
    nodules = [[(x, 500), (x + 40, 500), (x + 40, 540), (x, 540)] for x in (200, 300, 400, 500)]
    boxes = place_labels([Named([n], 90.0, 24.0) for n in nodules], SIZE, gap=8.0)
    for number, box in enumerate(boxes):
        middle = 0.5 * (box.left + box.right), 0.5 * (box.top + box.bottom)
        far = [np.hypot(middle[0] - n[0][0] - 20, middle[1] - 520) for n in nodules]
        assert int(np.argmin(far)) == number


def test_too_small_a_picture_still_gets_a_place_for_each_label():
    boxes = place_labels([Named([[(5, 5), (9, 5), (9, 9)]], 90.0, 24.0)] * 3, (20, 20), gap=8.0)
    assert len(boxes) == 3
