"""The one place that strings the stages together."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, ModelError, OutOfScopeError, ReadError, RefusedError
from ho_imaging.findings import find_nodules, find_possible_nodules, highest_probabilities, read_anatomy
from ho_imaging.findings.nodules import Surroundings
from ho_imaging.findings.resolution import only_possible, resolution_flags, why_too_coarse
from ho_imaging.gate import check_anatomy, check_attributes, check_region
from ho_imaging.messages import Message
from ho_imaging.network.site import Site, read_site
from ho_imaging.preparing import prepare
from ho_imaging.preparing.quality import film_quality
from ho_imaging.reading import Radiograph, Rejected, StudyRef, discover, read_radiograph
from ho_imaging.reading.archive import unpacked
from ho_imaging.reading.array import radiograph_from_array
from ho_imaging.reading.completeness import Completeness, StudyFilms
from ho_imaging.reading.grayscale import WINDOW_CLIPS
from ho_imaging.reading.one_study import FilmHeader, by_study, copies, doubts, film_headers, why_not_one
from ho_imaging.reading.read import ImageRef, check_spacing, with_callers_words
from ho_imaging.reading.sources import (
    ImageSource,
    PlainSource,
    check_list,
    container,
    one_image,
    plain_source,
    several,
)
from ho_imaging.reading.uid import usable_uid
from ho_imaging.results.analysis import FilmAnalysis, StudyAnalysis
from ho_imaging.results.build import (
    failed_image,
    finding_result,
    image_result,
    model_result,
    severity_result,
    study_result,
)
from ho_imaging.results.messages import message_result
from ho_imaging.results.moved import moved, moved_message, moved_text
from ho_imaging.results.schema import ImageResult, StudyResult
from ho_imaging.severity import FilmReading, StudyContext, grade_study, same_nodules
from ho_imaging.severity.context import context_from_words
from ho_imaging.stopwatch import stage
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Status, View, to_word

if TYPE_CHECKING:
    from ho_imaging.findings import Anatomy
    from ho_imaging.network.model_store import Model
    from ho_imaging.network.prediction import Prediction
    from ho_imaging.preparing import Prepared

__all__ = ["LOADING", "Analyzer", "FilmAnalysis", "StudyAnalysis", "analyze", "analyze_all", "analyze_array"]

logger = logging.getLogger(__name__)

LOADING = "load model"
"""The stage in which the model and the libraries it needs are loaded, once."""

_RESCALE_TOLERANCE = 0.12
"""A film without spacing is looked at again when its femoral heads say that its size was wrong by more than this."""

_MOST_RESCALES = 2
_UNSETTLED = 0.25


class Analyzer:
    """Keeps a model loaded and analyses studies with it. One instance may be used by many threads.

    Parameters
    ----------
    model
        Name or folder of a model, which is loaded when first needed, once; or one that is loaded already.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    region, view, laterality
        Used for every image in place of what the files say. Words may be written with spaces; a side is ``left``,
        ``right`` or ``bilateral``, or in short L, R, B or ``both``.
    spacing_mm
        Likewise the height and width of a pixel in mm.
    site
        A site file (`ho-imaging validate --suggest-threshold`): its operating threshold and confidence of findings are
        used in place of the model's. It must be of the same weights, which is checked when the model is loaded.

    Raises
    ------
    UsageError
        If an argument means nothing, or the site file cannot be read.

    """

    def __init__(
        self,
        model: str | PathLike[str] | Model = "default",
        *,
        device: str = "auto",
        region: Region | str | None = None,
        view: View | str | None = None,
        laterality: Laterality | Side | str | None = None,
        spacing_mm: tuple[float, float] | None = None,
        site: str | PathLike[str] | Site | None = None,
    ) -> None:
        self._device = device
        self._site = site if site is None or isinstance(site, Site) else read_site(site)
        self._region = to_word(Region, region)
        self._view = to_word(View, view)
        self._laterality = to_word(Laterality, laterality)
        if spacing_mm is not None:
            check_spacing(spacing_mm)
        self._spacing_mm = spacing_mm
        self._model_name: str | Path = "default"
        self._model: Model | None = None
        if isinstance(model, str | PathLike):
            self._model_name = model if isinstance(model, str) else Path(model)
        else:
            self._model = self._with_site(model)
        self._lock = threading.Lock()

    @property
    def model(self) -> Model:
        """The loaded model; loads it if need be.

        Raises
        ------
        ModelError
            If there is no such model or it is damaged.
        UsageError
            If the site file is of other weights.

        """
        with self._lock:
            if self._model is None:
                with stage(LOADING):
                    self._model = self._with_site(self._load())
            return self._model

    def _load(self) -> Model:
        """Load the model; whatever is wrong with it or the libraries it needs is no fault of the film at hand."""
        try:
            from ho_imaging.network.model_store import load_model  # noqa: PLC0415  (torch loads only when it is needed)

            return load_model(self._model_name, device=self._device)
        except HOImagingError:
            raise
        except Exception as error:
            raise ModelError(
                f"model {self._model_name} cannot be loaded ({type(error).__name__}: {error})",
                remedy="check the installation and the memory that is free",
            ) from error

    def _with_site(self, model: Model) -> Model:
        if self._site is None:
            return model
        self._site.check(model.identity)
        return replace(model, site=self._site)

    def analyze(self, source: ImageSource, *, context: StudyContext | None = None) -> StudyResult:
        """Analyse one image.

        Nothing about an image raises: its status and reason say what became of it.

        Parameters
        ----------
        source
            A path, the bytes of a file, a file open for reading bytes, or a pydicom data set.
        context
            Clinical facts, kept with the result.

        Returns
        -------
        StudyResult
            The result of a study of this one image.

        Raises
        ------
        ReadError
            If a path does not exist.
        ModelError
            If the model cannot be loaded.
        UsageError
            If it is a folder, a DICOMDIR or a zip archive: these go to `analyze_all`.
        TypeError
            If it is no image: an array goes to `analyze_array`, a list to `analyze_all`.

        """
        return self.analyze_films([one_image(source)], context=context).result

    def analyze_all(
        self, sources: ImageSource | Iterable[ImageSource], *, context: StudyContext | None = None
    ) -> list[StudyResult]:
        """Analyse a folder, a DICOMDIR, a zip archive, or several images, study by study.

        Nothing about an image raises: its status and reason say what became of it. Images that a caller knows to be
        one study, such as pictures without a header, go to `analyze_films`.

        Parameters
        ----------
        sources
            A folder, a DICOMDIR, a zip archive or an image (see `analyze`), or several of these.
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
        TypeError
            If a source is no image.
        UsageError
            If a source is ``"-"``, or a file that is open as text.

        """
        if isinstance(sources, StudyFilms):
            return [self.analyze_films(sources, context=context).result]
        with ExitStack() as archives:
            paths: list[str | PathLike[str]] = []
            in_memory: list[PlainSource] = []
            names: dict[str, str] = {}
            failed: list[Rejected] = []
            for number, item in enumerate(several(sources), start=1):
                if container(item) == "zip archive" and isinstance(item, str | PathLike | bytes):
                    name = f"archive {number}" if isinstance(item, bytes) else str(item)
                    files = archives.enter_context(unpacked(item))
                    names[str(files.folder)] = name
                    failed += [Rejected(Path(name, file), Status.FAILED, reason) for file, reason in files.failed]
                    paths.append(files.folder)
                elif isinstance(item, str | PathLike):
                    paths.append(item)
                else:
                    in_memory.append(item)
            found = discover(paths)
            films: list[PlainSource] = [image for study in found.studies for image in study.images]
            films += in_memory
            studies = [[films[place] for place in places] for places in by_study(film_headers(films))]
            results = [moved(self.analyze_films(study, context=context).result, names) for study in studies]
        rejected = [item for item in found.rejected if not item.stray]
        return results + [
            self._rejected(moved_text(str(item.path), names), item.status, moved_message(item.reason, names))
            for item in [*failed, *rejected]
        ]

    def analyze_array(
        self,
        pixels: NDArray[np.generic],
        *,
        spacing_mm: tuple[float, float] | None = None,
        region: Region | str | None = None,
        view: View | str | None = None,
        laterality: Laterality | Side | str | None = None,
        bone_is_bright: bool = True,
        context: StudyContext | None = None,
    ) -> StudyResult:
        """Analyse an array of grey values.

        Parameters
        ----------
        pixels
            Shape (rows, columns), whole numbers or finite floating point numbers, row 0 at the top.
        spacing_mm
            Height and width of a pixel in mm; by default the analyzer's.
        region, view, laterality
            What the image shows; by default the analyzer's. A side may be R, L, B or ``both``.
        bone_is_bright
            False for values in which bone is dark, as they are in MONOCHROME1.
        context
            Clinical facts, kept with the result.

        Returns
        -------
        StudyResult
            The result of a study of this one image.

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
        radiograph = radiograph_from_array(
            pixels,
            spacing_mm=spacing_mm,
            region=region,
            view=view,
            laterality=laterality,
            bone_is_bright=bone_is_bright,
        )
        return self.analyze_films([radiograph], context=context).result

    def analyze_study(self, study: StudyRef, *, context: StudyContext | None = None) -> StudyAnalysis:
        """Analyse a study that `discover` found.

        Parameters
        ----------
        study
            One of the studies of `ho_imaging.discover`.
        context
            Clinical facts, kept with the result.

        Returns
        -------
        StudyAnalysis
            The result, and what was computed on the way.

        Raises
        ------
        ReadError
            If a file does not exist any more.
        ModelError
            If the model cannot be loaded.

        """
        return self.analyze_films(study.images, study_uid=study.study_uid, context=context)

    def analyze_films(
        self,
        sources: Sequence[ImageSource],
        *,
        study_uid: str | None = None,
        context: StudyContext | None = None,
        accept_incomplete: bool = False,
    ) -> StudyAnalysis:
        """Analyse images as one study.

        Images that are not of one study or one patient (`ho_imaging.reading.identity`) end as ``refused``, all of
        them. Of several with one SOP Instance UID one is used. A study of which a part did not come
        (`ho_imaging.reading.completeness`) ends as ``failed`` unless ``accept_incomplete``; then the result says so.

        Parameters
        ----------
        sources
            The images, in a list, each as `analyze` takes it or as `discover` found it; or what an archive gave.
        study_uid
            The study they are said to be of; by default the one they state.
        context
            Clinical facts, kept with the result.
        accept_incomplete
            Grade a study although a part of it is known to be missing.

        Returns
        -------
        StudyAnalysis
            The result, and what was computed on the way.

        Raises
        ------
        ReadError
            If a path does not exist.
        ModelError
            If the model cannot be loaded.
        TypeError
            If there is no list of images.
        UsageError
            If an image is a file that is open as text.

        """
        check_list(sources)
        completeness = sources.completeness if isinstance(sources, StudyFilms) else None
        images = [plain_source(source) for source in sources]
        for source in images:
            if isinstance(source, str | PathLike) and not Path(source).exists():
                raise ReadError(Message("file_missing"), path=source)
        headers = film_headers(images) if len(images) > 1 or study_uid is not None else []
        wrong = _why_not_graded(headers, study_uid, None if accept_incomplete else completeness)
        if wrong is not None:
            return self._withheld(images, study_uid, completeness, *wrong)
        ended: list[ImageResult] = []
        films: list[FilmAnalysis] = []
        warnings: list[Message] = doubts(headers)
        if completeness is not None and not completeness.complete:
            warnings.insert(0, Message("graded_incomplete", reasons=completeness.reasons))
        left_out = copies(headers)
        for number, source in enumerate(images):
            if number in left_out:
                ended.append(self._not_done(source, number, None, Status.REFUSED, RefusedError(left_out[number]))[0])
                continue
            image, film, uid = self._film(source, number)
            ended.append(image)
            study_uid = study_uid or uid
            if film is not None:
                films.append(film)
                warnings += _warnings(film)
        films = _with_study_wide_ids(films)
        readings = [film.reading for film in films]
        with stage("severity"):
            severity = grade_study(readings) if films else None
            repeats = same_nodules(readings) if len(films) > 1 else {}
        findings = [finding_result(f, f.id, repeats.get(f.id)) for reading in readings for f in reading.findings]
        possible = [
            finding_result(f, f.id) for reading in readings if why_too_coarse(reading.quality) for f in reading.possible
        ]
        if context is None and readings:
            context = _stated_context(readings)
        result = study_result(
            study_uid or "unknown",
            ended,
            findings,
            None if severity is None else severity_result(severity),
            model_result(self.model.identity) if films else None,
            warnings,
            context,
            possible,
            completeness,
        )
        by_uid = {film.reading.prepared.radiograph.sop_instance_uid: film for film in films}
        datasets = {str(s.SOPInstanceUID): s for s in images if isinstance(s, Dataset) and "SOPInstanceUID" in s}
        return StudyAnalysis(result, severity, by_uid, datasets)

    def _withheld(
        self,
        sources: Sequence[PlainSource],
        study_uid: str | None,
        completeness: Completeness | None,
        status: Status,
        error: HOImagingError,
    ) -> StudyAnalysis:
        """End all images of a study alike, without looking at them."""
        ended = [self._not_done(source, number, None, status, error) for number, source in enumerate(sources)]
        uid = study_uid or next((study for _, _, study in ended if study is not None), "unknown")
        result = study_result(uid, [image for image, _, _ in ended], [], None, None, [], completeness=completeness)
        return StudyAnalysis(result.model_copy(update={"reason": message_result(error.message)}), None, {})

    def _film(self, source: PlainSource, number: int) -> tuple[ImageResult, FilmAnalysis | None, str | None]:
        """Analyse one film; what goes wrong becomes its status and reason."""
        radiograph: Radiograph | None = None
        try:
            with stage("read"):
                radiograph = self._worded(source) if isinstance(source, Radiograph) else self._read(source)
            check_attributes(radiograph)
            film, scope_probability = self._look(radiograph)
        except RefusedError as error:
            return self._not_done(source, number, radiograph, Status.REFUSED, _with_doubts(error, radiograph))
        except ReadError as error:
            return self._not_done(source, number, radiograph, Status.FAILED, error)
        except HOImagingError:
            raise
        except Exception as error:  # whatever one film does to a library must not cost the others
            logger.debug("film %d", number, exc_info=True)
            wrapped = ReadError(Message("internal_error", kind=type(error).__name__))
            return self._not_done(source, number, radiograph, Status.FAILED, wrapped)
        image = image_result(
            film.reading.prepared.radiograph,
            status=Status.DONE,
            scope_probability=scope_probability,
            reading=film.reading,
        )
        return image, film, radiograph.study_uid

    def _worded(self, radiograph: Radiograph) -> Radiograph:
        """Apply this analyzer's words to a radiograph that was read already; what its own caller said stands."""
        said_already = "caller"
        return with_callers_words(
            radiograph,
            None if radiograph.region.source == said_already else self._region,
            None if radiograph.view.source == said_already else self._view,
            None if radiograph.laterality.source == said_already else self._laterality,
            None if radiograph.spacing.source == said_already else self._spacing_mm,
        )

    def _read(self, source: str | PathLike[str] | bytes | Dataset | ImageRef) -> Radiograph:
        """Read a film; one whose window hides part of it is looked at with all its values, and says so."""
        return read_radiograph(
            source,
            region=self._region,
            view=self._view,
            laterality=self._laterality,
            spacing_mm=self._spacing_mm,
            never_clipped=True,
        )

    def _look(self, radiograph: Radiograph) -> tuple[FilmAnalysis, float | None]:
        """Prepare, predict, find, check showing and scope; without spacing, look again at the size the joints tell."""
        model = self.model
        from ho_imaging.gate.showing import shown_wrongly  # noqa: PLC0415  (torch loads only when it is needed)
        from ho_imaging.network.inference import predict  # noqa: PLC0415  (likewise)
        from ho_imaging.network.quality_correction import lowered, shift_of, weigh_quality  # noqa: PLC0415  (likewise)

        check_region(radiograph, model.description.regions, model.description.name)
        contract = model.description.preparation

        def look(source_pixel_mm: float | None) -> tuple[Prepared, Prediction, Anatomy]:
            with stage("prepare"):
                prepared = prepare(radiograph, contract, source_pixel_mm=source_pixel_mm)
            with stage("network"):
                prediction = predict(model, prepared)
            with stage("findings"):
                return prepared, prediction, read_anatomy(prediction)

        prepared, prediction, anatomy = look(None)
        for _ in range(_MOST_RESCALES):
            if not prepared.scale.is_assumed or anatomy.scale.is_assumed:
                break
            wrong_by = anatomy.scale.cell_mm / prepared.scale.cell_mm
            if abs(wrong_by - 1.0) <= _RESCALE_TOLERANCE or not 0.2 < wrong_by < 5.0:
                break
            prepared, prediction, anatomy = look(wrong_by * contract.pixel_mm / prepared.grid.column_scale)
        if anatomy.scale.basis is SpacingBasis.ANATOMICAL:
            # A scale that the heads did not settle on is none.
            off = anatomy.scale.cell_mm / prepared.scale.cell_mm
            if abs(off - 1.0) > _UNSETTLED:
                anatomy = replace(anatomy, scale=prepared.scale)
        with stage("network"):
            showing = shown_wrongly(model, prediction, anatomy)
        if showing is not None:
            raise OutOfScopeError(showing, path=radiograph.path)
        scope = check_anatomy(prediction, anatomy, model.description.scope_threshold)
        if scope.reason is not None:
            raise OutOfScopeError(scope.reason, path=radiograph.path)
        with stage("findings"):
            quality = film_quality(prepared, anatomy.scale.measured_mm)
            correction = model.description.quality_correction
            prediction = weigh_quality(prediction, quality, correction)
            around = Surroundings(prediction, anatomy)
            findings, possible = only_possible(
                find_nodules(prediction, anatomy, around), find_possible_nodules(prediction, anatomy, around), quality
            )
            shift = shift_of(quality, contract.pixel_mm, correction)
            highest = {side: lowered(p, shift) for side, p in highest_probabilities(prediction, anatomy).items()}
        reading = FilmReading(prepared, anatomy, findings, possible, highest, quality)
        return FilmAnalysis(prediction, reading), scope.scope_probability

    def _not_done(
        self,
        source: PlainSource,
        number: int,
        radiograph: Radiograph | None,
        status: Status,
        error: HOImagingError,
    ) -> tuple[ImageResult, None, str | None]:
        reason = error.message
        logger.info("%s: %s: %s", error.path or f"film {number}", status.value, reason)
        if radiograph is not None:
            return image_result(radiograph, status=status, reason=reason), None, radiograph.study_uid
        uid, series, study, path = _identity(source, number)
        image = failed_image(sop_instance_uid=uid, series_uid=series, path=path, status=status, reason=reason)
        return image, None, study

    def _rejected(self, path: str, status: Status, reason: Message) -> StudyResult:
        from ho_imaging.reading.raster import raster_uid  # noqa: PLC0415  (only for inputs in no study)

        uid = raster_uid(path.encode("utf-8", "surrogateescape"), "input")
        image = failed_image(sop_instance_uid=uid, series_uid=None, path=path, status=status, reason=reason)
        return study_result(uid, [image], [], None, None, [])


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


