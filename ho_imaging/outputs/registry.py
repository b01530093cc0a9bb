"""The registry of outputs: what each is called, what it is made from, and who writes it.

A package plugs in another output by an entry point of the group ``ho_imaging.outputs`` whose value is an `Output`::

    [project.entry-points."ho_imaging.outputs"]
    toy = "my_package.toy:OUTPUT"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ho_imaging.errors import HOImagingError, ReadError, UsageError
from ho_imaging.extras import missing_extra
from ho_imaging.files.output_names import OUTPUTS
from ho_imaging.messages import Message
from ho_imaging.vocabulary import Status

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ho_imaging.reading.radiograph import Radiograph
    from ho_imaging.results.analysis import StudyAnalysis
    from ho_imaging.results.folder import StudyFolder
    from ho_imaging.results.schema import StudyResult

__all__ = [
    "GROUP",
    "Chosen",
    "Needs",
    "Option",
    "Output",
    "Per",
    "Source",
    "choose",
    "find",
    "names",
    "write",
]

GROUP = "ho_imaging.outputs"
"""Entry points of this group are outputs of other packages."""


class Per(StrEnum):
    """Scope of an output: one study, or all studies of a batch together."""

    STUDY = "study"
    BATCH = "batch"


class Needs(StrEnum):
    """Material of an output: the result, the result and its films, or all that the analysis held in memory.

    An output that needs the analysis cannot be made from a result that was kept.
    """

    RESULT = "result"
    FILMS = "films"
    ANALYSIS = "analysis"


@dataclass(frozen=True)
class Source:
    """A study that an output is made from.

    Parameters
    ----------
    result
        What was found.
    analysis
        All that was computed on the way, or ``None`` for a result that was kept.
    folder
        The study's folder, which holds what was kept beside the result, or ``None``.
    problems
        Takes a message for each thing that could not be written, without patient data.
    earlier
        DICOM reports of an earlier result of the study, which a new one replaces.
    files
        Files of the films by SOP Instance UID, for a result that does not say them.

    """

    result: StudyResult
    analysis: StudyAnalysis | None = None
    folder: StudyFolder | None = None
    problems: list[Message] = field(default_factory=list, compare=False)
    earlier: tuple[Dataset, ...] = field(default=(), compare=False, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Return a name for files of the study that tells nothing but its UID."""
        from ho_imaging.results.folder import folder_name  # noqa: PLC0415  (this module lists names for --help)

        return folder_name(self.result.study_uid)

    def radiographs(self) -> Iterator[Radiograph]:
        """Yield the films that were analysed with all of their pixels, from memory or from where they were.

        Raises
        ------
        ReadError
            If one cannot be read, or is another film now.

        """
        from ho_imaging.reading.read import all_pixels, read_radiograph  # noqa: PLC0415  (loads the decoders)

        if self.analysis is not None:
            for uid, analysed in self.analysis.films.items():
                yield all_pixels(analysed.reading.prepared.radiograph, self.analysis.datasets.get(uid))
            return

        for image in self.result.images:
            if image.status != Status.DONE.value:
                continue
            path = self.files.get(image.sop_instance_uid, image.path)
            if path is None:
                raise ReadError(
                    f"film {image.sop_instance_uid} was in memory", remedy="make the output from the analysis"
                )
            film = read_radiograph(path, frame=image.frame or None)
            if film.sop_instance_uid != image.sop_instance_uid or film.shape != (image.rows, image.columns):
                raise ReadError("is another film than the result's", path=path, remedy="analyse it again")
            yield film


