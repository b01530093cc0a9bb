"""Two readings of one study laid over each other: overlap of outlines, and where they differ in words."""

from __future__ import annotations

import shapely

from ho_imaging.readings.readings import Reading, film_shape
from ho_imaging.severity.systems import grade_orders

__all__ = ["disagreements", "grade_distance", "outline_dice"]


def outline_dice(first: Reading, second: Reading) -> float | None:
    """Return the Dice coefficient of all nodules of a study, films pooled; ``None`` where neither reading has any."""
    images = {nodule.image_uid for reading in (first, second) for nodule in reading.nodules}
    shared = total = 0.0
    for image_uid in images:
        one, other = film_shape(first, image_uid), film_shape(second, image_uid)
        shared += float(shapely.intersection(one, other).area)
        total += float(one.area + other.area)
    return 2.0 * shared / total if total else None


def grade_distance(first: str | None, second: str | None) -> int | None:
    """Return the classes between two grades; ``None`` where one is missing. Grades that have no order differ by one."""
    if first is None or second is None:
        return None
    for order in grade_orders():
        if first in order and second in order:
            return abs(order.index(first) - order.index(second))
    return int(first != second)


def disagreements(first: Reading, second: Reading, *, grade_steps: int = 1, least_dice: float = 0.5) -> tuple[str, ...]:
    """Say in words where two readings of a study differ; empty where they agree."""
    found = []
    for side in dict.fromkeys([*first.grades, *second.grades]):
        one, other = first.grades.get(side), second.grades.get(side)
        apart = grade_distance(one, other)
        if (apart is not None and apart >= grade_steps) or (one is None) != (other is None):
            low, high = sorted((one or "not graded", other or "not graded"))
            found.append(f"{side}: {low} or {high}")
    overlap = outline_dice(first, second)
    if bool(first.nodules) != bool(second.nodules):
        found.append("ectopic bone: yes or no")
    elif overlap is not None and overlap < least_dice:
        found.append(f"outlines: Dice {overlap:.2f}")
    return tuple(found)
