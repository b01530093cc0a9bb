"""The store of decisions on disk: a folder a study, in it a file a reader, in it a line a decision."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ho_imaging.errors import ReadError, UsageError, WriteError
from ho_imaging.files.atomic import sync_folder, writing
from ho_imaging.readings.decisions import DECISIONS_VERSION, Decision
from ho_imaging.results.folder import folder_name
from ho_imaging.results.versions import other_version, stated_version

__all__ = ["ReviewStore"]

logger = logging.getLogger(__name__)

_READ_AGAIN = "move the file away and read the study again"

_MOST_BYTES = 256 << 20

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


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
        """Return the file of one reader's decisions on one study."""
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
                why = f"{place} is not a folder"
            elif not os.access(place, os.W_OK if place == path else os.W_OK | os.X_OK):
                why = f"you may not write to {place}"
            else:
                return
        except OSError as error:
            why = error.strerror or "its folder cannot be read"
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

        A line torn by a crash while it was written is left out and logged. Of a decision that stands twice in a file,
        as in one merged from copies, the first counts; a nodule added under a name in use gets a name of its own.

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
            for decision in _each_once(path, _decisions(path))
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

    def warn_of_others(self, known: Collection[str]) -> None:
        """Log how many studies somebody decided something on are not among those ``known``: they count nowhere."""
        others = sorted(set(self.studies()) - set(known))
        if others:
            logger.warning(
                "%s: decisions on %d studies that have no result here are left out, the first: %s",
                self.folder,
                len(others),
                others[0],
            )


def _reader_file(reader: str) -> str:
    """Name of a reader's file: the reader's where that is safe, else with what makes it the only one."""
    if _SAFE.fullmatch(reader):
        return reader
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", reader)[:40].strip("_") or "reader"
    return f"{plain}-{hashlib.sha256(reader.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _each_once(path: Path, decisions: Iterable[Decision]) -> Iterator[Decision]:
    """Yield each decision once, and each added nodule under a name that no earlier one has: none takes its place."""
    known: set[str] = set()
    added: set[str] = set()
    twice = 0
    for decision in decisions:
        if decision.id in known:
            twice += 1
            continue
        known.add(decision.id)
        kept = decision
        if decision.action == "add":
            if decision.target in added:
                kept = decision.model_copy(update={"target": f"R-{decision.id[:6]}"})
                logger.warning("%s: two nodules were added as %s; one is %s", path, decision.target, kept.target)
            added.add(str(kept.target))
        yield kept
    if twice:
        logger.warning("%s: holds decisions twice; the first of each counts (%d left out)", path, twice)


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
                f"line {number} is not a decision: {where} {problem['msg']}".replace("  ", " "),
                path=path,
                remedy="read it with the version that wrote it, or move the line out of the file",
            ) from error
        yield decision
