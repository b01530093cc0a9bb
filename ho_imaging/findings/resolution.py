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

``benchmarks/resolution.py`` with hip 0.9.0 on 6 real films of adult hips (8 nodules of 5 mm and more with a ratio of
contrast to noise of 2 and more), nodules found and films with false positives: at 1 mm 5 and 1, at 1.5 mm 5 and none,
at 2 mm 6 and 3. On simulated films of 1.5 mm the network finds what it finds on fine ones (model card). Of 85 real
films without ectopic bone as they came, most of them JPEGs, something was outlined on 21 of 61 below 1.25 mm, 7 of 10
from there to 1.5 mm, and 6 of 14 above.
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
