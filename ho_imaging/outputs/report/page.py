"""From a report's material to its page: one HTML text that holds everything it shows and runs no script."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ho_imaging.messages import Language, Message, Value, load_language
from ho_imaging.messages.words import BASIS_MEANINGS
from ho_imaging.outputs.report.drawing import Drawing, draw_film, jpeg_uri
from ho_imaging.outputs.report.material import Material
from ho_imaging.outputs.spoken import check_language
from ho_imaging.progression.schema import IntervalResult, SideIntervalResult
from ho_imaging.reading.uid import is_uid
from ho_imaging.regions import plan_of
from ho_imaging.results.counting import area_mm2, counted_findings
from ho_imaging.results.schema import (
    RESEARCH_USE,
    FindingResult,
    ImageResult,
    MessageResult,
    SideResult,
    StudyResult,
    SystemGradeResult,
)
from ho_imaging.severity.systems import grade_scales
from ho_imaging.vocabulary import Region, Side, SpacingBasis

__all__ = ["report_html"]

_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_COMPARISON_TEXT_PX = 24

_MM = 1
"""Decimals of a length in mm: a tenth of a millimetre is finer than any film is."""


@dataclass(frozen=True)
class _Film:
    """One film of the study as the page shows it."""

    number: int
    image: ImageResult
    name: str
    alt: str
    drawing: Drawing | None
    notes: tuple[MessageResult, ...]


@dataclass(frozen=True)
class _Side:
    """One side as the page shows it; ``lead``: the grade of the system that stands for it."""

    result: SideResult
    lead: SystemGradeResult | None
    others: tuple[SystemGradeResult, ...]
    findings: tuple[FindingResult, ...]
    area_mm2: float | None
    basis: str


@dataclass(frozen=True)
class _ComparisonPicture:
    """The two films of one side as the page shows them; ``labels``: text, x, y in picture pixels."""

    side: str
    uri: str
    width: int
    height: int
    later_x: int
    text_px: int
    labels: tuple[tuple[str, float, float], ...]
    alt: str


@dataclass(frozen=True)
class _Review:
    """One reader's review of the study, as the page shows it."""

    reader: str
    committed: bool
    minutes: float
    findings: tuple[tuple[str, str, str, str | None, bool], ...]
    """Each nodule's id, side, status, what it is instead, and whether its outline is the reader's."""
    grades: tuple[tuple[str, str | None, str | None, str | None], ...]
    contradictions: tuple[tuple[str, str, tuple[str, ...], bool], ...]
    """Side, grade, nodules that stand beside a grade of none, and whether the reader confirmed both."""
    left_out: int
    """Number of decisions that do not hold for this result, since the study was analysed again with another outcome."""


def report_html(material: Material, language: str = "en") -> str:
    """Write the report of a study; the same material and language give the same text.

    Nothing in it is loaded from elsewhere, no script runs, and every text that came from a file is escaped. It shows no
    patient data beyond UIDs unless the material holds a patient or its result says identifiers.

    Raises
    ------
    UsageError
        If there is no catalogue for the language.

    """
    check_language(language)
    spoken = load_language(language)
    environment = _environment(spoken.code)
    result = material.result
    numbers = {image.sop_instance_uid: n for n, image in enumerate(result.images, start=1)}
    films = tuple(_film(material, image, numbers[image.sop_instance_uid], spoken) for image in result.images)
    text = environment.get_template("report.html.j2").render(
        result=result,
        films=films,
        film_numbers=numbers,
        sides=_sides(result, numbers),
        bases=_bases(result),
        basis_meanings=_basis_meanings(result, spoken),
        landmarks={image.sop_instance_uid: _landmarks(image) for image in result.images},
        grade_meanings={scale.name: scale.meanings for scale in grade_scales()},
        basis_of={image.sop_instance_uid: image.measured_basis for image in result.images},
        comparison=material.comparison,
        intervals=() if material.comparison is None else _intervals(material.comparison.result),
        comparison_pictures=_comparison_pictures(material, spoken),
        patient=material.patient,
        shows_files=material.shows_files,
        card=material.card,
        reviews=tuple(_reviews(material)),
        reader_grades=_reader_grades(material),
        text_of=functools.partial(_text_of, result, spoken),
        research_use=RESEARCH_USE,
        running_title=result.study_uid if is_uid(result.study_uid) else "",
    )
    return text if text.endswith("\n") else text + "\n"


