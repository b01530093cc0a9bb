"""Findings of a study that are the same nodule, seen again on another film of the same projection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from ho_imaging.findings.finding import Finding, Joint
from ho_imaging.findings.shapes import shape_of
from ho_imaging.severity.film import FilmReading
from ho_imaging.severity.study import BASES_WORST_TO_BEST
from ho_imaging.vocabulary import Side

__all__ = ["same_nodules"]

_LEAST_OVERLAP = 0.2
"""Share of the union: the same nodule moves against the joint by a few mm between two exposures."""


def same_nodules(films: Sequence[FilmReading]) -> dict[str, str]:
    """Map findings to the finding of a better film that shows the same nodule; those of the best film are left out.

    Outlines are compared about the joint, in radii of its landmark, so that scale and place on the film do not matter.
    Films of different projections are not compared: which nodule is which cannot be told from one depth-less view.
    """
    order = sorted(range(len(films)), key=lambda n: (-BASES_WORST_TO_BEST.index(films[n].anatomy.scale.basis), n))
    known: dict[str, str] = {}
    for position, number in enumerate(order):
        for better in (films[other] for other in order[:position]):
            if better.prepared.radiograph.view.value is films[number].prepared.radiograph.view.value:
                for finding, earlier in _pairs(films[number], better):
                    known.setdefault(finding.id, known.get(earlier.id, earlier.id))
    return known


def _pairs(film: FilmReading, better: FilmReading) -> list[tuple[Finding, Finding]]:
    candidates: list[tuple[float, Finding, Finding]] = []
    for finding in film.findings:
        for other in better.findings:
            joints = _joint_of(film, finding.side), _joint_of(better, other.side)
            if finding.side is not other.side or joints[0] is None or joints[1] is None:
                continue
            a, b = (_about(f, r, j) for f, r, j in ((finding, film, joints[0]), (other, better, joints[1])))
            union = float(shapely.area(shapely.union(a, b)))
            overlap = float(shapely.area(shapely.intersection(a, b))) / union if union > 0.0 else 0.0
            if overlap >= _LEAST_OVERLAP:
                candidates.append((overlap, finding, other))
    pairs: list[tuple[Finding, Finding]] = []
    for _, finding, other in sorted(candidates, key=lambda item: -item[0]):
        if all(finding is not a and other is not b for a, b in pairs):
            pairs.append((finding, other))
    return pairs


def _joint_of(film: FilmReading, side: Side) -> Joint | None:
    return next((joint for joint in film.anatomy.joints if joint.side is side), None)


def _about(finding: Finding, film: FilmReading, joint: Joint) -> shapely.Geometry:
    """Return a nodule's outline about its joint's centre, in radii of the landmark."""
    grid = film.prepared.grid
    center = grid.points_to_prepared(np.array([joint.center_px]))[0][::-1]
    radius = joint.radius_px / grid.column_scale

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points - center) / radius, dtype=np.float64)

    return shapely.transform(shape_of(finding.levels[1]), place)
