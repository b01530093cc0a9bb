"""Calls for one use: each makes an `Analyzer` of its own."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from ho_imaging.pipeline.analyzer import Analyzer
from ho_imaging.reading.sources import ImageSource
from ho_imaging.results.schema import StudyResult
from ho_imaging.severity import StudyContext
from ho_imaging.vocabulary import Laterality, Region, Side, View

__all__ = ["analyze", "analyze_all", "analyze_array"]


def analyze(
    source: ImageSource,
    *,
    model: str | PathLike[str] = "default",
    device: str = "auto",
    region: Region | str | None = None,
    view: View | str | None = None,
    laterality: Laterality | Side | str | None = None,
    spacing_mm: tuple[float, float] | None = None,
    site: str | PathLike[str] | None = None,
    context: StudyContext | None = None,
) -> StudyResult:
    """Analyse one image. For more than one call keep an `Analyzer`: it loads the model once.

    Parameters
    ----------
    source
        A path, the bytes of a file, a file open for reading bytes, or a pydicom data set.
    model, device, region, view, laterality, spacing_mm, site
        As `Analyzer` takes them.
    context
        Clinical facts, kept with the result.

    Returns
    -------
    StudyResult
        The result of a study of this one image. Nothing about an image raises: status and reason say what became of it.

    Raises
    ------
    ReadError
        If a path does not exist.
    ModelError
        If the model cannot be loaded.
    UsageError
        If an argument means nothing, or the source is a folder, a DICOMDIR or a zip archive: see `analyze_all`.
    TypeError
        If it is no image: an array goes to `analyze_array`, a list to `analyze_all`.

    Examples
    --------
    >>> import ho_imaging
    >>> result = ho_imaging.analyze("film.dcm", region="hip", laterality="R")  # doctest: +SKIP

    """
    analyzer = Analyzer(
        model, device=device, region=region, view=view, laterality=laterality, spacing_mm=spacing_mm, site=site
    )
    return analyzer.analyze(source, context=context)


def analyze_all(
    sources: ImageSource | Iterable[ImageSource],
    *,
    model: str | PathLike[str] = "default",
    device: str = "auto",
    region: Region | str | None = None,
    view: View | str | None = None,
    laterality: Laterality | Side | str | None = None,
    spacing_mm: tuple[float, float] | None = None,
    site: str | PathLike[str] | None = None,
    context: StudyContext | None = None,
) -> list[StudyResult]:
    """Analyse a folder, a DICOMDIR, a zip archive, or several images, study by study.

    For very many studies, or to resume, use `ho_imaging.batch.run_batch`.

    Parameters
    ----------
    sources
        A folder, a DICOMDIR, a zip archive or an image (see `analyze`), or several of these.
    model, device, region, view, laterality, spacing_mm, site
        As `Analyzer` takes them.
    context
        Clinical facts, kept with each result.

    Returns
    -------
    list of StudyResult
        One result a study, by Study Instance UID, and one for every input that is in no study.

    Raises
    ------
    ReadError
        If a path does not exist, or an archive cannot be unpacked.
    ModelError
        If the model cannot be loaded.
    UsageError
        If an argument means nothing.
    TypeError
        If a source is no image.

    """
    analyzer = Analyzer(
        model, device=device, region=region, view=view, laterality=laterality, spacing_mm=spacing_mm, site=site
    )
    return analyzer.analyze_all(sources, context=context)


def analyze_array(
    pixels: NDArray[np.generic],
    *,
    spacing_mm: tuple[float, float] | None = None,
    region: Region | str | None = None,
    view: View | str | None = None,
    laterality: Laterality | Side | str | None = None,
    bone_is_bright: bool = True,
    model: str | PathLike[str] = "default",
    device: str = "auto",
    site: str | PathLike[str] | None = None,
    context: StudyContext | None = None,
) -> StudyResult:
    """Analyse an array of grey values.

    Parameters
    ----------
    pixels
        Shape (rows, columns), whole numbers or finite floating point numbers, row 0 at the top.
    spacing_mm
        Height and width of a pixel in mm; without, there are no millimetres but those that the femoral heads tell.
    region, view, laterality
        What the image shows; a side may be R, L, B or ``both``.
    bone_is_bright
        False for values in which bone is dark, as they are in MONOCHROME1.
    model, device, site
        As `Analyzer` takes them.
    context
        Clinical facts, kept with the result.

    Returns
    -------
    StudyResult
        The result of a study of this one image. The same array has the same UIDs.

    Raises
    ------
    TypeError
        If it is no array of numbers.
    UsageError
        If it is not a grey image of rows and columns, or an argument means nothing.
    TooLargeError
        If it has more than 150 million pixels, or would be longer than 1.5 m by ``spacing_mm``.
    ModelError
        If the model cannot be loaded.

    """
    return Analyzer(model, device=device, site=site).analyze_array(
        pixels,
        spacing_mm=spacing_mm,
        region=region,
        view=view,
        laterality=laterality,
        bone_is_bright=bone_is_bright,
        context=context,
    )
