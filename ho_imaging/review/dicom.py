"""A reading as DICOM: a segmentation a film and a report, with the reader as the observer (PS3.16 TID 1002)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path

from pydicom.dataset import Dataset

from ho_imaging.errors import UsageError
from ho_imaging.outputs.dicom import read_sources
from ho_imaging.outputs.dicom.identity import Maker, Observer
from ho_imaging.outputs.dicom.measurements import structured_report
from ho_imaging.outputs.dicom.segmentation import nodule_segmentation
from ho_imaging.readings.readings import Reading
from ho_imaging.readings.reviewed_result import reviewed_result
from ho_imaging.results.schema import StudyResult
from ho_imaging.vocabulary import Status

__all__ = ["observer_of", "reading_objects"]

_LONGEST_NAME = 64


def reading_objects(
    result: StudyResult, reading: Reading, sources: Sequence[Dataset | str | PathLike[str]] | None = None
) -> list[Dataset]:
    """Make the DICOM objects of a committed reading: a segmentation a film that shows bone, and a report.

    Nodules the reader left as the model has them keep the model's tracking identifiers and name its algorithm, reshaped
    ones keep the identifiers; what a reader drew is marked so. The same reading gives the same UIDs, another reading
    others.

    Raises
    ------
    UsageError
        If the reading is not committed, or a source is missing or is no single-frame DICOM object.
    ReadError
        If a source cannot be read.

    """
    if not reading.committed or result.model is None:
        raise UsageError("the reading is not committed", remedy="commit it in the review")
    reviewed = reviewed_result(result, reading)
    opened = read_sources(result, None if sources is None else [_path(source) for source in sources])
    at = reading.committed_at
    # DICOM's times without an offset are local ones.
    created = datetime.now() if at is None else at.astimezone().replace(tzinfo=None)
    maker = Maker(result.model, result.software, created, observer_of(result, reading))
    made: list[Dataset] = []
    for image in reviewed.images:
        if image.status == Status.DONE:
            here = [finding for finding in reviewed.findings if finding.sop_instance_uid == image.sop_instance_uid]
            segmentation = nodule_segmentation(opened[image.sop_instance_uid], image, here, maker)
            made += [] if segmentation is None else [segmentation]
    done = {image.sop_instance_uid for image in result.images if image.status == Status.DONE}
    made.append(structured_report(reviewed, {uid: opened[uid] for uid in opened if uid in done}, maker))
    return made


def observer_of(result: StudyResult, reading: Reading) -> Observer:
    """Say who read, and which parts are the reader's own."""
    theirs = {finding.id for finding in result.findings}
    content = json.dumps(
        {
            "nodules": [[nodule.id, nodule.image_uid, nodule.outline_xy_px] for nodule in reading.nodules],
            "grades": dict(reading.grades),
            "at": None if reading.committed_at is None else reading.committed_at.isoformat(),
        },
        sort_keys=True,
    )
    # A backslash parts values, an equals sign parts the forms of a name; a name of one part says so (PS3.5 6.2).
    name = reading.reader.replace("\\", " ").replace("=", " ").strip()[: _LONGEST_NAME - 1] or "reader"
    name += "" if "^" in name else "^"
    return Observer(
        name=name,
        digest=hashlib.sha256(content.encode()).hexdigest(),
        drawn=frozenset(nodule.id for nodule in reading.nodules if nodule.id not in theirs),
        reshaped={finding.id: finding for finding in result.findings if finding.id in reading.reshaped},
        regraded=reading.regraded,
    )


def _path(source: Dataset | str | PathLike[str]) -> Dataset | Path:
    return source if isinstance(source, Dataset) else Path(source)
