"""Tables of a batch, its worklist and the summary of its last run, from its ledgers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
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
    """Write the tables of everything the folder's ledgers hold, each file whole or not at all; gives the summary."""
    folder = OutputFolder(out_dir)
    kept = _kept(folder)
    tables = _tables(kept)
    studies = tables[STUDIES_TABLE]
    write_rows(folder.path, tables)
    stages: Counter[str] = Counter()
    for row in kept.rows.values():
        stages.update(row.get("stages", {}))
    seconds = sum((row["seconds"] or 0.0 for row in kept.rows.values()), 0.0)
    summary = _summary(studies, tables[INPUTS_TABLE], kept.about, seconds) | {
        "left_out": len(kept.left_out - kept.rows.keys()),
        # What is left of the work is looking for changed files, making tables' rows and loading the model.
        "stage_seconds": {name: round(value, 1) for name, value in stages.items()},
    }
    write_text(folder.run, json.dumps(summary, indent=2) + "\n")
    language = kept.about.get("settings", {}).get("language") or "en"
    reasons = {uid: row["reason"] for uid, row in kept.rows.items() if row["reason"] is not None}
    spoken = [
        {**row, "reason": text(reasons[row["study_uid"]], language)} if row["study_uid"] in reasons else row
        for row in studies
    ]
    write_page(out_dir, spoken, language)
    return summary


@dataclass
class _Kept:
    """Contents of the ledgers of a folder: the last run, each study once, and each rejected file once.

    ``rejected``: path, status and reason by path. ``left_out``: studies whose files are gone.
    """

    about: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    rejected: dict[str, tuple[str, str, Message]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)


def _kept(folder: OutputFolder) -> _Kept:
    kept = _Kept()
    for path in folder.ledgers():
        ledger = Ledger(path)
        try:
            kept.about = ledger.about() or kept.about
            bad = {name: (status, reason) for name, status, reason in ledger.rejected()}
            for row in ledger.rows():
                # A film that was analysed once and cannot be read now ended as that.
                row["inputs"] = [film for film in row.get("inputs", ()) if film["path"] not in bad]
                # Parts of one folder cut in other numbers hold the same study twice: the later one is on disk.
                before = kept.rows.get(row["study_uid"])
                if before is None or (row["finished"] or "") >= (before["finished"] or ""):
                    kept.rows[row["study_uid"]] = row
            unnamed = kept.about.get("settings", {}).get("identifiers") == Identifiers.NONE.value
            for name, (status, reason) in bad.items():
                kept.rejected[name] = ("", status, without_paths(reason)) if unnamed else (name, status, reason)
            kept.left_out |= ledger.left_out()
        finally:
            ledger.close()
    return kept


def _tables(kept: _Kept) -> dict[str, list[dict[str, Any]]]:
    rows = list(kept.rows.values())
    inputs = [film for row in rows for film in row["inputs"]]
    inputs += [
        {"path": name, "study_uid": "", "sop_instance_uid": None, "status": status, **reason_cells(reason)}
        for name, status, reason in kept.rejected.values()
    ]
    inputs.sort(key=lambda row: (row["path"], row["sop_instance_uid"] or ""))
    return {
        STUDIES_TABLE: [_study(row) for row in rows],
        FINDINGS_TABLE: [found for row in rows for found in row.get(FINDINGS_TABLE, [])],
        SIDES_TABLE: [side for row in rows for side in row.get(SIDES_TABLE, [])],
        INPUTS_TABLE: inputs,
    }


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
        ledger = Ledger(path)
        try:
            write_batch_outputs(ledger, OutputFolder(out_dir))
        finally:
            ledger.close()
    return summary


def _study(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a study's row; one that never ended well has few values."""
    if "study" in row:
        return dict(row["study"])
    uid, reason = row["study_uid"], row["reason"]
    if row.get("identifiers") == Identifiers.NONE.value and reason is not None:
        reason = without_paths(reason)
    return {"study_uid": uid, "folder": folder_name(uid), "status": row["state"], **reason_cells(reason)}


def _summary(
    studies: list[dict[str, Any]], inputs: list[dict[str, Any]], about: dict[str, Any], seconds: float
) -> dict[str, Any]:
    graded = Counter(
        f"{row.get('system')} {row.get('grade')}" for row in studies if row["status"] == "done" and row.get("grade")
    )
    wall = float(about.get("seconds") or 0.0)
    analysed = int(about.get("analysed") or 0)
    return {
        **about,
        "studies": dict(Counter(row["status"] for row in studies)),
        "inputs": dict(Counter(row["status"] for row in inputs)),
        "grades": dict(sorted(graded.items())),
        "categories": dict(Counter(row["category"] for row in studies if row.get("category"))),
        "reasons": dict(Counter(row["reason_code"] for row in studies if row.get("reason_code")).most_common(20)),
        "studies_per_second": round(analysed / wall, 3) if wall > 0.0 and analysed else None,
        "work_seconds": round(seconds, 1),
    }