def _why_not_graded(
    headers: Sequence[FilmHeader], study_uid: str | None, completeness: Completeness | None
) -> tuple[Status, HOImagingError] | None:
    """Return how images end that must not be graded as one study, and why."""
    refusal = why_not_one(headers, study_uid)
    if refusal is not None:
        return Status.REFUSED, refusal
    if completeness is None or completeness.complete:
        return None
    return Status.FAILED, ReadError(Message("study_incomplete", reasons=completeness.reasons))


def _identity(source: PlainSource, number: int) -> tuple[str, str | None, str | None, str | None]:
    """SOP instance, series and study UID and path of a film that could not be read, as far as they are known."""
    if isinstance(source, ImageRef | Radiograph):
        path = None if source.path is None else str(source.path)
        return source.sop_instance_uid, source.series_uid, source.study_uid, path
    if isinstance(source, Dataset):

        def text(keyword: str) -> str | None:
            return usable_uid(str(source.get(keyword, "") or "").strip()) or None

        return text("SOPInstanceUID") or f"unknown.{number}", text("SeriesInstanceUID"), text("StudyInstanceUID"), None
    path = None if isinstance(source, bytes) else str(source)
    try:
        from ho_imaging.reading.open_dicom import open_dataset  # noqa: PLC0415  (only for films that failed)

        dataset = open_dataset(source if isinstance(source, bytes) else Path(source), header_only=True)
        uid, series, study, _ = _identity(dataset, number)
        return uid, series, study, path
    except HOImagingError:
        from ho_imaging.reading.raster import raster_uid  # noqa: PLC0415

        key = source if isinstance(source, bytes) else str(source).encode("utf-8", "surrogateescape")
        uid = raster_uid(key, "input")
        return uid, None, uid, path


