"""Stand-ins for results of a batch whose studies were stood in for."""

import sqlite3
from pathlib import Path


def keep_results(out: Path) -> None:
    """Write an empty result for every study of a batch's ledger, as if each had been analysed."""
    with sqlite3.connect(out / "ledger.sqlite") as db:
        uids = [uid for (uid,) in db.execute("SELECT study_uid FROM studies")]
    for uid in uids:
        folder = out / "studies" / uid
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").write_text("{}")
