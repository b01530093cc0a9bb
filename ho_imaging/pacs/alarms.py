"""Alarms for the operator, each by its code, from the state of the service."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ho_imaging.messages import Message

__all__ = ["CODES", "Alarm", "Alarms", "Situation", "alarms_of"]

logger = logging.getLogger(__name__)

CODES = (
    "part_stopped",
    "disk_full",
    "results_not_written",
    "studies_stuck",
    "destination_down",
    "objects_given_up",
    "studies_failed",
)
"""Codes of all alarms, the gravest first; each is a metric too."""


@dataclass(frozen=True)
class Alarm:
    """Something that waits for an operator; ``text`` says what, with its remedy."""

    code: str
    text: str


@dataclass(frozen=True)
class Situation:
    """State of the service that alarms are derived from.

    ``stopped``: parts of the service that stopped by themselves. ``no_room``: why no film is taken. ``not_written``:
    why results cannot be written. ``longest_wait_s``: how long the study waits that waits for longest. ``silent_s``:
    how long each destination has taken nothing that it was sent, and why, by name. ``given_up``: objects, ``failed``:
    studies that nobody has dealt with.
    """

    stopped: tuple[str, ...] = ()
    no_room: str | None = None
    not_written: str | None = None
    longest_wait_s: float = 0.0
    silent_s: Mapping[str, tuple[float, Message | None]] = field(default_factory=dict)
    given_up: int = 0
    failed: int = 0


def alarms_of(situation: Situation, *, stuck_s: float, silent_s: float) -> tuple[Alarm, ...]:
    """Return the alarms of a situation, the gravest first.

    ``stuck_s``, ``silent_s``: how long a study may wait, and a destination take nothing.
    """
    found = [Alarm("part_stopped", f"{why}: see the log and start the service anew") for why in situation.stopped]
    if situation.no_room is not None:
        found.append(Alarm("disk_full", f"no film is taken: {situation.no_room}"))
    if situation.not_written is not None:
        found.append(Alarm("results_not_written", f"results cannot be written: {situation.not_written}"))
    if situation.longest_wait_s > stuck_s:
        minutes = situation.longest_wait_s / 60
        found.append(Alarm("studies_stuck", f"a study waits for {minutes:.0f} min: see `ho-imaging service list`"))
    for name, (seconds, why) in situation.silent_s.items():
        if seconds > silent_s:
            found.append(Alarm("destination_down", f"{name} has taken nothing for {seconds / 60:.0f} min: {why}"))
    if situation.given_up:
        text = f"{situation.given_up} objects were given up: `ho-imaging service send` or `purge` them"
        found.append(Alarm("objects_given_up", text))
    if situation.failed:
        text = f"{situation.failed} studies failed: `ho-imaging service retry` or `purge` them"
        found.append(Alarm("studies_failed", text))
    return tuple(found)


class Alarms:
    """The alarms that hold now; logs when one begins and ends, and counts those that began."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count
        self._since: dict[tuple[str, str], float] = {}
        self._now: tuple[Alarm, ...] = ()

    def update(self, alarms: tuple[Alarm, ...]) -> None:
        """Take over what holds now. Alarms of one code and subject are one, whatever numbers their text holds."""
        keys = {_key(alarm): alarm for alarm in alarms}
        for key, alarm in keys.items():
            if key not in self._since:
                self._since[key] = time.time()
                self._count(f"alarms_{alarm.code}")
                logger.error("alarm %s: %s", alarm.code, alarm.text)
        for key in [key for key in self._since if key not in keys]:
            del self._since[key]
            logger.info("alarm %s is over", " ".join(filter(None, key)))
        self._now = alarms

    def now(self) -> tuple[Alarm, ...]:
        """Return what holds now."""
        return self._now

    def gauges(self) -> dict[str, float]:
        """Return 1 for each code that holds, else 0."""
        codes = {alarm.code for alarm in self._now}
        return {f"alarm_{code}": float(code in codes) for code in CODES}


def _key(alarm: Alarm) -> tuple[str, str]:
    return alarm.code, alarm.text.partition(" ")[0] if alarm.code == "destination_down" else ""