@functools.cache
def _environment(code: str) -> Environment:
    spoken = load_language(code)
    environment = Environment(
        loader=PackageLoader("ho_imaging.outputs.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        finalize=_without_controls,
    )
    environment.install_gettext_translations(spoken.catalogue, newstyle=True)  # type: ignore[attr-defined]  # by i18n
    environment.globals |= {
        "language": spoken,
        "word": spoken.word,
        "number": spoken.number,
        "share": spoken.share,
        "date": spoken.date,
        "listed": spoken.listed,
        "knows": spoken.knows,
        "mm": functools.partial(_length, spoken),
        "bases_to_say": _bases_to_say,
        "upper_first": _upper_first,
        "MM": _MM,
    }
    return environment


def _text_of(result: StudyResult, spoken: Language, told: MessageResult) -> str:
    """Write a message; images are named by number where it names their files, for a path may tell a name."""
    named = sorted(((image.path, n) for n, image in enumerate(result.images, start=1) if image.path), reverse=True)
    names = {path: spoken.say("film %(number)s", number=number) for path, number in named}
    # Of two paths of which one begins the other, the longer comes first.
    return spoken.text(_renamed(told.message, names))


def _renamed(message: Message, names: Mapping[str, str]) -> Message:
    def renamed(value: Value) -> object:
        if isinstance(value, Message):
            return _renamed(value, names)
        if isinstance(value, tuple):
            return tuple(renamed(part) for part in value)
        for path, name in names.items() if isinstance(value, str) else ():
            value = str(value).replace(path, name)
        return value

    other = Message(message.code, **{name: renamed(value) for name, value in message.parameters.items()})
    return other.with_also(*(_renamed(also, names) for also in message.also))


def _without_controls(value: object) -> object:
    """Replace what HTML cannot hold and what turns the direction of text: names come from files."""
    if not isinstance(value, str) or value.isprintable():
        return value
    clean = "".join(c if c in "\n\t" or not _is_unwanted(c) else "\ufffd" for c in value)
    return Markup(clean) if isinstance(value, Markup) else clean


def _is_unwanted(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"} or character in _DIRECTIONS


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _length(spoken: Language, value_mm: float | None, value_px: float | None = None, digits: int = _MM) -> str:
    """Write a length in mm, or in pixels where there are no mm."""
    if value_mm is not None:
        return f"{spoken.number(value_mm, digits)}\u00a0mm"
    return "" if value_px is None else f"{spoken.number(value_px)}\u00a0px"


def _film(material: Material, image: ImageResult, number: int, spoken: Language) -> _Film:
    result, uid = material.result, image.sop_instance_uid
    findings = tuple(finding for finding in result.findings if finding.sop_instance_uid == uid)
    sides = () if result.severity is None else result.severity.sides
    film = material.films.get(uid)
    drawing = None
    if film is not None and image.status == "done":
        drawing = draw_film(
            film,
            image,
            findings,
            sides,
            material.bones.get(uid),
            {
                found.id if len(material.reviews) == 1 else f"{found.id} ({review.reader})": found.outline_xy_px
                for review in material.reviews
                for found in review.findings
                if found.image_uid == uid and (found.status == "added" or found.reshaped)
            },
            nodule_text=lambda finding: " ".join(
                part
                for part in (
                    finding.id,
                    _length(spoken, finding.long_axis_mm, digits=0),
                    _reader_words(material, finding, spoken),
                )
                if part
            ),
            gap_text=lambda side: " ".join(
                part for part in (spoken.say("gap"), _length(spoken, side.evidence.gap_mm)) if part
            ),
        )
    return _Film(
        number=number,
        image=image,
        name=_film_name(image, spoken),
        alt=_alt(image, findings, sides, spoken),
        drawing=drawing,
        notes=tuple(flag.message for flag in image.quality_flags),
    )


def _film_name(image: ImageResult, spoken: Language) -> str:
    """Say what a film shows: pelvis, AP, both sides."""
    named = [image.region, image.view, image.laterality]
    return ", ".join(spoken.word(value) for value in named if value != "unknown")


def _alt(image: ImageResult, findings: Sequence[FindingResult], sides: Sequence[SideResult], spoken: Language) -> str:
    """Say what the picture shows to somebody who does not see it."""
    name = _film_name(image, spoken)
    said = [
        spoken.say("Radiograph, bone bright: %(what)s.", what=name) if name else spoken.say("Radiograph, bone bright.")
    ]
    if set(image.sides) >= {"left", "right"}:
        first = spoken.say("The patient's right side is on the left of the picture.")
        said.append(
            first if image.sides[0] == "right" else spoken.say("The patient's left side is on the left of the picture.")
        )
    count = len(findings)
    if not count:
        said.append(spoken.say("No ectopic bone is outlined."))
    else:
        said.append(
            spoken.catalogue.ngettext(
                "%(count)s nodule of ectopic bone is outlined:",
                "%(count)s nodules of ectopic bone are outlined:",
                count,
            )
            % {"count": count}
        )
        said.append("; ".join(_nodule_in_words(finding, spoken) for finding in findings) + ".")
    for side in sides:
        evidence = side.evidence
        if evidence.gap_ends_xy_px is not None and evidence.sop_instance_uid == image.sop_instance_uid:
            said.append(
                spoken.say(
                    "A line marks the gap (%(side)s): %(length)s.",
                    side=spoken.word(side.side),
                    length=_length(spoken, evidence.gap_mm, evidence.gap_px),
                )
            )
    return " ".join(said)


def _nodule_in_words(finding: FindingResult, spoken: Language) -> str:
    parts = [finding.id]
    if finding.side != "unknown":
        parts.append(spoken.word(finding.side))
    size = (
        _length(spoken, finding.long_axis_mm, finding.long_axis_px),
        _length(spoken, finding.short_axis_mm, finding.short_axis_px),
    )
    parts.append(spoken.say("%(long)s by %(short)s", long=size[0], short=size[1]))
    if finding.joined_to:
        bones = spoken.listed([spoken.word(bone) for bone in finding.joined_to])
        parts.append(spoken.say("joined to %(bones)s", bones=bones))
    return ", ".join(parts)


def _sides(result: StudyResult, numbers: dict[str, int]) -> tuple[_Side, ...]:
    shown = []
    counted = counted_findings(result)
    for side in () if result.severity is None else result.severity.sides:
        findings = tuple(finding for finding in counted if finding.side == side.side)
        lead = next((grade for grade in side.systems if grade.system == side.system), None)
        shown.append(
            _Side(
                result=side,
                lead=lead,
                others=tuple(grade for grade in side.systems if grade is not lead),
                findings=findings,
                area_mm2=area_mm2(findings),
                basis=side.evidence.spacing_basis,
            )
        )
    return tuple(shown)


def _bases(result: StudyResult) -> tuple[str, ...]:
    """Name what millimetres rest on in this study, each once, in the order of films."""
    found = dict.fromkeys(str(image.measured_basis) for image in result.images if image.status == "done")
    return tuple(found)


def _basis_meanings(result: StudyResult, spoken: Language) -> dict[str, str]:
    """Return what each basis of millimetres means; heads of joints are of the size that their own plan gives."""
    said = {basis: spoken.say(text) for basis, text in BASIS_MEANINGS.items()}
    for image in result.images:
        landmark = plan_of(Region(image.region)).landmark
        if image.measured_basis == SpacingBasis.ANATOMICAL and landmark is not None:
            said[SpacingBasis.ANATOMICAL.value] = spoken.text(landmark.scale_message())
    return said


def _landmarks(image: ImageResult) -> str:
    """Name what the millimetres of an image are scaled from; empty where the file or a caller gave them."""
    landmark = plan_of(Region(image.region)).landmark
    return landmark.words if landmark is not None and image.measured_basis == SpacingBasis.ANATOMICAL else ""


def _bases_to_say(side: SideIntervalResult) -> tuple[SpacingBasis, ...]:
    """Return the basis of the millimetres of two films where a reader should know: it differs, or is no spacing.

    One for both films, or the earlier film's and the later one's. Comparisons of before schema 1.1 do not know.
    """
    earlier, later = side.earlier_basis, side.later_basis
    if earlier is None or later is None:
        return ()
    if earlier != later:
        return earlier, later
    return () if earlier in {SpacingBasis.CALIBRATED, SpacingBasis.DETECTOR} else (earlier,)


def _intervals(comparison: Any) -> tuple[IntervalResult, ...]:
    """Return the intervals, the newest first, and the whole time where there are several."""
    intervals = tuple(reversed(comparison.intervals))
    return intervals if len(intervals) == 1 else (*intervals, comparison.overall)


def _comparison_pictures(material: Material, spoken: Language) -> tuple[_ComparisonPicture, ...]:
    if material.comparison is None or not material.comparison.sides:
        return ()
    from ho_imaging.outputs.comparison_picture import side_picture  # noqa: PLC0415  (loads the pipeline)

    shown = []
    for side, compared in material.comparison.sides.items():
        picture = side_picture(compared)
        height, width = picture.pixels.shape[:2]
        statement = spoken.text(compared.statement)
        alt = spoken.say(
            "Two pictures of the joint (%(side)s), the earlier film on the left, the later one laid over it on the "
            "right, with the outlines of ectopic bone.",
            side=spoken.word(side.value),
        )
        labels = []
        for label in picture.labels:
            text = spoken.word(label.course.value)
            if label.change_mm2 is not None:
                text += f" {spoken.number(label.change_mm2, signed=True)}\u00a0mm²"
            room = len(text) * 0.74 * _COMPARISON_TEXT_PX
            x = min(max(label.x, picture.later_x + 4.0), max(width - room, picture.later_x + 4.0))
            y = min(max(label.y + _COMPARISON_TEXT_PX, 2.0 * _COMPARISON_TEXT_PX), height - 6.0)
            labels.append((text, round(x, 1), round(y, 1)))
        shown.append(
            _ComparisonPicture(
                side=side.value,
                uri=jpeg_uri(picture.pixels),
                width=width,
                height=height,
                later_x=picture.later_x,
                text_px=_COMPARISON_TEXT_PX,
                labels=tuple(labels),
                alt=f"{alt} {statement}".strip(),
            )
        )
    return tuple(shown)


def _reader_grades(material: Material) -> dict[str, list[tuple[str, str | None, int]]]:
    """Return grade and number of nodules of readers who have committed their reading, by side.

    A nodule that two films show counts once, as in the model's column.
    """
    from ho_imaging.readings.readings import state_reading  # noqa: PLC0415  (only where there are reviews)
    from ho_imaging.readings.reviewed_result import reviewed_result  # noqa: PLC0415

    found: dict[str, list[tuple[str, str | None, int]]] = {}
    for review in (review for review in material.reviews if review.committed):
        result = reviewed_result(material.result, state_reading(material.result, review))
        counted = counted_findings(result)
        for side, (grade, _) in review.grades.items():
            count = sum(finding.side == side for finding in counted)
            found.setdefault(side, []).append((review.reader, grade, count))
    return found


def _reader_words(material: Material, finding: FindingResult, spoken: Language) -> str:
    """Say on the picture which readers took a nodule of the model's away."""
    taken = [
        review.reader
        for review in material.reviews
        for found in review.findings
        if review.committed and found.id == finding.id and not found.stands
    ]
    return f"({spoken.word('rejected')}: {', '.join(taken)})" if taken else ""


def _reviews(material: Material) -> list[_Review]:
    """Lay out what readers decided; the one place where a report meets `ho_imaging.review`."""
    from ho_imaging.readings.side_state import contradictions  # noqa: PLC0415  (only where there are reviews)

    given = {} if material.result.severity is None else {s.side: s.grade for s in material.result.severity.sides}
    return [
        _Review(
            reader=review.reader,
            committed=review.committed,
            minutes=review.seconds / 60.0,
            findings=tuple(
                (found.id, str(found.side), found.status, found.mimic, found.reshaped) for found in review.findings
            ),
            contradictions=tuple(
                (one.side, one.grade, one.nodules, one.side in review.confirmed) for one in contradictions(review)
            ),
            grades=tuple(
                (side, given.get(Side(side)), grade, reason) for side, (grade, reason) in review.grades.items()
            ),
            left_out=len(review.left_out),
        )
        for review in material.reviews
    ]
