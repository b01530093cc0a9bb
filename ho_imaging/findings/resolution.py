"""Films too coarse to be read: what looks like ectopic bone on them is possible, and carries no grade."""

from __future__ import annotations

from dataclasses import replace

from ho_imaging.findings.finding import Finding
from ho_imaging.messages import Message
from ho_imaging.preparing.quality import FilmQuality
from ho_imaging.reading.radiograph import QualityFlag

__all__ = ["COARSEST_MM", "only_possible", "resolution_flags", "why_too_coarse"]

COARSEST_MM = 1.5
"""A film that resolves less than this (the side of its real pixels, in mm) is not read.

Nodules laid into real images (5 mm and more, ratio of contrast to noise 2 and more; hip 0.11.0, operating threshold)
are found as often on coarse ones: 7 of 10 at 1.5 mm and at 2 mm a pixel on 10 images, none of which has a false
positive; at 0.5 mm, on 53 images, 88 of 113. What grows is the share of false positives on real images as they are,
most of them JPEGs: of 96 without ectopic bone something reaches the operating threshold on 3 of 77 up to 1.5 mm (none
of the 11 from 1.25 mm on), and on 3 of 19 above.
"""


def why_too_coarse(quality: FilmQuality | None) -> Message | None:
    """Return why a film resolves too little to carry a grade, or ``None``; unknown resolution is no reason."""
    if quality is None or quality.resolution_mm is None or quality.resolution_mm <= COARSEST_MM:
        return None
    return Message("resolution_low", resolution_mm=quality.resolution_mm, needed_mm=COARSEST_MM)


def resolution_flags(quality: FilmQuality | None) -> tuple[QualityFlag, ...]:
    """Return the quality flag ``resolution_low`` of a film that is too coarse to be read, or none."""
    why = why_too_coarse(quality)
    return () if why is None else (QualityFlag("resolution_low", why),)


def only_possible(
    findings: tuple[Finding, ...], possible: tuple[Finding, ...], quality: FilmQuality | None
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Return reported and possible nodules: on a film too coarse to be read, none are reported and all are possible."""
    if why_too_coarse(quality) is None:
        return findings, possible
    merged = (*findings, *possible)
    return (), tuple(replace(finding, id=f"P{number}") for number, finding in enumerate(merged, start=1))
