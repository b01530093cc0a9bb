"""An image with its findings drawn by matplotlib, for notebooks and papers."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from ho_imaging.errors import UsageError
from ho_imaging.extras import missing_extra
from ho_imaging.outputs.label_mask import gap_xy, image_of, rings_xy
from ho_imaging.reading import Radiograph, read_radiograph
from ho_imaging.reading.read import all_pixels
from ho_imaging.results.analysis import StudyAnalysis, result_of
from ho_imaging.results.schema import RESEARCH_USE, ImageResult, StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patheffects import AbstractPathEffect

__all__ = ["plot"]

_ORANGE, _BLUE = "#ffb000", "#64c8ff"
"""As in the program's other pictures: they keep apart for every common kind of colour vision."""


def plot(
    study: StudyResult | StudyAnalysis,
    sop_uid: str | None = None,
    *,
    image: str | PathLike[str] | bytes | Dataset | Radiograph | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one image with its findings, the gap and the grade of each side; needs matplotlib.

    Parameters
    ----------
    study
        A result, or what `Analyzer.analyze_films` returned.
    sop_uid
        SOP Instance UID of the image; not needed where one image was analysed.
    image
        The image itself. By default that of the analysis, or the file that the result names; without either the
        outlines are drawn alone.
    ax
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Coordinates are (x, y) = (column, row) in source pixels, with pixel centres at whole numbers.

    Raises
    ------
    UsageError
        If matplotlib is not installed, ``sop_uid`` names no image that was analysed, or ``image`` is another one.
    ReadError
        If ``image`` cannot be read.

    """
    result = result_of(study)
    about = image_of(result, sop_uid)
    radiograph = _radiograph(study, about, image)
    if ax is None:
        ax = _new_axes()
    rows, columns = about.rows or 0, about.columns or 0
    spacing = about.measured_spacing_mm or about.spacing_mm
    if radiograph is not None:
        ax.imshow(radiograph.pixels, cmap="gray", vmin=0.0, vmax=1.0)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xticks=[], yticks=[])
    ax.set_aspect(1.0 if spacing is None else spacing[0] / spacing[1])
    for finding in result.findings:
        if finding.sop_instance_uid != about.sop_instance_uid:
            continue
        for ring in rings_xy(finding):
            ax.plot(*zip(*ring, ring[0], strict=True), color=_ORANGE, linewidth=1.2)
        top = min((point for ring in rings_xy(finding) for point in ring), key=lambda point: point[1], default=None)
        if top is not None:
            size = "" if finding.long_axis_mm is None else f" {finding.long_axis_mm:.0f} mm"
            label = ax.annotate(f"{finding.id}{size}", top, color=_ORANGE, fontsize="small", va="bottom")
            label.set_path_effects(_outlined())
    for side in () if result.severity is None else result.severity.sides:
        ends = gap_xy(side.evidence)
        if ends and side.evidence.sop_instance_uid == about.sop_instance_uid:
            ax.plot(*zip(*ends, strict=True), color=_BLUE, marker="o", markersize=3)
    ax.set_title(_title(result), fontsize="medium")
    ax.set_xlabel(RESEARCH_USE, fontsize="xx-small", wrap=True)
    return ax


def _title(result: StudyResult) -> str:
    sides = () if result.severity is None else result.severity.sides
    said = [f"{side.side}: {'not graded' if side.grade is None else f'{side.system} {side.grade}'}" for side in sides]
    return ", ".join(said) or str(result.status)


def _radiograph(
    study: StudyResult | StudyAnalysis,
    about: ImageResult,
    image: str | PathLike[str] | bytes | Dataset | Radiograph | None,
) -> Radiograph | None:
    """Return the image as given, analysed, or read from where the result says it is; ``None`` where it is not there."""
    if image is None:
        if isinstance(study, StudyAnalysis) and about.sop_instance_uid in study.films:
            analysed = study.films[about.sop_instance_uid].reading.prepared.radiograph
            return all_pixels(analysed, study.datasets.get(about.sop_instance_uid))
        if about.path is None or not Path(about.path).is_file():
            return None
        image = about.path
    found = all_pixels(image) if isinstance(image, Radiograph) else read_radiograph(image, frame=about.frame or None)
    if found.sop_instance_uid != about.sop_instance_uid or found.shape != (about.rows, about.columns):
        raise UsageError(
            "the image is not the one that was analysed", path=found.path, remedy=f"give image {about.sop_instance_uid}"
        )
    return found


def _outlined() -> list[AbstractPathEffect]:
    """Return what draws a dark edge around a label, which lies on bright bone as often as not."""
    from matplotlib.patheffects import withStroke  # noqa: PLC0415  (as below)

    return [withStroke(linewidth=2.0, foreground="black")]


def _new_axes() -> Axes:
    try:
        from matplotlib import pyplot  # noqa: PLC0415  (optional, and slow to import)
    except ImportError as error:
        raise missing_extra(error, "evaluate", "a plot") from error
    return pyplot.subplots(figsize=(8, 8), layout="constrained")[1]