def _with_study_wide_ids(films: list[FilmAnalysis]) -> list[FilmAnalysis]:
    """Assign finding numbers over the whole study, so that an id names one nodule on one film."""
    numbered: list[FilmAnalysis] = []
    found, possible = itertools.count(1), itertools.count(1)
    for film in films:
        findings = tuple(replace(f, id=f"F{next(found)}") for f in film.reading.findings)
        others = tuple(replace(f, id=f"P{next(possible)}") for f in film.reading.possible)
        numbered.append(replace(film, reading=replace(film.reading, findings=findings, possible=others)))
    return numbered


def _stated_context(readings: Sequence[FilmReading]) -> StudyContext | None:
    """Return the cause that an image's own file names, where the caller gave none."""
    for reading in readings:
        stated = reading.prepared.radiograph.stated_cause
        if stated is not None:
            return context_from_words(stated.value, source=stated.source)
    return None


_GREYS_IN_DOUBT = {
    WINDOW_CLIPS: Message("advice.window"),
    "window_misses": Message("advice.window"),
    "window_invalid": Message("advice.window"),
    "voi_lut_invalid": Message("advice.voi_lut"),
    "modality_lut_invalid": Message("advice.modality_lut"),
    "rescale_invalid": Message("advice.rescale"),
    "photometric_invalid": Message("advice.photometric"),
    "polarity_statements_disagree": Message("advice.photometric"),
    "transfer_syntax_wrong": Message("advice.transfer_syntax"),
    "bits_stored_wrong": Message("advice.bits_stored"),
    "pixel_description_invalid": Message("advice.pixel_description"),
}
"""Quality flags that say that greys may not be what was meant, with what can be done."""