@dataclass(frozen=True)
class Option:
    """An option of an output: a switch where ``default`` is a bool, else a text.

    ``needs``: what the output is made from when the option is set.
    """

    about: str
    default: bool | str = False
    needs: Needs = Needs.RESULT
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """A way to write results.

    Parameters
    ----------
    name
        How it is asked for.
    about
        What it is, in a few words.
    write
        Writes it, whole or not at all, to a file or folder; called as ``write(source, path, **options)`` with a
        `Source`, or with an iterable of them for an output of a batch. Anything but `WriteError` that it raises costs
        this output alone.
    per
        Of a study or of a batch.
    needs
        What it is made from.
    file
        Name of its file, or of its folder, in the folder ``outputs`` of a study or a batch.
    options
        Options by name.
    packages
        Modules beyond this package's own dependencies that it imports.
    extra
        The extra of this package that installs them, or ``None``.
    always
        Every batch writes it, asked or not.
    shows_identifiers
        It may show a path, an order or a patient; one of a study is made again when a run asks for other identifiers.
    place
        For outputs of this package alone: where it lies in the folder of a study or batch, in place of
        ``outputs/FILE``; ``.`` for one that writes several files there.

    """

    name: str
    about: str
    write: Callable[..., None]
    per: Per = Per.STUDY
    needs: Needs = Needs.RESULT
    file: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    extra: str | None = None
    always: bool = False
    place: str | None = None
    shows_identifiers: bool = True

    def path_in(self, folder: Path) -> Path:
        """Return where it lies in the folder of a study, or of a batch."""
        return folder / (f"{OUTPUTS}/{self.file or self.name}" if self.place is None else self.place)

    def check_installed(self) -> None:
        """Raise `UsageError`, with the command that installs it, if a package that it imports is missing."""
        missing = [package for package in self.packages if find_spec(package) is None]
        if not missing:
            return
        if self.extra is not None:
            raise missing_extra(ImportError(name=missing[0]), self.extra, f"output {self.name}")
        # Of another distribution, whose extras are not known here.
        remedy = f"install it with: pip install {' '.join(missing)}"
        raise UsageError(f"output {self.name} needs {', '.join(missing)}", remedy=remedy)


@dataclass(frozen=True)
class Chosen:
    """An output with its options set.

    ``text``: how it is written on a command line and kept in a ledger; the same choice gives the same text.
    """

    output: Output
    options: Mapping[str, bool | str]

    @property
    def text(self) -> str:
        """Return NAME, or NAME:OPTION:OPTION=VALUE with the options that are not the default, by name."""
        known = self.output.options
        said = {name: value for name, value in self.options.items() if value != known[name].default}
        parts = [name if value is True else f"{name}={_word(value)}" for name, value in sorted(said.items())]
        return ":".join([self.output.name, *parts])

    @property
    def needs(self) -> Needs:
        """Return what it is made from, with these options."""
        order = list(Needs)
        of_options = [
            self.output.options[name].needs
            for name, value in self.options.items()
            if value != self.output.options[name].default
        ]
        return max([self.output.needs, *of_options], key=order.index)


_BUILT_IN = {
    "dicom": "dicom.output",
    "fhir": "fhir_file",
    "masks": "pictures:MASKS",
    "overlays": "pictures:OVERLAYS",
    "thumbnail": "pictures:THUMBNAIL",
    "report": "report.output",
    "tables": "batch_tables:TABLES",
    "worklist": "batch_tables:WORKLIST",
    **{name: f"exchange.{name}" for name in ("coco", "geojson", "labelme", "cvat", "yolo", "labels", "nrrd", "nifti")},
    "r": "exchange.r_table",
}
"""Outputs of this package by name: the module below ``ho_imaging.outputs`` whose ``OUTPUT``, or what is named, it is.

DICOM objects come first: what cannot be written of them is said in the result, which the others show.
"""


def names() -> tuple[str, ...]:
    """Return the names of all outputs: of this package, then of packages that plug in more."""
    return (*_BUILT_IN, *sorted(_plugged_in()))


def find(name: str) -> Output:
    """Return an output by its name.

    Raises
    ------
    UsageError
        If there is none of this name, or the package that plugs it in is broken.

    """
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        found = getattr(import_module(f"ho_imaging.outputs.{module}"), attribute or "OUTPUT")
        if not isinstance(found, Output):  # pragma: no cover  (a test goes through the table)
            raise TypeError(name)
        return found
    point = _plugged_in().get(name)
    if point is None:
        raise UsageError(f"unknown output {name!r}", remedy="use one of: " + ", ".join(names()))
    whose = point.value if point.dist is None else point.dist.name
    try:
        loaded = point.load()
    except Exception as error:  # whatever a foreign module does when it is imported
        raise UsageError(
            f"output {name} cannot be loaded ({type(error).__name__})", remedy=f"repair or remove {whose}"
        ) from error
    if not isinstance(loaded, Output) or loaded.name != name or loaded.place is not None:
        raise UsageError(f"{point.value} is not the output {name}", remedy=f"repair or remove {whose}")
    return loaded


