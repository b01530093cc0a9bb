"""Tables of a batch, its worklist and the summary of its last run, from its ledgers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ho_imaging.batch.add_outputs import write_batch_outputs
from ho_imaging.batch.ledger import Ledger
from ho_imaging.errors import UsageError
from ho_imaging.files.atomic import write_text
from ho_imaging.files.output_names import FINDINGS_TABLE, INPUTS_TABLE, SIDES_TABLE, STUDIES_TABLE
from ho_imaging.messages import Message, text
from ho_imaging.outputs.batch_tables import write_tables as write_rows
from ho_imaging.outputs.rows import reason_cells
from ho_imaging.outputs.worklist import write_page
from ho_imaging.results.folder import OutputFolder, folder_name
from ho_imaging.results.identified import without_paths
from ho_imaging.vocabulary import Identifiers

__all__ = ["summarise", "write_tables"]


def write_tables(out_dir: Path) -> dict[str, Any]:
    """Write the tables of everything the folder's ledgers hold, each file whole or not at all; gives the summary.

    The ledgers are read a study at a time, once for the tables and once for the worklist: there may be a million.
    """
    folder = OutputFolder(out_dir)
    kept = _kept(folder)
    counts = _Counts()
    write_rows(folder.path, counts.of(_tables(folder, kept)))
    summary = _summary(counts, kept.about) | {
        "left_out": len(kept.left_out - kept.ledger_of.keys()),
        # What is left of the work is looking for changed files, making tables' rows and loading the model.
        "stage_seconds": {name: round(value, 1) for name, value in counts.stages.items()},
    }
    write_text(folder.run, json.dumps(summary, indent=2) + "\n")
    language = kept.about.get("settings", {}).get("language") or "en"
    write_page(out_dir, (_spoken(row, language) for row in _rows(folder, kept)), language)
    return summary


@dataclass
class _Kept:
    """Contents of the ledgers of a folder: the last run, which ledger tells of a study, and each rejected file once.

    ``rejected``: path, status and reason by path. ``left_out``: studies whose files are gone.
    """

    about: dict[str, Any] = field(default_factory=dict)
    ledger_of: dict[str, Path] = field(default_factory=dict)
    rejected: dict[str, tuple[str, str, Message]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)


@dataclass
class _Counts:
    """Sums over the rows that pass through `of`."""

    studies: Counter[str] = field(default_factory=Counter)
    inputs: Counter[str] = field(default_factory=Counter)
    grades: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def of(self, studies: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Pass on the rows of each study, and count them."""
        for rows in studies:
            self.seconds += rows["seconds"] or 0.0
            self.stages.update(rows["stages"])
            self.inputs.update(film["status"] for film in rows[INPUTS_TABLE])
            for study in rows[STUDIES_TABLE]:
                self.studies[study["status"]] += 1
                if study["status"] == "done" and study.get("grade"):
                    self.grades[f"{study.get('system')} {study['grade']}"] += 1
                self.categories.update(filter(None, [study.get("category")]))
                self.reasons.update(filter(None, [study.get("reason_code")]))
            yield rows


def _kept(folder: OutputFolder) -> _Kept:
    kept, finished = _Kept(), dict[str, str]()
    for path in folder.ledgers():
        with closing(Ledger(path)) as ledger:
            kept.about = ledger.about() or kept.about
            for uid, ended in ledger.ends():
                # Parts of one folder cut in other numbers hold the same study twice: the later one is on disk.
                if uid not in kept.ledger_of or (ended or "") >= finished.get(uid, ""):
                    kept.ledger_of[uid] = path
                    finished[uid] = ended or ""
            unnamed = kept.about.get("settings", {}).get("identifiers") == Identifiers.NONE.value
            for name, status, reason in ledger.rejected():
                kept.rejected[name] = ("", status, without_paths(reason)) if unnamed else (name, status, reason)
            kept.left_out |= ledger.left_out()
    return kept


def _rows(folder: OutputFolder, kept: _Kept) -> Iterator[dict[str, Any]]:
    """Read what the ledgers say of each study, once."""
    for path in folder.ledgers():
        with closing(Ledger(path)) as ledger:
            bad = {name for name, _, _ in ledger.rejected()}
            for row in ledger.rows():
                if kept.ledger_of.get(row["study_uid"]) == path:
                    # A film that was analysed once and cannot be read now ended as that.
                    row["inputs"] = [film for film in row.get("inputs", ()) if film["path"] not in bad]
                    yield row


def _tables(folder: OutputFolder, kept: _Kept) -> Iterator[dict[str, Any]]:
    """Return the rows of each table, a study at a time; files that are in no study come last."""
    for row in _rows(folder, kept):
        yield {
            STUDIES_TABLE: [_study(row)],
            FINDINGS_TABLE: row.get(FINDINGS_TABLE, []),
            SIDES_TABLE: row.get(SIDES_TABLE, []),
            INPUTS_TABLE: row["inputs"],
            "seconds": row["seconds"],
            "stages": row.get("stages", {}),
        }
    for name, status, reason in kept.rejected.values():
        film = {"path": name, "study_uid": "", "sop_instance_uid": None, "status": status, **reason_cells(reason)}
        yield {STUDIES_TABLE: [], INPUTS_TABLE: [film], "seconds": None, "stages": {}}


def _spoken(row: dict[str, Any], language: str) -> dict[str, Any]:
    return _study(row) if row["reason"] is None else {**_study(row), "reason": text(row["reason"], language)}


def summarise(out_dir: Path) -> dict[str, Any]:
    """Count what is in a batch's folder, from its ledgers.

    Raises
    ------
    UsageError
        If the folder holds no batch.

    """
    if not OutputFolder(out_dir).ledgers():
        raise UsageError("holds no batch", path=out_dir, remedy="give the --out of an earlier ho-imaging analyze")
    summary = write_tables(out_dir)
    for path in OutputFolder(out_dir).ledgers():
        with closing(Ledger(path)) as ledger:
            write_batch_outputs(ledger, OutputFolder(out_dir))
    return summary


def _study(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study's row; one that never ended well has few values."""
    if "study" in row:
        return dict(row["study"])
    uid, reason = row["study_uid"], row["reason"]
    if row.get("identifiers") == Identifiers.NONE.value and reason is not None:
        reason = without_paths(reason)
    return {"study_uid": uid, "folder": folder_name(uid), "status": row["state"], **reason_cells(reason)}


def _summary(counts: _Counts, about: dict[str, Any]) -> dict[str, Any]:
    wall = float(about.get("seconds") or 0.0)
    analysed = int(about.get("analysed") or 0)
    return {
        **about,
        "studies": dict(counts.studies),
        "inputs": dict(counts.inputs),
        "grades": dict(sorted(counts.grades.items())),
        "categories": dict(counts.categories),
        "reasons": dict(counts.reasons.most_common(20)),
        "studies_per_second": round(analysed / wall, 3) if wall > 0.0 and analysed else None,
        "work_seconds": round(counts.seconds, 1),
    }