def _with_doubts(error: RefusedError, radiograph: Radiograph | None) -> RefusedError:
    """Name what makes the greys of a refused film doubtful: the film may be one of a hip all the same."""
    doubts = [flag for flag in radiograph.quality if flag.code in _GREYS_IN_DOUBT] if radiograph is not None else []
    if not doubts:
        return error
    about = Message(
        "greys_in_doubt",
        doubts=tuple(dict.fromkeys(flag.message for flag in doubts)),
        advice=tuple(dict.fromkeys(_GREYS_IN_DOUBT[flag.code] for flag in doubts)),
    )
    return type(error)(error.message.with_also(about), path=error.path)


_SERIOUS = {
    *_GREYS_IN_DOUBT,
    "polarity_contradicts_pixels",
    "laterality_conflict",
    "orientation_unusual",
    "spacing_implausible",
}


def _warnings(film: FilmAnalysis) -> list[Message]:
    """Return what a reader of the study must know first; the full list of flags stands with each film."""
    radiograph = film.reading.prepared.radiograph
    found = [flag.message for flag in radiograph.quality if flag.code in _SERIOUS]
    found += [flag.message for flag in resolution_flags(film.reading.quality)]
    stated = radiograph.laterality
    anatomy = film.reading.anatomy
    landmark = anatomy.plan.landmark
    if anatomy.sides.both and stated.value in {Laterality.LEFT, Laterality.RIGHT}:
        found.append(Message("sides_by_place", source=stated.source, side=stated.value))
    if anatomy.scale.basis is SpacingBasis.ANATOMICAL and landmark is not None:
        found.append(
            Message(
                "mm_from_heads",
                landmarks=landmark.words,
                diameter_mm=landmark.diameter_mm,
                percent=100.0 * landmark.scale_sd,
            )
        )
    elif anatomy.scale.is_assumed:
        found.append(Message("no_spacing") if landmark is None else Message("no_mm", landmark=landmark.structure))
    return found
