"""The reading room: one reader's way through studies, each with a session of its own.

A message names the study that its view shows, so that two views of one room never write to each other's study. While a
study is read the next one is prepared in another thread: its film is in the browser before the reader asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.readings.regrading import Regrader
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.inputs import ReviewInput, StudySource, open_study
from ho_imaging.review.opening import open_session
from ho_imaging.review.session import ReviewSession, answering, regrader_of
from ho_imaging.review.study_list import StudyList
from ho_imaging.review.study_rows import StudyRow
from ho_imaging.review.viewer_messages import ViewerMessage, film_messages

__all__ = ["ReadingRoom", "open_room"]


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A study that is about to be opened: its first film as it is sent to the viewer, and what proposes its grades."""

    study: ReviewInput
    film: tuple[ViewerMessage, ...]
    regrader: Regrader


class ReadingRoom:
    """Answers a viewer's messages, from the first study to the last.

    Parameters
    ----------
    session
        Session at the first study.
    worklist
        Studies to go on with, in their order; none where only the one study is read.
    films
        Folders to look for films in that are not where they were.

    """

    def __init__(
        self,
        session: ReviewSession,
        worklist: StudyList | None = None,
        *,
        films: Sequence[str | PathLike[str]] = (),
    ) -> None:
        self.session = session
        self._worklist = worklist
        self._films = films
        self._rows: dict[str, StudyRow] = {} if worklist is None else {row.study_uid: row for row in worklist}
        self._sessions = {session.study.result.study_uid: session}
        self._finished = {uid for uid, row in self._rows.items() if row.state == "committed"}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="next-study")
        self._ahead: dict[str, Future[_Prepared]] = {}
        if worklist is not None:
            self._thread.submit(session.prepare)  # while the browser starts

    def handle(self, message: Mapping[str, Any]) -> Iterator[ViewerMessage]:
        """Answer a message of the viewer; what goes wrong becomes an answer too."""
        yield from answering(message, self._answers(message))

    def _answers(self, message: Mapping[str, Any]) -> Iterator[ViewerMessage]:
        kind = message.get("type")
        here = str(message.get("study") or self.session.study.result.study_uid)
        if kind == "next":
            waiting = self._waiting(here)
            if waiting:
                yield from self._move(message, here, waiting)
            else:
                yield ViewerMessage({"type": "all-read", "study_uid": here, "count": len(self._rows) or 1})
        elif kind == "step":
            yield from self._move(message, here, [self._beside(here, int(message["by"]))])
        elif kind == "go":
            yield from self._move(message, here, [str(message["to"])])
        elif kind == "list":
            yield ViewerMessage({"type": "list", "study_uid": here, "studies": self._listed()})
        elif kind == "ahead":
            yield from self._next_film(here)
        else:
            session = self._session(here)
            for answer in session.handle(message):
                self._note(session, answer)
                yield answer

    def _note(self, session: ReviewSession, answer: ViewerMessage) -> None:
        """Keep count of what is finished, and tell the viewer where it stands in the list."""
        uid = session.study.result.study_uid
        if answer.content["type"] == "state":
            (self._finished.add if answer.content["committed"] else self._finished.discard)(uid)
            if self._rows:
                number = list(self._rows).index(uid) + 1 if uid in self._rows else 0
                finished = len(self._finished & set(self._rows))
                answer.content["place"] = {"number": number, "of": len(self._rows), "finished": finished}

    def _move(self, message: Mapping[str, Any], here: str, candidates: Sequence[str]) -> Iterator[ViewerMessage]:
        """Leave a study for the first of others that can be opened; what cannot is said."""
        problems: list[HOImagingError] = []
        for uid in candidates:
            try:
                session = self._session(uid)
            except HOImagingError as error:
                problems.append(error)
                continue
            if uid != here:
                self._leave(here, message)
            self.session = session
            for answer in session.handle({**message, "type": "hello"}):
                self._note(session, answer)
                if answer.content["type"] == "study" and problems:
                    passed = "; ".join(str(problem) for problem in problems)
                    answer.content["warnings"] = [f"passed over: {passed}", *answer.content["warnings"]]
                yield answer
            return
        raise problems[0]

    def _leave(self, uid: str, message: Mapping[str, Any]) -> None:
        session = self._sessions.pop(uid, None)
        if session is not None:
            session.close(float(message.get("seconds") or 0.0))

    def _session(self, uid: str) -> ReviewSession:
        """Return the session at a study; it is opened if it is not."""
        if uid in self._sessions:
            return self._sessions[uid]
        if self._worklist is None or uid not in self._rows:
            raise UsageError(f"study {uid} is not in this list", remedy="choose one of the list")
        reader, store, blinded = self._worklist.reader, self._worklist.store, self._worklist.blinded
        prepared = self._ahead.pop(uid, None)
        if prepared is not None and prepared.done() and prepared.exception() is None:
            kept = ReviewStore(store)
            kept.check_writable(uid, reader)
            made = prepared.result()
            session = ReviewSession(made.study, reader, kept, blinded=blinded, regrader=made.regrader)
        else:
            session = open_session(
                self._worklist.folder, study=uid, reader=reader, blinded=blinded, store=store, films=self._films
            )
        self._sessions[uid] = session
        return session

    def _waiting(self, here: str) -> list[str]:
        """Return the studies that are not finished, from the present one on and round to it."""
        uids = list(self._rows)
        at = uids.index(here) + 1 if here in self._rows else 0
        return [uid for uid in (*uids[at:], *uids[:at]) if uid not in self._finished and uid != here]

    def _beside(self, here: str, by: int) -> str:
        uids = list(self._rows)
        if here not in self._rows:
            raise UsageError("only this study is open", remedy="open a list of studies: open_worklist(DIR, reader)")
        at = uids.index(here) + by
        if not 0 <= at < len(uids):
            raise UsageError("this is the last study of the list" if by > 0 else "this is the first study of the list")
        return uids[at]

    def _listed(self) -> list[dict[str, Any]]:
        """Describe the studies as they may be shown to this reader now."""
        if self._worklist is None:
            return []
        return [
            {
                "study_uid": row.study_uid,
                "state": row.state,
                "region": row.region,
                "films": row.films,
                "grade": None if row.hidden else row.grade,
                "category": None if row.hidden else row.category,
                "differs": list(row.disagreements),
            }
            for row in self._worklist.refresh()
        ]

    def _next_film(self, here: str) -> Iterator[ViewerMessage]:
        """Send the first film of the study that comes next, once it is ready; else say that it is not."""
        uid = next(iter(self._waiting(here)), None)
        if uid is None or self._worklist is None:
            yield ViewerMessage({"type": "ahead", "study_uid": here, "state": "none"})
            return
        if uid not in self._ahead:
            self._ahead = {uid: self._thread.submit(self._prepare, uid)}
        prepared = self._ahead[uid]
        if not prepared.done():
            yield ViewerMessage({"type": "ahead", "study_uid": here, "state": "busy"})
        elif prepared.exception() is not None:
            # It is told when the reader gets there.
            yield ViewerMessage({"type": "ahead", "study_uid": here, "state": "none"})
        else:
            for made in prepared.result().film:
                yield ViewerMessage({**made.content, "study_uid": uid}, made.buffers)
            yield ViewerMessage({"type": "ahead", "study_uid": here, "state": "sent"})

    def _prepare(self, uid: str) -> _Prepared:
        if self._worklist is None:
            raise UsageError("there is no list")
        study = open_study(self._worklist.folder, uid, films=self._films)
        first = study.images[0].sop_instance_uid
        film = tuple(film_messages("current", first, study.films.pixels(first)))
        regrader = regrader_of(study)
        self._thread.submit(regrader.prepare)  # after what the viewer waits for
        return _Prepared(study, film, regrader)


