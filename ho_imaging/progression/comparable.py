"""Regions in which two registered images can be compared, and the parts of nodules in them.

All shapes are in mm of the earlier image, (row, column).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import shapely

from ho_imaging.findings.finding import Finding
from ho_imaging.findings.shapes import shape_of
from ho_imaging.progression.register import Motion, Registration
from ho_imaging.severity.film import SideView
from ho_imaging.severity.layout import AS_REPORTED, LESS_SURE
from ho_imaging.vocabulary import Structure

__all__ = ["Ground", "Seen", "area_mm2", "moves_with", "placed", "recalled", "shared_ground"]

SHARED_SHARE = 0.5
"""Minimum fraction of a nodule in the field of both images; the shared part is compared. With less it is left out."""

CLEAR_SHARE = 0.35
"""If more than this fraction of a nodule is clear of native bone, only that part is compared: parts over bone are seen
on one image and not on the next."""

CLEAR_OF_EDGE_PX = 2

RIM_MM = 3.0
"""Largest width of the rim between a nodule's outline and its less certain, wider outline."""


class Seen(NamedTuple):
    """A nodule of one image: its outline as reported, and the wider one where the model is less certain."""

    finding: Finding
    shape: shapely.Geometry
    wide: shapely.Geometry


@dataclass(frozen=True, eq=False)
class Ground:
    """Shared field of two images for structures that move with each bone, and native bone of either image.

    ``opposing``: the bones, proximal one first.
    """

    opposing: Sequence[Structure]
    fields: Mapping[Structure, shapely.Geometry]
    bones: shapely.Geometry

    def of(self, nodules: Sequence[Seen]) -> tuple[shapely.Geometry, bool]:
        """Return the region in which nodules are compared, and whether enough of them is in both fields.

        Parameters
        ----------
        nodules
            The nodules, of both images.

        Returns
        -------
        region : Geometry
            In mm of the earlier image.
        visible : bool
            True if at least `SHARED_SHARE` is in both fields.

        """
        largest = max(nodules, key=lambda item: float(shapely.area(item.shape)))
        field = self.fields[moves_with(largest.finding, self.opposing)]
        everything = shapely.union_all([item.shape for item in nodules])
        clear = shapely.difference(field, self.bones)
        where = clear if _share(everything, clear) >= CLEAR_SHARE else field
        return where, _share(everything, field) >= SHARED_SHARE


def placed(view: SideView, registration: Registration | None) -> list[Seen]:
    """Return the nodules of an image in the frame of the earlier one, possible ones last.

    Parameters
    ----------
    view
        The side on the image.
    registration
        Registration of the later image; ``None`` for the earlier one.

    Returns
    -------
    list of Seen
        In mm of the earlier image.

    """
    mm = view.film.anatomy.scale.measured_mm or 1.0
    opposing = view.film.anatomy.plan.opposing
    nodules = []
    for finding in (*view.findings, *view.possible):
        motion = None if registration is None else registration.motions[moves_with(finding, opposing)]
        shapes = (_moved(shape_of(finding.levels[level]), mm, motion) for level in (AS_REPORTED, LESS_SURE))
        nodules.append(Seen(finding, *shapes))
    return nodules


def shared_ground(earlier: SideView, later: SideView, registration: Registration) -> Ground:
    """Return the region in which one side of two registered images can be compared.

    Parameters
    ----------
    earlier, later
        The side on the two images.
    registration
        Registration of the later image to the earlier one.

    Returns
    -------
    Ground
        In mm of the earlier image.

    """
    fields, bones = {}, []
    fixed, moving = _field(earlier), _field(later)
    for bone, motion in registration.motions.items():
        shared = shapely.intersection(fixed, shapely.transform(moving, motion.apply))
        # Lines and points, which fields that only touch have in common, are dropped.
        fields[bone] = shapely.buffer(shared, 0.0)
        for view, move in ((earlier, None), (later, motion)):
            outlines = shape_of(view.film.anatomy.outlines[bone])
            bones.append(shapely.make_valid(_moved(outlines, view.film.anatomy.scale.measured_mm or 1.0, move)))
    return Ground(earlier.film.anatomy.plan.opposing, fields, shapely.union_all(bones))


def recalled(seen: Sequence[Seen], possible: Sequence[Seen], on_other: Sequence[Seen]) -> list[shapely.Geometry]:
    """Return the shapes of nodules of one image, with less certain parts that are certain on the other image.

    Readers do the same with the other image beside them. Otherwise a part that is barely visible on one image would
    count as growth. A rim is not added: there, less certain only means farther out.

    Parameters
    ----------
    seen
        Certain nodules of the image.
    possible
        All nodules of the image in the same group.
    on_other
        Certain nodules of the other image in the group.

    Returns
    -------
    list of Geometry
        One per nodule of ``seen``, in mm of the earlier image.

    """
    shapes = [item.shape for item in seen]
    if not seen or not on_other:
        return shapes
    less_sure = shapely.union_all([item.wide for item in (*seen, *possible)])
    known = shapely.intersection(less_sure, shapely.union_all([item.shape for item in on_other]))
    added = shapely.difference(known, shapely.union_all(shapes))
    added = shapely.buffer(shapely.buffer(added, -RIM_MM / 2), RIM_MM / 2)
    largest = max(range(len(shapes)), key=lambda index: float(shapely.area(shapes[index])))
    shapes[largest] = shapely.union(shapes[largest], added)
    return shapes


def area_mm2(shapes: Sequence[shapely.Geometry]) -> float:
    """Return the area that shapes cover together, in mm².

    Parameters
    ----------
    shapes
        In mm.

    Returns
    -------
    float
        Area of their union.

    """
    return float(shapely.area(shapely.union_all(list(shapes))))


def moves_with(finding: Finding, opposing: Sequence[Structure]) -> Structure:
    """Return the bone that a nodule moves with: one it is joined to, else the nearest, else the proximal one.

    Parameters
    ----------
    finding
        The nodule.
    opposing
        The bones that are registered, proximal one first.

    """
    near = [bone for bone in (*finding.joined_to, finding.nearest_bone) if bone is not None and bone in opposing]
    return near[0] if near else opposing[0]


def _moved(shape: shapely.Geometry, mm: float, motion: Motion | None) -> shapely.Geometry:
    """Transform a shape in prepared pixels, (column, row), to mm of the earlier image, (row, column)."""
    in_mm = shapely.transform(shape, lambda points: points[:, ::-1] * mm)
    return in_mm if motion is None else shapely.transform(in_mm, motion.apply)


def _field(view: SideView) -> shapely.Geometry:
    """Return the field of an image, in its own mm."""
    mm = view.film.anatomy.scale.measured_mm or 1.0
    valid = view.film.prepared.valid.astype(np.uint8)
    contours, _ = cv2.findContours(valid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    rings = [contour[:, 0, ::-1] * mm for contour in contours if len(contour) >= 4]
    polygons = [shapely.make_valid(shapely.polygons(ring)) for ring in rings]
    return shapely.buffer(shapely.union_all(polygons), -CLEAR_OF_EDGE_PX * mm)


def _share(shape: shapely.Geometry, where: shapely.Geometry) -> float:
    return float(shapely.area(shapely.intersection(shape, where))) / max(float(shapely.area(shape)), 1e-9)
