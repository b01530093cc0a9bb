"""What an operator's command does not do with the studies of a service."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "operate_study_left": Entry(
        _("it has left the spool"),
        _("send its films again"),
        note="A study that was purged or swept cannot be analysed or sent.",
    ),
    "operate_not_finished": Entry(
        _("it is not yet analysed or sent"),
        _("--force deletes it all the same"),
        note="A study of which something is still to be done is not purged.",
    ),
    "operate_films_gone": Entry(
        _("its films are not here"),
        _("send them again"),
        note="A study without films cannot be analysed.",
    ),
    "operate_no_objects": Entry(
        _("it has no objects"),
        _("retry it"),
        note="A study without objects cannot be sent.",
    ),
    "operate_study_unknown": Entry(
        _("no study {study} is in the spool"),
        _("see service list"),
        note="A study that is named was never received, or is forgotten.",
    ),
    "operate_nothing_named": Entry(
        _("no study is named"),
        _("give UIDs, --state, --older-than or --newer-than, or --all"),
        note="An action on everything has to be asked for.",
    ),
    "operate_destination_unknown": Entry(
        _("--to: no destination {name}"),
        _("give a name of its [[send]] entries"),
        note="The configuration has no destination of this name.",
    ),
    "operate_no_spool": Entry(
        _("holds no spool"),
        _("start the service first, or name its configuration"),
        note="The folder of the configuration was never used by a service.",
    ),
}
