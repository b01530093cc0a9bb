"""``ho-imaging service list | show | retry | send | purge --config FILE [UID ...]``, for an operator."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ho_imaging.errors import UsageError
from ho_imaging.messages import Message

if TYPE_CHECKING:
    from ho_imaging.pacs.config import ServeConfig
    from ho_imaging.pacs.ledger import Ledger
    from ho_imaging.pacs.operate import Selection, Study

__all__ = ["add_arguments", "run"]

logger = logging.getLogger(__name__)

_ACTIONS = {
    "list": "list studies, one JSON line each",
    "show": "show all that is known of studies: films with their senders, objects and what became of them",
    "retry": "analyse studies anew",
    "send": "send the objects of studies again",
    "purge": "delete studies, and forget what was lost of them",
}
_STATES = ("waiting", "analysing", "done", "refused", "failed", "leaving", "gone", "unsent", "given-up")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in _ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        action.add_argument("--config", required=True, type=Path, metavar="FILE", help="configuration of the service")
        action.add_argument("study", nargs="*", metavar="UID", help="Study Instance UIDs")
        action.add_argument(
            "--state", action="append", default=[], choices=_STATES, help="studies in this state; may be repeated"
        )
        action.add_argument(
            "--older-than", type=_age, metavar="AGE", help="nothing changed for so long, e.g. 90m, 12h or 3d"
        )
        action.add_argument("--newer-than", type=_age, metavar="AGE", help="something changed within this time")
        if name in {"list", "retry"}:
            action.add_argument(
                "--other-model", action="store_true", help="analysed with other weights than the service uses now"
            )
        if name not in {"list", "show"}:
            action.add_argument("--all", action="store_true", help="every study")
        if name == "send":
            action.add_argument(
                "--to", action="append", default=[], metavar="NAME", help="destination; all where none is given"
            )
        if name == "purge":
            action.add_argument("--force", action="store_true", help="also what is not yet analysed or sent")


def run(options: argparse.Namespace) -> int:
    """Do it; print a JSON line for each study. Exit status 1 if an action left a study out."""
    from ho_imaging.outputs.rows import reason_cells  # noqa: PLC0415
    from ho_imaging.pacs import operate  # noqa: PLC0415
    from ho_imaging.pacs.config import load_serve_config  # noqa: PLC0415

    config = load_serve_config(options.config)
    selection = _selection(options, config)
    if selection.is_all and not getattr(options, "all", True):
        raise UsageError(Message("operate_nothing_named"))
    with _ledger(config) as ledger:
        studies = operate.select(ledger, selection)
        if options.action in {"list", "show"}:
            for study in studies:
                more = operate.describe(ledger, study) if options.action == "show" else {}
                _say(_line(study) | {name: [_told(item) for item in items] for name, items in more.items()})
            return 0
        done = _act(options, config, ledger, studies)
        for study in studies:
            if study.study_uid not in done:
                reason = operate.why_not(options.action, study)
                _say({"study_uid": study.study_uid, "action": None, **reason_cells(reason)})
    if options.action == "purge":
        _delete_without_service(config)
    return 0 if len(done) == len(studies) else 1


def _act(options: argparse.Namespace, config: ServeConfig, ledger: Ledger, studies: Sequence[Study]) -> set[str]:
    from ho_imaging.pacs import operate  # noqa: PLC0415

    if options.action == "retry":
        done = operate.retry(ledger, studies)
    elif options.action == "send":
        names = [destination.name for destination in config.send]
        unknown = [name for name in options.to if name not in names]
        if unknown:
            raise UsageError(Message("operate_destination_unknown", name=unknown[0]), path=options.config)
        done = operate.send(ledger, studies, options.to or names)
    else:
        done = operate.purge(ledger, studies, force=options.force)
    for uid in done:
        _say({"study_uid": uid, "action": options.action})
    return set(done)


def _selection(options: argparse.Namespace, config: ServeConfig) -> Selection:
    from ho_imaging.pacs.operate import Selection  # noqa: PLC0415

    model = None
    if getattr(options, "other_model", False):
        from ho_imaging.pacs.service import model_of  # noqa: PLC0415

        model = model_of(config)
    return Selection(
        frozenset(options.study),
        frozenset(state.replace("-", " ") for state in options.state),
        options.older_than,
        options.newer_than,
        model,
    )


@contextlib.contextmanager
def _ledger(config: ServeConfig) -> Iterator[Ledger]:
    from ho_imaging.pacs.ledger import LEDGER, Ledger  # noqa: PLC0415

    folder = config.spool.folder
    if not (folder / LEDGER).exists():
        raise UsageError(Message("operate_no_spool"), path=folder)
    ledger = Ledger(folder)
    try:
        yield ledger
    finally:
        ledger.close()


def _delete_without_service(config: ServeConfig) -> None:
    """Delete what was purged, unless a service holds the spool, which does it by itself."""
    from ho_imaging.pacs.service import hold_spool, open_spool  # noqa: PLC0415

    with contextlib.ExitStack() as held:
        try:
            hold_spool(config.spool.folder, held)
        except UsageError:
            logger.info("the running service deletes them")
            return
        spool = open_spool(config)
        held.callback(spool.close)
        spool.removal.let_go()


def _line(study: Study) -> dict[str, Any]:
    from ho_imaging.outputs.rows import reason_cells  # noqa: PLC0415
    from ho_imaging.pacs.operate import at  # noqa: PLC0415

    return {
        "study_uid": study.study_uid,
        "state": study.state,
        **reason_cells(study.reason),
        "changed": at(study.changed),
        "films": study.films,
        "attempts": study.attempts,
        "model": study.model,
        "sending": study.objects,
    }


def _told(item: dict[str, Any]) -> dict[str, Any]:
    """Return a film or an object with the text and the code of its reason, if it has one."""
    from ho_imaging.outputs.rows import reason_cells  # noqa: PLC0415

    return item | reason_cells(item["reason"]) if "reason" in item else item


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


def _age(text: str) -> float:
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age: write for example 90m, 12h or 3d")
    return int(found[1]) * _UNITS[found[2]]
