"""Films, nodules and measures in the words of the viewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ho_imaging.readings.reviewed_study import ReviewedFinding
from ho_imaging.readings.shapes import measured
from ho_imaging.regions import plan_of
from ho_imaging.results.schema import FindingResult, ImageResult, SideResult
from ho_imaging.review.inputs import ReviewInput
from ho_imaging.vocabulary import Region, SpacingBasis

__all__ = [
    "film_about",
    "gap_text",
    "length",
    "measure_text",
    "model_outline",
    "pixel_aspect",
    "size_text",
    "untouched",
]


def film_about(image: ImageResult) -> dict[str, Any]:
    """Describe a film: size, spacing and what a millimetre rests on, sides from its left edge."""
    spacing = image.measured_spacing_mm or image.spacing_mm
    words = [str(image.view), str(image.region), str(image.laterality)]
    return {
        "uid": image.sop_instance_uid,
        "label": " ".join(word.replace("_", " ") for word in words if word != "unknown") or "film",
        "rows": image.rows,
        "columns": image.columns,
        "aspect": pixel_aspect(image),
        "spacing": None if spacing is None else list(spacing),
        "basis": _basis_text(image),
        "sides": [str(side) for side in image.sides],
        "flags": [str(flag.message) for flag in image.quality_flags],
    }


def pixel_aspect(image: ImageResult) -> float:
    """Height of a pixel over its width."""
    spacing = image.measured_spacing_mm or image.spacing_mm
    return 1.0 if spacing is None else spacing[0] / spacing[1]


def _basis_text(image: ImageResult) -> str:
    """Say what a millimetre on the film rests on."""
    if image.measured_spacing_mm is not None:
        basis = SpacingBasis(image.measured_basis)
    else:
        basis = SpacingBasis(image.spacing_basis) if image.spacing_mm is not None else SpacingBasis.NONE
    if basis is SpacingBasis.DETECTOR:
        known = image.magnification is not None
        how = f"magnification {image.magnification:.2f} taken off" if known else "magnified: reads 10 to 25 % long"
        return f"detector, {how}"
    landmark = plan_of(Region(image.region)).landmark
    if basis is SpacingBasis.ANATOMICAL and landmark is not None:
        return f"scaled from the {landmark.words}, ± {100.0 * landmark.scale_sd:.0f} %"
    return {
        SpacingBasis.CALIBRATED: "calibrated",
        SpacingBasis.ANATOMICAL: "scaled from bones of usual size",
        SpacingBasis.ASSUMED: "assumed spacing",
        SpacingBasis.NONE: "no believable spacing",
    }[basis]


def length(image: ImageResult, start: list[float], end: list[float]) -> dict[str, Any]:
    """Return the length between two points (x, y) in mm, or ``None``, and its basis."""
    spacing = image.measured_spacing_mm or image.spacing_mm
    across, down = float(end[0]) - float(start[0]), float(end[1]) - float(start[1])
    length_mm = None if spacing is None else round(float(np.hypot(across * spacing[1], down * spacing[0])), 2)
    return {"length_mm": length_mm, "basis": _basis_text(image)}


def measure_text(value: Mapping[str, Any]) -> str:
    """Put a measured distance in words, with its basis."""
    if value["length_mm"] is not None:
        return f"{value['length_mm']:.1f} mm ({value['basis']})"
    (x0, y0), (x1, y1) = value["from_xy_px"], value["to_xy_px"]
    return f"{np.hypot(x1 - x0, y1 - y0):.0f} px ({value['basis']})"


def model_outline(finding: FindingResult) -> list[list[tuple[float, float]]]:
    """Return a finding's outline as rings of (x, y)."""
    return [list(contour) for contour in finding.contours_xy_px]


def size_text(found: ReviewedFinding, model: FindingResult | None, image: ImageResult) -> str:
    """Longest extent and area: the result's own where the outline is, else those of the drawn outline."""
    if model is not None and not found.reshaped:
        area_px, area_mm2, long_px, long_mm = (
            model.area_px, model.area_mm2, model.long_axis_px, model.long_axis_mm,
        )  # fmt: skip
    else:
        area_px, area_mm2, long_px, long_mm = measured(
            found.outline_xy_px, image.measured_spacing_mm or image.spacing_mm
        )
    if area_mm2 is None or long_mm is None:
        return f"{long_px:.0f} px, {area_px:.0f} px²"
    return f"{long_mm:.0f} mm, {area_mm2:.0f} mm²"


def gap_text(side: SideResult) -> str | None:
    """Put the gap that a class rests on in words."""
    evidence = side.evidence
    if evidence.gap_ends_xy_px is None:
        return None
    return f"gap {evidence.gap_px:.0f} px" if evidence.gap_mm is None else f"gap {evidence.gap_mm:.1f} mm"


def untouched(study: ReviewInput) -> list[dict[str, Any]]:
    """Return a study's findings as the model left them."""
    return [{"id": f.id, "image_uid": f.sop_instance_uid, "outline": model_outline(f)} for f in study.result.findings]