def open_room(
    worklist: StudyList,
    study_uid: str | None = None,
    *,
    previous: StudySource | None = None,
    previous_study: str | None = None,
    allow_other_patient: bool = False,
    films: str | PathLike[str] | Sequence[str | PathLike[str]] = (),
) -> ReadingRoom:
    """Open a list at a study, by default at the next one that is left.

    Parameters
    ----------
    worklist
        Studies, in the order in which they are read.
    study_uid
        Study to begin with.
    previous, previous_study, allow_other_patient
        An earlier study beside the first one, as for `ho_imaging.review.review`.
    films
        Folders to look for films in that are not where they were.

    Returns
    -------
    ReadingRoom
        The room, with a session at the study.

    Raises
    ------
    UsageError
        If the study is not in the list, or nothing in the list is left to read.
    ReadError, WriteError
        As for `ho_imaging.review.review`.

    """
    if study_uid is None:
        waiting = worklist.next
        if waiting is None:
            raise UsageError("nothing is left to read", remedy="name a study to look at it again")
        study_uid = waiting.study_uid
    elif study_uid not in {row.study_uid for row in worklist}:
        raise UsageError(f"study {study_uid} is not in this list", remedy="name one that is")
    folders = [films] if isinstance(films, str | PathLike) else list(films)
    session = open_session(
        worklist.folder,
        study=study_uid,
        reader=worklist.reader,
        previous=previous,
        previous_study=previous_study,
        allow_other_patient=allow_other_patient,
        blinded=worklist.blinded,
        store=worklist.store,
        films=folders,
    )
    return ReadingRoom(session, worklist, films=folders)
