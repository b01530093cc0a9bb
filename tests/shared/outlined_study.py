"""A study of one film with a nodule that has a hole and one in two parts, whose pixels are known."""

from ho_imaging.results.schema import FindingResult
from ho_imaging.vocabulary import Side

ROWS, COLUMNS = 60, 80
FILM, STUDY = "1.2.3.4", "1.2.3"


def box(left, top, right, bottom):
    """The outline of whole pixels, the last ones included, as (x, y) with centres at whole numbers."""
    x0, y0, x1, y1 = left - 0.5, top - 0.5, right + 0.5, bottom + 0.5
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))


def finding(number, *rings):
    return FindingResult(
        id=f"F{number}", sop_instance_uid=FILM, side=Side.LEFT, confidence=0.8, mean_probability=0.8, area_px=10.0,
        area_mm2=1.25, long_axis_px=5.0, long_axis_mm=2.5, short_axis_px=2.0, short_axis_mm=1.0,
        long_axis_ends_xy_px=((0.0, 0.0), (1.0, 1.0)), short_axis_ends_xy_px=((0.0, 0.0), (1.0, 1.0)),
        centroid_xy_px=(29.5, 17.0), contours_xy_px=rings, density_ratio=None, nearest_bone=None,
        distance_to_bone_mm=None, distance_to_joint_mm=None, distance_to_joint_radii=None,
        periarticular=None, joined_to=(),
    )  # fmt: skip


RING = finding(1, box(20, 10, 39, 24), box(28, 15, 31, 18))
"""A nodule with a hole."""

PARTS = finding(2, box(2, 40, 9, 50), box(60, 3, 79, 9))
"""Two parts, one at the film's edge."""
