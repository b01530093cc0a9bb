"""Names of the files and folders that this program writes: every other module takes them from here.

`CONTENTS` says what each means and is the public format of an output folder (docs/output-folder.md).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePath

__all__ = [
    "BATCH",
    "BONE_OUTLINES_SUFFIX",
    "COMPARED",
    "COMPARISON",
    "COMPARISON_FOLDER",
    "CONTENTS",
    "DICOM_FOLDER",
    "EVALUATION",
    "FIGURES",
    "FILMS_LINES",
    "FILMS_TABLE",
    "FINDINGS_TABLE",
    "INPUTS_TABLE",
    "LEDGER",
    "LEDGER_SUFFIX",
    "LOCK_SUFFIX",
    "MARK",
    "MODEL_STAMP",
    "OUTPUTS",
    "OVERLAY_SUFFIX",
    "PAIRS",
    "PAIRS_LINES",
    "PICTURES_FOLDER",
    "PICTURE_SUFFIX",
    "PLAIN_SUFFIX",
    "PROBABILITY_SUFFIX",
    "REPORT",
    "REPORT_PDF",
    "RESULT",
    "REVIEWS",
    "RUN",
    "SIDES_TABLE",
    "SITE",
    "STANDARD_INPUT",
    "STUDIES",
    "STUDIES_TABLE",
    "STUDY",
    "TABLES_PAGE",
    "TABLE_SUFFIXES",
    "THUMBNAIL",
    "TREND",
    "VALIDATION",
    "WORKLIST",
    "name_of_file",
    "tail_of",
    "written_names",
]

# A study's folder.
RESULT = "result.json"
BONE_OUTLINES_SUFFIX = ".bones.json"
THUMBNAIL = "thumbnail.jpg"
PROBABILITY_SUFFIX = ".ho.png"
OVERLAY_SUFFIX = ".overlay.png"
PLAIN_SUFFIX = ".plain.jpg"
DICOM_FOLDER = "dicom"
REPORT = "report.html"
REPORT_PDF = "report.pdf"
COMPARED = "comparison"
MARK = ".trying"

# A batch's folder.
STUDIES = "studies"
REVIEWS = "reviews"
OUTPUTS = "outputs"
LEDGER = "ledger"
LEDGER_SUFFIX = ".sqlite"
LOCK_SUFFIX = ".lock"
RUN = "run.json"
WORKLIST = "index.html"
STANDARD_INPUT = "standard_input"
STUDIES_TABLE = "studies"
FINDINGS_TABLE = "findings"
SIDES_TABLE = "sides"
INPUTS_TABLE = "inputs"
TABLE_SUFFIXES = (".parquet", ".csv")

# A comparison's folder.
COMPARISON = "comparison.json"
TREND = "trend.png"
PICTURE_SUFFIX = ".png"

# Folders of an evaluation and of a validation.
FIGURES = "figures.json"
TABLES_PAGE = "tables.md"
MODEL_STAMP = "model.json"
FILMS_LINES = "films.jsonl"
PAIRS_LINES = "pairs.jsonl"
PAIRS = "pairs.json"
FILMS_TABLE = "films.csv"
PICTURES_FOLDER = "disagreements"
SITE = "site.toml"

BATCH, STUDY, COMPARISON_FOLDER, EVALUATION, VALIDATION = "batch", "study", "comparison", "evaluation", "validation"
"""Kinds of output folders."""

CONTENTS: dict[str, dict[str, str]] = {
    BATCH: {
        f"{STUDIES}/STUDY/": "a study's folder",
        f"{STUDIES_TABLE}.parquet, {STUDIES_TABLE}.csv": "a row a study",
        f"{FINDINGS_TABLE}.parquet, {FINDINGS_TABLE}.csv": "a row a nodule",
        f"{SIDES_TABLE}.parquet, {SIDES_TABLE}.csv": "a row a hip, or another joint or limb",
        f"{INPUTS_TABLE}.parquet, {INPUTS_TABLE}.csv": "a row a file: done, refused or failed, with the reason",
        WORKLIST: "the worklist, worst study first, for any browser",
        RUN: "counts, settings and times of the last run",
        f"{OUTPUTS}/": "what --outputs asks for of all studies together, such as coco.json",
        f"{REVIEWS}/UID/READER.jsonl": "readers' decisions on the study with this UID, a line each",
        f"{STANDARD_INPUT}/": "films and archives that came by standard input (ho-imaging analyze -)",
        f"{LEDGER}*{LEDGER_SUFFIX}": "what has become of every study (SQLite, with its -wal and -shm files)",
        f"{LEDGER}*{LOCK_SUFFIX}": "keeps a second run out",
    },
    STUDY: {
        RESULT: "the result, by the schema that ho-imaging schema prints; written last",
        f"FILM{BONE_OUTLINES_SUFFIX}": "outlines of bones, implants and body, and the film's geometry",
        THUMBNAIL: "small picture for the worklist",
        f"FILM{PROBABILITY_SUFFIX}": "probability of ectopic bone, 0 to 255 (--outputs masks)",
        f"FILM{OVERLAY_SUFFIX}": "picture with outlines, measures and grade (--outputs overlays)",
        f"FILM{PLAIN_SUFFIX}": "the same picture without outlines, which the worklist switches to (--outputs overlays)",
        f"{DICOM_FOLDER}/": "DICOM objects (--outputs dicom)",
        REPORT: "report (--outputs report, or ho-imaging report)",
        REPORT_PDF: "report (ho-imaging report --pdf)",
        COMPARISON: "comparison with earlier studies, put here by hand, that the report shows",
        f"{COMPARED}/": "comparison with the patient's last study, of ho-imaging serve",
        f"{OUTPUTS}/": "what else --outputs asks for, such as fhir.json",
        MARK: "how often a Dask worker has begun the study; only while it is at work",
    },
    COMPARISON_FOLDER: {
        COMPARISON: "what changed between studies, by its own schema",
        f"SIDE{PICTURE_SUFFIX}": "a picture a side: right, left, unknown",
        TREND: "area over time",
    },
    EVALUATION: {
        FIGURES: "all figures",
        TABLES_PAGE: "tables",
        WORKLIST: "page with plots",
        f"PLOT{PICTURE_SUFFIX}": "plots: froc, reliability",
        MODEL_STAMP: "the model and the data that the folder is of",
        FILMS_LINES: "a line a film",
        f"{PAIRS}, {PAIRS_LINES}": "the same for pairs of studies (--pairs)",
    },
    VALIDATION: {
        FIGURES: "all figures",
        TABLES_PAGE: "tables",
        WORKLIST: "page with plots and the films on which label and program differ",
        f"PLOT{PICTURE_SUFFIX}": "plots: roc, decision_curve, reliability",
        FILMS_TABLE: "a row a film",
        f"{PICTURES_FOLDER}/": "pictures of films on which label and program differ",
        SITE: "site file (--fit)",
    },
}
"""Of each kind of output folder: names, and what stands there.

