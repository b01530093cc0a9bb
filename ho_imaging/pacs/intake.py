"""Receipt of the images of a requested study, by C-GET or C-MOVE."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.reading.classes import may_be_film
from ho_imaging.reading.own import is_own

if TYPE_CHECKING:
    from pynetdicom.events import Event

__all__ = ["Intake"]

logger = logging.getLogger(__name__)

_SUCCESS, _OUT_OF_RESOURCES, _NO_MATCH, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xA900, 0xC000


class Intake:
    """Takes the objects of one study and keeps those that may be radiographs.

    Parameters
    ----------
    study_uid
        The study that was asked for; anything else is turned away.
    most
        Films that are kept; one more says that there were too many.

    """

    def __init__(self, study_uid: str, most: int) -> None:
        self._study_uid, self._most = study_uid, most
        self._lock = threading.Lock()
        self.films: list[Dataset] = []
        self.received: list[tuple[str, str]] = []
        self.senders: set[str] = set()
        self.turned_away: list[Message] = []
        """Messages on objects that could not be taken."""
        self.strangers: list[Message] = []
        """Messages on senders of what was not asked for."""

    def take(self, event: Event) -> int:
        """Take an object; give the status of the answer."""
        sender = str(event.assoc.requestor.ae_title).strip()
        try:
            dataset = event.dataset
            dataset.file_meta = event.file_meta
            study, series, instance, kind, modality = (
                str(dataset.get(keyword, "") or "")
                for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality")
            )
        except Exception as error:
            logger.debug("trace", exc_info=True)
            self._note(self.turned_away, Message("object_not_understood", kind=type(error).__name__))
            return _CANNOT_UNDERSTAND
        # Not by Move Originator (PS3.7 9.1.1.1): some archives write their own title there.
        if study != self._study_uid:
            untitled = Message("object_not_asked_for_untitled")
            self._note(self.strangers, Message("object_not_asked_for", sender=sender) if sender else untitled)
            return _NO_MATCH
        with self._lock:
            self.senders.add(sender or "a peer without a title")
            if len(self.films) > self._most:
                return _OUT_OF_RESOURCES
            self.received.append((series, instance))
            # A run of angiography, say, came because its class may hold a radiograph.
            if may_be_film(kind, modality) and not is_own(dataset):
                self.films.append(dataset)
        return _SUCCESS

    def _note(self, place: list[Message], what: Message) -> None:
        with self._lock:
            if what not in place:
                place.append(what)
                logger.warning("%s", what)
