"""Fit the correction of findings for poor films, and print it as a section of ``model.toml``.

    python benchmarks/resolution.py FOLDER --labels CSV --model hip --jpeg none,85,60,30 --rows ROWS.jsonl
    python benchmarks/fit_quality.py ROWS.jsonl [--ridge 1.0]

Each candidate of the rows (a group of pixels above the level of a possible nodule) is a nodule that was laid in, or is
not. See `ho_imaging.evaluation.quality_fit`. Rows of several files count together.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ho_imaging.evaluation.quality_fit import fit_quality_correction
from ho_imaging.files.toml import to_toml

LEAST_CANDIDATES = 20

Values = NDArray[np.float64]


def read_rows(files: list[Path]) -> tuple[Values, Values, Values]:
    """Return logits (n,), qualities (n, 3) and truth (n,) of every candidate."""
    logits, qualities, truth = [], [], []
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            for peak, is_nodule in row["candidates"]:
                kept = min(max(float(peak), 1e-6), 1.0 - 1e-6)
                logits.append(np.log(kept / (1.0 - kept)))
                qualities.append(row["features"])
                truth.append(float(is_nodule))
    return np.array(logits), np.array(qualities, dtype=np.float64).reshape(-1, 3), np.array(truth)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, nargs="+")
    parser.add_argument("--ridge", type=float, default=1.0)
    options = parser.parse_args()
    logits, qualities, truth = read_rows(options.rows)
    if min(truth.sum(), len(truth) - truth.sum()) < LEAST_CANDIDATES:
        parser.error(f"too few candidates: {int(truth.sum())} nodules, {int(len(truth) - truth.sum())} others")
    correction = fit_quality_correction(logits, qualities, truth, ridge=options.ridge)
    sys.stderr.write(f"{int(truth.sum())} nodules, {int(len(truth) - truth.sum())} others\n")
    sys.stdout.write(to_toml({"quality_correction": correction.model_dump()}).lstrip())


if __name__ == "__main__":
    main()