STUDY is a Study Instance UID and FILM a SOP Instance UID, or a hash of what is no UID. A picture file (PNG, JPEG, TIFF)
states no UID: STUDY and FILM are then `name_of_file`, unless paths are left out. Words in capitals and ``*`` stand for
any text; a name that ends with ``/`` is a folder.
"""

_MARKS: dict[str, tuple[tuple[str, ...], ...]] = {
    BATCH: ((STUDIES, f"{LEDGER}*{LEDGER_SUFFIX}"), (STUDIES, RUN)),
    STUDY: ((RESULT, f"*{BONE_OUTLINES_SUFFIX}"),),
    COMPARISON_FOLDER: ((COMPARISON,),),
    EVALUATION: ((FIGURES, TABLES_PAGE),),
    VALIDATION: ((FIGURES, TABLES_PAGE, FILMS_TABLE),),
}
"""By which names a folder is known for one of a kind: all of any one group are there.

A ``result.json`` alone may be of any program, whose films in a folder ``dicom`` must not be left out.
"""

_PICTURES: dict[str, tuple[str, ...]] = {
    BATCH: (STUDIES, OUTPUTS, REVIEWS, STANDARD_INPUT),
    STUDY: (
        THUMBNAIL, f"*{PROBABILITY_SUFFIX}", f"*{OVERLAY_SUFFIX}", f"*{PLAIN_SUFFIX}", DICOM_FOLDER, OUTPUTS,
        COMPARED, f"*{BONE_OUTLINES_SUFFIX}",
    ),
    COMPARISON_FOLDER: (*(f"{side}{PICTURE_SUFFIX}" for side in ("right", "left", "unknown")), TREND),
    EVALUATION: tuple(f"{plot}{PICTURE_SUFFIX}" for plot in ("froc", "reliability")),
    VALIDATION: (
        *(f"{plot}{PICTURE_SUFFIX}" for plot in ("roc", "decision_curve", "reliability")), PICTURES_FOLDER,
    ),
}  # fmt: skip
"""Files of each kind of folder that could be taken for films; the others are no images."""


_MOST_CHARACTERS = 40
_MOST_BYTES = 96
"""Of a file's name in another name: file systems take 255 bytes, and the longest suffix has 13."""

_TAIL_DIGITS = 12


def name_of_file(file: str, uid: str) -> str:
    """Return a name for what was made from a picture file, such as ``left_hip-3f9a2c1b7d04``.

    Parameters
    ----------
    file
        Path or name of the file.
    uid
        UID that was made from its content.

    Returns
    -------
    str
        The file's name without suffix, of which letters and digits of any script are kept and anything else becomes
        ``_``, cut to 40 characters; then `tail_of` the UID, which keeps files of one name apart.

    """
    stem = unicodedata.normalize("NFC", PurePath(file).stem)
    kept = "".join(one if unicodedata.category(one)[0] in "LNM" or one == "-" else "_" for one in stem)
    kept = re.sub(r"_{2,}", "_", kept)[:_MOST_CHARACTERS].encode()[:_MOST_BYTES].decode(errors="ignore").strip("_-")
    return f"{kept or 'film'}{tail_of(uid)}"


def tail_of(uid: str) -> str:
    """Return the end by which `name_of_file` is told to be of a UID: a hyphen and 12 hexadecimal digits of its hash."""
    return "-" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:_TAIL_DIGITS]


def written_names(names: Iterable[str]) -> frozenset[str]:
    """Return which entries of a folder an earlier run of this program wrote there; none if it is no output folder.

    Parameters
    ----------
    names
        Names of all files and folders in the folder.

    Returns
    -------
    frozenset of str
        The entries that are no input: films that lie beside them are.

    """
    present = tuple(names)
    found: set[str] = set()
    for kind, groups in _MARKS.items():
        if any(all(_matching(present, (mark,)) for mark in group) for group in groups):
            found |= _matching(present, (*_PICTURES[kind], *_patterns(kind)))
    return frozenset(found)


def _patterns(kind: str) -> list[str]:
    """Return the patterns of a folder's own files that have a fixed name; capitals stand for any text."""
    names = [name for entry in CONTENTS[kind] for name in entry.split(", ")]
    return [f"{name}*" if name.startswith(LEDGER) else name for name in names if "/" not in name and name[0].islower()]


def _matching(names: Iterable[str], patterns: Iterable[str]) -> set[str]:
    wanted = tuple(patterns)
    return {name for name in names if any(fnmatchcase(name, pattern) for pattern in wanted)}
