"""The one place that strings the stages together."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.errors import HOImagingError, ModelError, ReadError, RefusedError
from ho_imaging.files.atomic import write_bytes
from ho_imaging.findings.resolution import why_too_coarse
from ho_imaging.gate import check_attributes
from ho_imaging.messages import Message
from ho_imaging.network.site import Site, read_site
from ho_imaging.pipeline.film_warnings import film_warnings, with_doubts
from ho_imaging.pipeline.look import look_at
from ho_imaging.pipeline.not_done import left_out_film, not_done, rejected_input
from ho_imaging.reading import Radiograph, StudyRef, discover, read_radiograph
from ho_imaging.reading.archive import in_archive, list_archive
from ho_imaging.reading.array import radiograph_from_array
from ho_imaging.reading.completeness import Completeness, StudyFilms
from ho_imaging.reading.one_study import (
    FilmHeader,
    by_study,
    copies_elsewhere,
    doubts,
    film_headers,
    left_out,
    why_not_one,
)
from ho_imaging.reading.read import ImageRef, check_spacing, with_callers_words
from ho_imaging.reading.reduction import reduce_radiograph
from ho_imaging.reading.sources import (
    ImageSource,
    PlainSource,
    check_list,
    container,
    one_image,
    plain_source,
    several,
)
from ho_imaging.results.analysis import FilmAnalysis, StudyAnalysis
from ho_imaging.results.build import (
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
from ho_imaging.vocabulary import Laterality, Region, Side, Status, View, to_word

if TYPE_CHECKING:
    from ho_imaging.network.model_store import Model

__all__ = ["LOADING", "Analyzer"]

logger = logging.getLogger(__name__)

LOADING = "load model"
"""The stage in which the model and the libraries it needs are loaded, once."""


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
    TypeError
        If model or device is of a type that means nothing.
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
        if not isinstance(device, str):
            raise TypeError(f"device must be a word, not {type(device).__name__} (give auto, cpu, cuda or mps)")
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
        elif not hasattr(model, "identity"):
            raise TypeError(f"{type(model).__name__} is no model (give a name, a folder or a model that is loaded)")
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
        paths: list[str | PathLike[str]] = []
        in_memory: list[PlainSource] = []
        with ExitStack() as kept:
            names: dict[str, str] = {}
            for number, item in enumerate(several(sources), start=1):
                if container(item) == "zip archive":
                    path = Path(kept.enter_context(_on_disk(item, number)) if isinstance(item, bytes) else str(item))
                    names |= {f"{path.parent}/": ""} if isinstance(item, bytes) else {}
                    list_archive(path)  # what is wrong with a whole archive is raised
                    paths.append(path)
                elif isinstance(item, str | PathLike):
                    paths.append(item)
                else:
                    in_memory.append(item)
            found = discover(paths)
            films: list[PlainSource] = [image for study in found.studies for image in study.images]
            films += in_memory
            headers = film_headers(films)
            elsewhere = copies_elsewhere(headers)
            studies = [[films[n] for n in places if n not in elsewhere] for places in by_study(headers)]
            results = [moved(self.analyze_films(study, context=context).result, names) for study in studies if study]
            results += [moved(left_out_film(films[place], place, reason), names) for place, reason in elsewhere.items()]
        return results + [
            rejected_input(moved_text(str(item.path), names), item.status, moved_message(item.reason, names))
            for item in found.rejected
            if not item.stray
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
            if isinstance(source, str | PathLike) and not Path(source).exists() and in_archive(Path(source)) is None:
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
        unused = left_out(headers)
        for number, source in enumerate(images):
            if number in unused:
                ended.append(not_done(source, number, None, Status.REFUSED, RefusedError(unused[number]))[0])
                continue
            image, film, uid = self._film(source, number)
            ended.append(image)
            study_uid = study_uid or uid
            if film is not None:
                films.append(film)
                warnings += film_warnings(film)
        datasets = {str(s.SOPInstanceUID): s for s in images if isinstance(s, Dataset) and "SOPInstanceUID" in s}
        return self._graded(study_uid, ended, films, warnings, context, completeness, datasets)

    def _graded(
        self,
        study_uid: str | None,
        ended: Sequence[ImageResult],
        films: Sequence[FilmAnalysis],
        warnings: Sequence[Message],
        context: StudyContext | None,
        completeness: Completeness | None,
        datasets: dict[str, Dataset],
    ) -> StudyAnalysis:
        """Grade the films of a study that were analysed; ``ended``: every image, however it ended."""
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
        ended = [not_done(source, number, None, status, error) for number, source in enumerate(sources)]
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
            film, scope_probability = look_at(self.model, radiograph)
        except RefusedError as error:
            return not_done(source, number, radiograph, Status.REFUSED, with_doubts(error, radiograph))
        except ReadError as error:
            return not_done(source, number, radiograph, Status.FAILED, error)
        except HOImagingError:
            raise
        except Exception as error:  # whatever one film does to a library must not cost the others
            logger.debug("film %d", number, exc_info=True)
            wrapped = ReadError(Message("internal_error", kind=type(error).__name__))
            return not_done(source, number, radiograph, Status.FAILED, wrapped)
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
        worded = with_callers_words(
            radiograph,
            None if radiograph.region.source == said_already else self._region,
            None if radiograph.view.source == said_already else self._view,
            None if radiograph.laterality.source == said_already else self._laterality,
            None if radiograph.spacing.source == said_already else self._spacing_mm,
        )
        return reduce_radiograph(worded, self._coarsest_mm)

    @property
    def _coarsest_mm(self) -> float:
        """Largest pixel of a film that is fine enough; needs no network, for a film may not be readable."""
        if self._model is not None:
            return self._model.description.preparation.coarsest_source_mm
        from ho_imaging.network.model_store import find_model, read_description  # noqa: PLC0415  (as below)

        return read_description(find_model(self._model_name)).preparation.coarsest_source_mm

    def _read(self, source: str | PathLike[str] | bytes | Dataset | ImageRef) -> Radiograph:
        """Read a film no finer than it is looked at; all values of one whose window hides part of it, which is said."""
        return read_radiograph(
            source,
            region=self._region,
            view=self._view,
            laterality=self._laterality,
            spacing_mm=self._spacing_mm,
            never_clipped=True,
            coarsest_mm=self._coarsest_mm,
        )


@contextmanager
def _on_disk(archive: bytes, number: int) -> Iterator[str]:
    """Write an archive that is in memory to a folder that is deleted again; gives its path.

    Raises
    ------
    WriteError
        If there is no room for it.

    """
    with TemporaryDirectory(prefix="ho_imaging-") as folder:
        path = Path(folder, f"archive {number}")
        write_bytes(path, archive)
        yield str(path)


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


def _with_study_wide_ids(films: Sequence[FilmAnalysis]) -> list[FilmAnalysis]:
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
