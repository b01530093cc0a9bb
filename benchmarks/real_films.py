"""Real films that a table labels: which of them to use for a measurement."""

from __future__ import annotations

import csv
from pathlib import Path

__all__ = ["films_labelled"]


def films_labelled(folder: Path, labels: Path, *, ho: str = "no", least_px: int = 500) -> list[Path]:
    """Return the films of a folder that a table labels so and that are not too small.

    Parameters
    ----------
    folder
        Holds films named by their ``id``, with any suffix.
    labels
        A CSV with the columns ``id``, ``ho`` (yes, no, unsure), ``width`` and ``height`` (in pixels).
    ho
        The label asked for.
    least_px
        Films whose longer side has fewer pixels are left out.

    """
    by_id = {path.stem: path for path in sorted(folder.iterdir()) if path.is_file()}
    with labels.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    chosen = [row["id"] for row in rows if row["ho"] == ho and max(int(row["width"]), int(row["height"])) >= least_px]
    return [by_id[name] for name in chosen if name in by_id]
