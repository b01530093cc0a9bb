"""Findings as a label array on the grid of the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ho_imaging.errors import TooLargeError, UsageError
from ho_imaging.findings.outline import filled
from ho_imaging.reading.decode import MAX_PIXELS
from ho_imaging.results.analysis import StudyAnalysis, result_of
from ho_imaging.results.schema import EvidenceResult, FindingResult, ImageResult, StudyResult
from ho_imaging.vocabulary import Status

__all__ = ["gap_xy", "image_of", "mask", "rings_xy"]

Ring = tuple[tuple[float, float], ...]


def mask(study: StudyResult | StudyAnalysis, sop_uid: str | None = None) -> NDArray[np.uint16]:
    """Return the findings on one image as labels on its own grid.

    Parameters
    ----------
    study
        A result, or what `Analyzer.analyze_films` returned.
    sop_uid
        SOP Instance UID of the image; not needed where one image was analysed.

    Returns
    -------
    numpy.ndarray
        Shape (rows, columns) of the image as it is stored, uint16: 0 where nothing was found, 3 inside finding ``F3``.
        A pixel belongs to a finding when its centre lies inside the outline.

    Raises
    ------
    UsageError
        If the result says nothing of such an image, it was not analysed, or there are several and none is named.
    TooLargeError
        If the result states a size above 150 million pixels.

    """
    result = result_of(study)
    image = image_of(result, sop_uid)
    rows, columns = image.rows or 0, image.columns or 0
    if rows * columns > MAX_PIXELS:
        raise TooLargeError(f"the result states {rows} x {columns} pixels", remedy="analyse the image again")
    labels = np.zeros((rows, columns), dtype=np.uint16)
    for finding in result.findings:
        if finding.sop_instance_uid == image.sop_instance_uid:
            rings = [[(y, x) for x, y in ring] for ring in rings_xy(finding)]
            labels[filled(rings, (rows, columns))] = _number(finding)
    return labels


def image_of(result: StudyResult, sop_uid: str | None) -> ImageResult:
    """Return the analysed image of a result that is named, or the only one.

    Raises
    ------
    UsageError
        If there is none, or there are several and none is named.

    """
    done = [image for image in result.images if image.status == Status.DONE.value]
    found = done if sop_uid is None else [image for image in done if image.sop_instance_uid == sop_uid]
    uids = ", ".join(image.sop_instance_uid for image in done) or "none"
    if not found:
        what = "no image was analysed" if sop_uid is None else f"image {sop_uid} was not analysed in this study"
        raise UsageError(what, remedy=f"images that were: {uids}")
    if len(found) > 1:
        raise UsageError(f"{len(found)} images were analysed", remedy=f"give the SOP Instance UID of one: {uids}")
    return found[0]


def rings_xy(finding: FindingResult) -> tuple[Ring, ...]:
    """Return a finding's outlines, points (x, y) = (column, row) in source pixels."""
    return finding.contours_xy_px


def gap_xy(evidence: EvidenceResult) -> Ring:
    """Return the two ends of the gap that a grade rests on, points likewise; nothing without one."""
    return evidence.gap_ends_xy_px or ()


def _number(finding: FindingResult) -> int:
    """Return the number in a finding's name, F1 and so on."""
    digits = finding.id.removeprefix("F")
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits) <= np.iinfo(np.uint16).max):
        raise UsageError(f"finding {finding.id!r} has no number", remedy="analyse the image again")
    return int(digits)