def _plugged_in() -> dict[str, EntryPoint]:
    """Return the outputs of other packages; those of this one are never replaced."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in _BUILT_IN}


def choose(text: str) -> Chosen:
    """Return an output with its options, from ``NAME`` or ``NAME:OPTION:OPTION=VALUE``.

    Raises
    ------
    UsageError
        If there is no such output or option, or a package that it needs is missing.

    """
    name, *parts = text.strip().split(":")
    output = find(name)
    options: dict[str, Any] = {}
    for part in parts:
        option, equals, word = part.partition("=")
        value = word if equals else True
        if options.setdefault(option, value) != value:
            raise UsageError(f"{name}:{option} is given twice", remedy="give it once")
    return _chosen(output, options)


def _chosen(output: Output, options: Mapping[str, Any]) -> Chosen:
    """Return a choice whose options are all set and checked."""
    unknown = [name for name in options if name not in output.options]
    if unknown:
        known = ", ".join(output.options) or "none"
        raise UsageError(f"output {output.name} has no option {unknown[0]!r}", remedy=f"its options: {known}")
    output.check_installed()
    values = {name: _value(output, name, options.get(name, known.default)) for name, known in output.options.items()}
    return Chosen(output, values)


def _value(output: Output, name: str, value: object) -> bool | str:
    option = output.options[name]
    if isinstance(option.default, bool):
        words = {True: True, False: False, "true": True, "false": False}
        if isinstance(value, bool | str) and value in words:
            return words[value]
        raise UsageError(f"{output.name}:{name} is {value!r}", remedy="it is a switch: write its name alone")
    if not isinstance(value, str) or (option.choices and value not in option.choices):
        wanted = " or ".join(option.choices) or "a text"
        raise UsageError(f"{output.name}:{name} is {value!r}", remedy=f"write {name}={wanted}")
    return value


def _word(value: bool | str) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def write(
    study: StudyResult | StudyAnalysis | Source | Iterable[StudyResult | StudyAnalysis | Source],
    name: str,
    path: str | PathLike[str],
    **options: object,
) -> None:
    """Write results as one of the outputs.

    Parameters
    ----------
    study
        A result, what `Analyzer.analyze_study` returned, or, for an output of a batch, several of them.
    name
        The output, one of `names`.
    path
        The file to write, or the folder for an output of several files.
    **options
        Options of the output.

    Raises
    ------
    TypeError
        If it is no result.
    UsageError
        If there is no such output or option, a package is missing, several studies are given to an output of one, or
        the output needs the analysis and only a result is given.
    HOImagingError
        If something cannot be written.

    """
    chosen = _chosen(find(name), options)
    sources = [_source(item) for item in _several(study)]
    if chosen.needs is Needs.ANALYSIS and any(source.analysis is None for source in sources):
        raise UsageError(
            f"output {name} cannot be made from a kept result", remedy="give what Analyzer.analyze_study returned"
        )
    if chosen.output.per is Per.BATCH:
        chosen.output.write(sources, Path(path), **chosen.options)
        return
    if len(sources) != 1:
        raise UsageError(f"output {name} is of one study, {len(sources)} are given", remedy="write each on its own")
    chosen.output.write(sources[0], Path(path), **chosen.options)
    if sources[0].problems:
        raise HOImagingError(" ".join(map(str, sources[0].problems)))


def _several(study: Any) -> list[Any]:
    from ho_imaging.results.analysis import StudyAnalysis  # noqa: PLC0415
    from ho_imaging.results.schema import StudyResult  # noqa: PLC0415

    if isinstance(study, StudyResult | StudyAnalysis | Source | str) or not isinstance(study, Iterable):
        return [study]
    return list(study)


def _source(study: object) -> Source:
    from ho_imaging.results.analysis import StudyAnalysis, result_of  # noqa: PLC0415

    if isinstance(study, Source):
        return study
    return Source(result_of(study), study if isinstance(study, StudyAnalysis) else None)
