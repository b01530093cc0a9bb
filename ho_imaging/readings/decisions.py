"""What readers decided, one line each, and what a study looks like when all of it is applied.

Decisions are only ever added: a correction of a correction is another line, so who thought what, when and against
which model can always be told. Points are [x, y] = [column, row] in source pixels with pixel centres at whole numbers,
as in results.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from ho_imaging.errors import ReadError, UsageError, WriteError
from ho_imaging.files.atomic import sync_folder, writing
from ho_imaging.readings.grounds import ON_A_NODULE, Present, nodule_key
from ho_imaging.readings.outlines import Outline, outline_shape
from ho_imaging.results.folder import folder_name
from ho_imaging.results.schema import ImageResult, ModelResult, StudyResult
from ho_imaging.results.versions import other_version, stated_version
from ho_imaging.vocabulary import Side

__all__ = [
    "DECISIONS_VERSION",
    "MIMICS",
    "STANDING",
    "Decision",
    "Outline",
    "ReviewStore",
    "ReviewedFinding",
    "ReviewedStudy",
    "active_decisions",
    "as_numbered_now",
    "check_reader",
    "confirmed_sides",
    "in_words",
    "left_out_text",
    "outline_of",
    "redoable",
    "review_state",
    "undoable",
    "until_commit",
    "was_blinded",
]

logger = logging.getLogger(__name__)

Action = Literal[
    "open", "close", "accept", "reject", "reclassify", "reshape", "add", "regrade", "measure", "note", "commit",
    "undo", "redo",
]  # fmt: skip
MIMICS = (
    "phlebolith", "arterial_calcification", "calcified_node", "injection_granuloma", "os_acetabuli", "osteophyte",
    "enthesophyte", "healed_fracture", "avulsion_fragment", "fabella", "loose_body", "bone_island",
    "calcified_fibroid", "stone", "seeds", "stent", "gonad_shield", "contrast_medium", "staples",
    "clips", "electrode", "zip", "button", "tubing", "other",
)  # fmt: skip
"""What looks like ectopic bone and is not: the kinds the simulation draws, and any other."""

_READ_AGAIN = "move the file away and read the study again"

_NEVER_UNDONE = frozenset({"open", "close", "commit", "undo", "redo"})
"""A commitment stands: what was shown after it cannot be unseen."""

STANDING = frozenset({"unseen", "accepted", "added"})
"""Of these statuses is a nodule that counts as ectopic bone."""

DECISIONS_VERSION: Final = "2.0"

_VALUE = (
    "What was decided, by action. reclassify: {mimic: kind}. reshape and add: {outline_xy_px: [[[x, y], ...], ...]}, "
    "closed rings of (x, y) = (column, row) in source pixels, pixel centres at whole numbers, inside by the even-odd "
    "rule. regrade: {side, system, from: grade before or null, to: grade}. measure: {from_xy_px: [x, y], to_xy_px: "
    "[x, y], length_mm: length in mm or null, basis: what the millimetres rest on}. undo: {undoes: id}; redo: {redoes: "
    "id}, the id of what was undone. open: {blinded: true where the model's result was hidden}. close: {seconds: time "
    "that the study was open}. commit: {} or {confirmed: [{side, grade, nodules: [id, ...]}]}, where the reader was "
    "asked about a grade and nodules that contradict each other and stood by both. accept, reject and note: {}."
)

_MOST_POINTS = 100_000
_MOST_BYTES = 256 << 20
_MOST_TEXT = 10_000
_LONGEST_NAME = 100
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Decision(BaseModel):
    """One thing a reader did, as it stands in one line of ``<store>/<study folder>/<reader>.jsonl``."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal["2.0"] = Field(
        default=DECISIONS_VERSION, description="Version of this schema: MAJOR.MINOR. A minor version only adds fields."
    )
    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] = Field(
        default_factory=lambda: uuid4().hex, description="Name of this decision: 32 hexadecimal digits by chance."
    )
    at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC), description="When it was made, in UTC.")
    reader: Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)] = Field(
        description="Name, initials or code of the reader."
    )
    study_uid: Annotated[str, Field(min_length=1)] = Field(description="Study Instance UID of the study that was read.")
    image_uid: str | None = Field(
        default=None, description="SOP Instance UID of the film; null where it is about no single film."
    )
    model: ModelResult | None = Field(default=None, description="The model whose result was read.")
    action: Action = Field(description="What the reader did.")
    target: Annotated[str, Field(max_length=64)] | None = Field(
        default=None,
        description="The nodule: the id that its finding had then, or that of a nodule this reader added (R1) or whose "
        "outline outlived its finding (R-...). Null where it is about no nodule.",
    )
    grounds: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = Field(
        default=None,
        description="Digest of what of the model's it was made of: film and outline of a nodule; films, nodules and "
        "grades of a grade or commitment. Null where it rests on nothing of the model's.",
    )
    value: dict[str, JsonValue] = Field(default_factory=dict, description=_VALUE)
    reason: Annotated[str, Field(max_length=_MOST_TEXT)] | None = Field(
        default=None, description="Why, in the reader's words; the text of a note. A change of grade needs it."
    )

    @model_validator(mode="after")
    def _whole(self) -> Decision:
        if self.at.utcoffset() != timedelta(0):
            raise ValueError("the time is not UTC")
        check_reader(self.reader)
        if self.action in {"accept", "reject", "reclassify", "reshape", "add"} and not self.target:
            raise ValueError(f"{self.action} names no nodule")
        if self.action in {"reshape", "add"} and self.image_uid is None:
            raise ValueError(f"{self.action} names no film")
        if self.action in _CHECKS:
            _CHECKS[self.action](self)
        return self

    def to_line(self) -> str:
        """Write it as one line of JSON."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, allow_nan=False) + "\n"


def check_reader(reader: str) -> None:
    """Raise `UsageError` unless this is a name that decisions can be kept under."""
    if not reader.strip() or not reader.isprintable():
        raise UsageError("the reader has no printable name", remedy='give reader="AB"')
    if len(reader) > _LONGEST_NAME:
        raise UsageError(
            f"the reader's name has more than {_LONGEST_NAME} characters", remedy="give initials or a code"
        )


def _check_mimic(decision: Decision) -> None:
    if decision.value.get("mimic") not in MIMICS:
        raise ValueError(f"mimic is none of {', '.join(MIMICS)}")


def _check_outline(decision: Decision) -> None:
    outline_of(decision)


def _check_grade(decision: Decision) -> None:
    value = decision.value
    if value.get("side") not in {"left", "right", "unknown"}:
        raise ValueError("side is not left, right or unknown")
    if not isinstance(value.get("system"), str) or not isinstance(value.get("to"), str):
        raise ValueError("a grade needs a system and a class")
    if not isinstance(value.get("from"), str | None):
        raise ValueError("the class before is no text")
    if not (decision.reason or "").strip():
        raise ValueError("a grade is changed with a reason")


def _check_measure(decision: Decision) -> None:
    _point(decision.value.get("from_xy_px"))
    _point(decision.value.get("to_xy_px"))
    length_mm = decision.value.get("length_mm")
    if length_mm is not None and not _is_number(length_mm):
        raise ValueError("length_mm is no number")
    if not isinstance(decision.value.get("basis"), str):
        raise ValueError("a measure needs its basis")


def _check_undo(decision: Decision) -> None:
    if not isinstance(decision.value.get(f"{decision.action}es"), str):
        raise ValueError(f"{decision.action} names no decision")


def _check_close(decision: Decision) -> None:
    seconds = decision.value.get("seconds")
    if not _is_number(seconds) or float(seconds) < 0:  # type: ignore[arg-type]  # checked just before
        raise ValueError("seconds is no duration")


def _check_commit(decision: Decision) -> None:
    confirmed = decision.value.get("confirmed", [])
    if not isinstance(confirmed, list):
        raise ValueError("what was confirmed is no list")
    for item in confirmed:
        if not isinstance(item, dict) or set(item) != {"side", "grade", "nodules"}:
            raise ValueError("what was confirmed names no side, grade and nodules")
        nodules = item["nodules"]
        if not (isinstance(item["side"], str) and isinstance(item["grade"], str) and isinstance(nodules, list)):
            raise ValueError("what was confirmed names no side, grade and nodules")
        if not all(isinstance(name, str) for name in nodules):
            raise ValueError("a nodule that was confirmed is no text")


_CHECKS: dict[str, Callable[[Decision], None]] = {
    "commit": _check_commit,
    "reclassify": _check_mimic,
    "reshape": _check_outline,
    "add": _check_outline,
    "regrade": _check_grade,
    "measure": _check_measure,
    "undo": _check_undo,
    "redo": _check_undo,
    "close": _check_close,
}
"""Each raises ``ValueError`` where a value does not say what its action needs."""


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _point(value: JsonValue) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_number(part) for part in value):
        raise ValueError("a point is not two numbers")
    return float(value[0]), float(value[1])  # type: ignore[arg-type]  # checked just before


def outline_of(decision: Decision) -> Outline:
    """Give the outline of a ``reshape`` or ``add``; raises ``ValueError`` if there is none."""
    rings = decision.value.get("outline_xy_px")
    if not isinstance(rings, list) or not rings:
        raise ValueError("there is no outline")
    outline = tuple(tuple(_point(point) for point in (ring if isinstance(ring, list) else [])) for ring in rings)
    if any(len(ring) < 3 for ring in outline):
        raise ValueError("a ring of the outline has fewer than three points")
    if sum(len(ring) for ring in outline) > _MOST_POINTS:
        raise ValueError(f"the outline has more than {_MOST_POINTS} points")
    return outline


class ReviewStore:
    """A folder of decisions: a folder a study, in it a file a reader. Lines are added and never changed.

    Parameters
    ----------
    folder
        Where it is; made when the first decision is kept. That of a batch's output folder DIR is ``DIR/reviews``.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def path(self, study_uid: str, reader: str) -> Path:
        """Give the file of one reader's decisions on one study."""
        return self.folder / folder_name(study_uid) / f"{_reader_file(reader)}.jsonl"

    def check_writable(self, study_uid: str, reader: str) -> None:
        """See that decisions can be kept, before anything is decided; nothing is made or written.

        Raises
        ------
        WriteError
            If they cannot.

        """
        path = self.path(study_uid, reader)
        try:
            place = next(place for place in (path, *path.absolute().parents) if place.exists())
            if place != path and not place.is_dir():
                why = f"{place} is no folder"
            elif not os.access(place, os.W_OK if place == path else os.W_OK | os.X_OK):
                why = f"you may not write to {place}"
            else:
                return
        except OSError as error:
            why = error.strerror or "its folder cannot be looked at"
        raise WriteError(
            f"decisions cannot be kept: {why}", path=path, remedy="check your rights to it, or give store=FOLDER"
        )

    def append(self, decision: Decision) -> None:
        """Keep a decision: its line is on disk when this returns.

        Raises
        ------
        WriteError
            If it could not be kept.

        """
        path = self.path(decision.study_uid, decision.reader)
        line = decision.to_line().encode("utf-8")
        try:
            new = not path.exists()
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                size = os.fstat(handle).st_size
                if size and os.pread(handle, 1, size - 1) != b"\n":
                    line = b"\n" + line  # what was torn stays a line of its own
                while line:
                    line = line[os.write(handle, line) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                for folder in (path.parent, self.folder, self.folder.parent):
                    sync_folder(folder)
        except OSError as error:
            raise WriteError(
                f"the decision could not be kept: {error.strerror}", path=path, remedy="check space and rights"
            ) from error

    def keep_whole(self, decisions: Sequence[Decision]) -> Path:
        """Keep all decisions of a reading that was made elsewhere, or none; return its file.

        Raises
        ------
        UsageError
            If the reader has decided something on the study already.
        WriteError
            If they could not be kept.

        """
        path = self.path(decisions[0].study_uid, decisions[0].reader)
        if path.exists():
            raise UsageError("has decisions of this reader already", path=path, remedy="give another reader")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with writing(path, durable=True) as part:
                part.touch(mode=0o600)
                part.write_text("".join(decision.to_line() for decision in decisions), encoding="utf-8")
        except WriteError:
            raise
        except OSError as error:
            raise WriteError(
                f"the decisions could not be kept: {error.strerror}", path=path, remedy="check space and rights"
            ) from error
        return path

    def read(self, study_uid: str, reader: str | None = None) -> list[Decision]:
        """Read what one reader, or every reader, decided on a study, in the order of time; none where there is none.

        A line torn by a crash while it was written is left out and logged.

        Raises
        ------
        ReadError
            If a file cannot be read, or holds a whole line that is no decision.

        """
        folder = self.folder / folder_name(study_uid)
        paths = sorted(folder.glob("*.jsonl")) if reader is None else [self.path(study_uid, reader)]
        found = [
            decision
            for path in paths
            for decision in _decisions(path)
            if decision.study_uid == study_uid and reader in {None, decision.reader}
        ]
        # One reader's own order is that of the lines, whatever the clock did meanwhile.
        return found if reader is not None else sorted(found, key=lambda decision: decision.at)

    def readers(self, study_uid: str) -> list[str]:
        """Names of all who decided something on a study."""
        return sorted({decision.reader for decision in self.read(study_uid)})

    def studies(self) -> list[str]:
        """UIDs of all studies somebody decided something on."""
        paths = self.folder.glob("*/*.jsonl")
        firsts = (next(_decisions(path), None) for path in sorted(paths))
        return sorted({decision.study_uid for decision in firsts if decision is not None})


def _reader_file(reader: str) -> str:
    """Name of a reader's file: the reader's where that is safe, else with what makes it the only one."""
    if _SAFE.fullmatch(reader):
        return reader
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", reader)[:40].strip("_") or "reader"
    return f"{plain}-{hashlib.sha256(reader.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _decisions(path: Path) -> Iterator[Decision]:
    try:
        if not path.exists():
            return
        if path.stat().st_size > _MOST_BYTES:
            raise ReadError(f"is larger than {_MOST_BYTES >> 20} MiB", path=path, remedy="split it")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check your rights to it") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            parsed: Any = json.loads(line)
        except ValueError:
            logger.warning("%s: line %d was torn while it was written and is left out", path, number)
            continue
        try:
            decision = Decision.model_validate(parsed)
        except ValidationError as error:
            stated = stated_version(line)
            if stated is not None and stated != DECISIONS_VERSION:
                found, remedy = other_version(stated, "a decision", DECISIONS_VERSION, again=_READ_AGAIN)
                raise ReadError(f"line {number} {found}", path=path, remedy=remedy) from error
            problem = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise ReadError(
                f"line {number} is no decision: {where} {problem['msg']}".replace("  ", " "),
                path=path,
                remedy="read it with the version that wrote it, or move the line out of the file",
            ) from error
        yield decision


@dataclass(frozen=True)
class ReviewedFinding:
    """A nodule as a reader left it.

    ``side``: by the rule of the model's findings, of the outline as it is now. ``outline_xy_px``: closed rings of
    (x, y) in source pixels, inside by the even-odd rule. ``reshaped``: whether the outline is the reader's in place of
    the model's. An added nodule that its reader took back is ``rejected``. A nodule that was reshaped and that the
    result no longer has is ``added``, with an id of its own (R- and six digits).
    """

    id: str
    image_uid: str
    side: Side
    status: Literal["unseen", "accepted", "rejected", "mimic", "added"]
    outline_xy_px: Outline
    mimic: str | None = None
    reshaped: bool = False

    @property
    def stands(self) -> bool:
        """Return whether it counts as ectopic bone: nobody took it away."""
        return self.status in STANDING


@dataclass(frozen=True)
class ReviewedStudy:
    """A study as a reader left it.

    ``grades``: of each side, the class and why it was changed (``None``: it is the model's, unchanged). ``seconds``:
    how long the reader had it open; a session that was never closed lasts until its last decision. ``left_out``:
    decisions that were made of something the result does not have, since the last commitment that holds for it; with
    any of them the study is not ``committed``. ``confirmed``: sides whose grade and nodules contradict each other, for
    which the reader, asked when finishing, stood by both.
    """

    study_uid: str
    reader: str
    findings: tuple[ReviewedFinding, ...]
    grades: Mapping[str, tuple[str | None, str | None]]
    committed: bool
    seconds: float
    left_out: tuple[Decision, ...] = ()
    confirmed: tuple[str, ...] = ()


def active_decisions(decisions: Sequence[Decision]) -> list[Decision]:
    """Leave out what was undone, and undoing itself; the rest keeps its order."""
    undone: set[str] = set()
    for decision in decisions:
        if decision.action == "undo":
            undone.add(str(decision.value["undoes"]))
        elif decision.action == "redo":
            undone.discard(str(decision.value["redoes"]))
    kept = [decision for decision in decisions if decision.action not in {"undo", "redo"}]
    return [decision for decision in kept if decision.id not in undone or decision.action in _NEVER_UNDONE]


def undoable(decisions: Sequence[Decision]) -> Decision | None:
    """Give what undo takes back next: the last decision that still holds."""
    return next((d for d in reversed(active_decisions(decisions)) if d.action not in _NEVER_UNDONE), None)


def redoable(decisions: Sequence[Decision]) -> Decision | None:
    """Give what redo brings back next: the last one undone since anything new was decided."""
    by_id = {decision.id: decision for decision in decisions}
    waiting: list[Decision] = []
    for decision in decisions:
        if decision.action == "undo":
            undone = by_id.get(str(decision.value["undoes"]))
            waiting += [] if undone is None or undone.action in _NEVER_UNDONE else [undone]
        elif decision.action == "redo":
            waiting = [other for other in waiting if other.id != decision.value["redoes"]]
        elif decision.action not in _NEVER_UNDONE:
            waiting = []
    return waiting[-1] if waiting else None


def until_commit(decisions: Sequence[Decision]) -> list[Decision]:
    """Give what a reader decided up to the first commitment: what a blinded reader thought before seeing the model."""
    for number, decision in enumerate(decisions, start=1):
        if decision.action == "commit":
            return list(decisions[:number])
    return list(decisions)


def was_blinded(decisions: Sequence[Decision]) -> bool:
    """Whether a study was first opened with the model's result hidden."""
    opened = next((decision for decision in decisions if decision.action == "open"), None)
    return opened is not None and opened.value.get("blinded") is True


def in_words(decision: Decision) -> str:
    """Say in a few words what was decided."""
    value = decision.value
    if decision.action == "regrade":
        return f"{value['side']} graded {value['to']}"
    if decision.action == "reclassify":
        return f"{decision.target} is {str(value['mimic']).replace('_', ' ')}"
    return " ".join(part for part in (decision.action, decision.target) if part)


def left_out_text(left_out: Sequence[Decision]) -> str | None:
    """Say which decisions do not hold for a result; ``None`` where all do."""
    if not left_out:
        return None
    said = dict.fromkeys(in_words(decision) for decision in left_out if decision.action != "commit")
    listed = f"; not applied (numbers of then): {', '.join(said)}" if said else ""
    return f"the study was analysed again with another outcome since it was read{listed}"


def review_state(result: StudyResult, decisions: Sequence[Decision]) -> ReviewedStudy:
    """Apply a reader's decisions to a result; a pure replay that honours undo and redo.

    A reshaped nodule counts as accepted unless it was called a mimic. A finding is followed to the number it has now.
    What was said of something that the result does not have is ``left_out``, and then the study is committed only if
    it was again for this result; an outline the reader drew in place of a lost finding's stays, as an added nodule.

    Raises
    ------
    UsageError
        If the decisions are of several readers or of another study.

    """
    readers = sorted({decision.reader for decision in decisions})
    if len(readers) > 1:
        raise UsageError(f"decisions of {len(readers)} readers", remedy="apply each reader's on its own")
    if any(decision.study_uid != result.study_uid for decision in decisions):
        raise UsageError(f"decisions on another study than {result.study_uid}", remedy="read them by the study's UID")
    present = _present(result, decisions)
    active = active_decisions(decisions)
    findings = _to_review(result, active, present)
    outlived = _outlived(decisions)
    sides = () if result.severity is None else result.severity.sides
    grades: dict[str, tuple[str | None, str | None]] = {str(side.side): (side.grade, None) for side in sides}
    regrades: list[Decision] = []
    left_out: list[Decision] = []
    committed = False
    confirmed: tuple[str, ...] = ()
    for decision in active:
        if decision.action == "regrade":
            if present.has_grade(decision, regrades, complete=not left_out):
                grades[str(decision.value["side"])] = (str(decision.value["to"]), decision.reason)
                regrades.append(decision)
            else:
                left_out.append(decision)
        elif decision.action == "commit":
            if present.is_what_was_committed(decision, complete=not left_out):
                # Whoever commits this very result has looked at it again: nothing before is left to be told.
                committed, left_out = True, []
                confirmed = confirmed_sides(decision)
            else:
                left_out.append(decision)
        elif decision.target is not None:
            found = _applied(findings, decision, present, outlived)
            if found is not None:
                findings[found.id] = found
            elif decision.action == "add" or (decision.action in ON_A_NODULE and not _is_added(decision.target)):
                left_out.append(decision)
    return ReviewedStudy(
        study_uid=result.study_uid,
        reader=readers[0] if readers else "",
        findings=tuple(findings.values()),
        grades=grades,
        committed=committed and not left_out,
        seconds=_seconds(decisions),
        left_out=tuple(left_out),
        confirmed=confirmed,
    )


def confirmed_sides(commit: Decision) -> tuple[str, ...]:
    """Return the sides for which a reader confirmed a grade that its nodules contradict."""
    confirmed = commit.value.get("confirmed", [])
    return (
        tuple(str(item["side"]) for item in confirmed if isinstance(item, dict)) if isinstance(confirmed, list) else ()
    )


def as_numbered_now(result: StudyResult, decisions: Sequence[Decision], decision: Decision) -> Decision:
    """Give one of a reader's decisions with the id that its nodule has now, where the result still has it."""
    if decision.target is None or _is_added(decision.target):
        return decision
    name = _present(result, decisions).finding(decision)
    return decision if name is None else decision.model_copy(update={"target": name})


def _present(result: StudyResult, decisions: Sequence[Decision]) -> Present:
    return Present.of(result, decisions, until_commit(decisions) if was_blinded(decisions) else ())


def _to_review(result: StudyResult, active: Sequence[Decision], present: Present) -> dict[str, ReviewedFinding]:
    """Give what decisions are applied to: the findings, and outlines drawn in place of findings that are gone."""
    findings = {
        found.id: ReviewedFinding(
            id=found.id,
            image_uid=found.sop_instance_uid,
            side=Side(found.side),
            status="unseen",
            outline_xy_px=found.contours_xy_px,
        )
        for found in result.findings
    }
    for name, decision in _outlived(active).items():
        if present.finding(decision) is None and decision.image_uid in present.films:
            findings[name] = _drawn(name, decision, result, "unseen")
    return findings


def _drawn(name: str, decision: Decision, result: StudyResult, status: Literal["unseen", "added"]) -> ReviewedFinding:
    outline = outline_of(decision)
    return ReviewedFinding(name, str(decision.image_uid), _side(result, decision, outline), status, outline)


def _side(result: StudyResult, decision: Decision, outline: Outline) -> Side:
    """Return the side of an outline, by where its middle lies on its film."""
    image = _image(result, str(decision.image_uid))
    return Side.UNKNOWN if image is None else image.side_at(float(outline_shape(outline).centroid.x))


def _image(result: StudyResult, uid: str) -> ImageResult | None:
    return next((image for image in result.images if image.sop_instance_uid == uid), None)


def _outlived(decisions: Sequence[Decision]) -> dict[str, Decision]:
    """Give the first reshaping of each of the model's nodules, by the id its outline has once the nodule is gone."""
    found: dict[str, Decision] = {}
    for decision in decisions:
        if decision.action == "reshape" and not _is_added(str(decision.target)):
            found.setdefault(_own_id(decision), decision)
    return found


def _own_id(decision: Decision) -> str:
    """Give the id that an outline drawn on a finding has without it: the same however often the study is analysed."""
    return f"R-{nodule_key(decision)[:6]}"


def _applied(
    findings: Mapping[str, ReviewedFinding], decision: Decision, present: Present, outlived: Mapping[str, Decision]
) -> ReviewedFinding | None:
    """Apply a decision on one nodule; ``None``: it speaks of a nodule, or a film, that is not there."""
    found = None
    if decision.action == "add" and decision.target is not None and decision.image_uid in present.films:
        found = _drawn(decision.target, decision, present.result, "added")
    elif decision.target is not None and decision.action != "add":
        found = findings.get(_name_now(decision, present, outlived))
    if found is None:
        return None
    kept: Literal["accepted", "added"] = "added" if _is_added(found.id) else "accepted"
    if decision.action == "accept":
        found = replace(found, status=kept, mimic=None)
    elif decision.action == "reject":
        found = replace(found, status="rejected", mimic=None)
    elif decision.action == "reclassify":
        found = replace(found, status="mimic", mimic=str(decision.value["mimic"]))
    elif decision.action == "reshape":
        status = found.status if found.status == "mimic" else kept
        outline = outline_of(decision)
        side = _side(present.result, decision, outline)
        found = replace(found, outline_xy_px=outline, reshaped=True, status=status, side=side)
    return found


def _name_now(decision: Decision, present: Present, outlived: Mapping[str, Decision]) -> str:
    """Give the id under which the nodule of a decision is reviewed now, if it is."""
    target = str(decision.target)
    if _is_added(target):
        # The finding may be back, under the weights of then.
        source = outlived.get(target)
        return target if source is None else present.finding(source) or target
    return present.finding(decision) or _own_id(decision)


def _is_added(finding_id: str) -> bool:
    return re.fullmatch("R([0-9]+|-[0-9a-f]{6})", finding_id) is not None


def _seconds(decisions: Sequence[Decision]) -> float:
    """Sum the sessions, each from its opening to its closing or, where that is missing, to its last decision."""
    total = 0.0
    opened: Decision | None = None
    last: Decision | None = None
    for decision in decisions:
        if decision.action == "close":
            total += float(decision.value["seconds"])  # type: ignore[arg-type]  # checked when it was read
            opened = None
        elif decision.action == "open":
            total += _lasted(opened, last)
            opened = decision
        last = decision
    return round(total + _lasted(opened, last), 3)


def _lasted(opened: Decision | None, last: Decision | None) -> float:
    if opened is None or last is None:
        return 0.0
    return max(0.0, (last.at - opened.at).total_seconds())
