"""Clinical context of a study: why ectopic bone might have grown, and since when.

Facts are taken as they are given; nothing here changes a grade.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ho_imaging.errors import UsageError
from ho_imaging.vocabulary import spell

__all__ = ["MOST_DAYS", "Cause", "Prophylaxis", "StudyContext", "context_from_words"]


MOST_DAYS = 40_000
"""More days than a life has."""

_WHOLE_NUMBER = re.compile("[0-9]{1,9}")


class Cause(StrEnum):
    """Cause of ossification, as clinicians name it."""

    TRAUMA = "trauma"
    ARTHROPLASTY = "arthroplasty"
    BURN = "burn"
    AMPUTATION = "amputation"
    SPINAL_CORD_INJURY = "spinal_cord_injury"
    BRAIN_INJURY = "brain_injury"
    NONE_KNOWN = "none_known"


class Prophylaxis(StrEnum):
    """Treatment given against it."""

    NONE = "none"
    NSAID = "nsaid"
    RADIATION = "radiation"
    BOTH = "both"
    UNKNOWN = "unknown"


_TRAUMATIC = {Cause.TRAUMA, Cause.ARTHROPLASTY, Cause.BURN, Cause.AMPUTATION}
_NEUROGENIC = {Cause.SPINAL_CORD_INJURY, Cause.BRAIN_INJURY}


@dataclass(frozen=True)
class StudyContext:
    """Clinical facts of a study; all optional.

    Parameters
    ----------
    cause
        What set ossification off.
    days_since_event
        Days from injury or surgery to the film.
    prophylaxis
        What was given against it.
    source
        Where the facts come from: ``caller``, ``csv`` or a DICOM keyword.

    Raises
    ------
    UsageError
        If the days are no whole number, or not possible.

    """

    cause: Cause | None = None
    days_since_event: int | None = None
    prophylaxis: Prophylaxis = Prophylaxis.UNKNOWN
    source: str = "caller"

    def __post_init__(self) -> None:
        days = self.days_since_event
        if days is None:
            return
        if type(days) is not int:
            raise UsageError("days since the event are not a whole number", remedy="give days, 0 or more")
        if not 0 <= days <= MOST_DAYS:
            raise UsageError(f"{days} days since the event are not possible", remedy="give days, 0 or more")

    @property
    def wording(self) -> str | None:
        """Name of the disease by its cause; ``None`` where nothing was said about a cause."""
        if self.cause is None:
            return None
        if self.cause in _TRAUMATIC:
            return "heterotopic ossification, traumatica"
        if self.cause in _NEUROGENIC:
            return "heterotopic ossification, neurogenic"
        return "heterotopic ossification, atraumatica (no known cause)"


def context_from_words(
    cause: str | None = None,
    days_since_event: str | int | None = None,
    prophylaxis: str | None = None,
    *,
    source: str = "caller",
) -> StudyContext | None:
    """Make a context of words as they stand in a table; ``None`` when all are empty.

    Raises
    ------
    UsageError
        If a word is none of those known, or the days are no whole number.

    """
    cause, prophylaxis = spell(cause or "") or None, spell(prophylaxis or "") or None
    days = str(days_since_event if days_since_event is not None else "").strip()
    if cause is None and prophylaxis is None and not days:
        return None
    if days and _WHOLE_NUMBER.fullmatch(days) is None:
        # ``int`` takes more than people mean as a number of days: 1_0, digits of other scripts.
        raise UsageError("days since the event are not a whole number", remedy="give days, 0 or more")
    try:
        return StudyContext(
            cause=None if cause is None else Cause(cause),
            days_since_event=int(days) if days else None,
            prophylaxis=Prophylaxis.UNKNOWN if prophylaxis is None else Prophylaxis(prophylaxis),
            source=source,
        )
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        causes, kinds = ", ".join(Cause), ", ".join(Prophylaxis)
        raise UsageError(
            str(error), remedy=f"cause is one of {causes}; prophylaxis one of {kinds}; days a whole number"
        ) from error
