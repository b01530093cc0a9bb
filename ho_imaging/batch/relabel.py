"""Identifiers of studies that need no analysis: what a run says of whose films they are holds for all of the folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ho_imaging.batch.ledger import Ledger
from ho_imaging.batch.work import given_up, kept_rows
from ho_imaging.errors import ReadError, UsageError, WriteError
from ho_imaging.files.atomic import write_text
from ho_imaging.outputs.registry import choose
from ho_imaging.reading import Discovery, StudyRef
from ho_imaging.reading.identifiers import StudyIdentifiers, of_one_study
from ho_imaging.results.folder import OutputFolder, StudyFolder, forget_names, read_result
from ho_imaging.results.identified import identified
from ho_imaging.vocabulary import Identifiers

__all__ = ["names_a_patient", "relabel"]


def relabel(
    ledger: Ledger, folder: OutputFolder, discovery: Discovery, wanted: Identifiers
) -> Mapping[str, tuple[str, ...]]:
    """Bring results and table rows of studies that ended before to the identifiers that are wanted now.

    Identifiers come from the headers that this run has read anyway; a study whose files it was not given gets none that
    it has not. All studies lose those that are no longer wanted.

    Returns
    -------
    mapping
        By study, outputs that showed other identifiers and are to be made again.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    found = {study.study_uid: study for study in discovery.studies}
    left_out = ledger.left_out()
    stale: dict[str, tuple[str, ...]] = {}
    outputs: dict[str, set[str]] | None = None
    for uid, said in ledger.identifiers().items():
        study = found.get(uid)
        less = wanted is Identifiers.NONE or (wanted is Identifiers.ORDER and said == Identifiers.PATIENT.value)
        if said == wanted.value or (study is None and not less):
            continue
        (row,) = ledger.rows(since_run=0, of=uid)
        place = forget_names(folder, uid) if wanted is Identifiers.NONE else folder.study(uid)
        if (said or Identifiers.ORDER.value) != wanted.value:
            outputs = ledger.outputs() if outputs is None else outputs
            shown = [text for text in sorted(outputs.get(uid, ())) if _shows_identifiers(text)]
            drawn = [text for text in shown if not names_a_patient(text)]
            if uid not in left_out:  # else its file is gone, or another study's now
                stale[uid] = tuple(drawn)
            if less:  # first, for what cannot be made anew would stay as it is
                _delete(place, dicom=wanted is Identifiers.NONE)
            for text in shown if wanted is Identifiers.NONE else drawn:
                ledger.forget_output(uid, text)
        # Last: a run that ends before it has not done with the study, and the next one takes it up again.
        ledger.note_rows(uid, _rows(row, place, study, wanted))
    return stale


def names_a_patient(output: str) -> bool:
    """Return True for an output that is of a patient by its nature: DICOM objects are filed under one."""
    return output.partition(":")[0] == "dicom"


def _shows_identifiers(output: str) -> bool:
    try:
        return choose(output).output.shows_identifiers
    except UsageError:  # what wrote it is no longer installed, so it is neither known nor made again
        return False


def _rows(row: Mapping[str, Any], place: StudyFolder, study: StudyRef | None, wanted: Identifiers) -> dict[str, Any]:
    """Write a study's result anew and return its rows; of one without a result, its rows without identifiers."""
    kept = {name: row[name] for name in ("stages",) if name in row}
    try:
        result = read_result(place.result)
    except ReadError:  # it was given up
        files = (
            row.get("inputs", []) if study is None else given_up(study, row["state"], row["reason"], wanted)["inputs"]
        )
        if wanted is Identifiers.NONE:
            files = [{**file, "path": ""} for file in files]
        return {**kept, "inputs": files, "identifiers": wanted.value}
    images = () if study is None else study.images
    stated = of_one_study(image.identifiers for image in images)
    if study is None and result.identifiers is not None:  # the order is kept
        stated = StudyIdentifiers(accession_number=result.identifiers.accession_number or "")
    paths = {image.sop_instance_uid: str(image.path) for image in images}
    result = identified(result, wanted, stated, paths)
    write_text(place.result, result.to_json())
    return {**kept, **kept_rows(result, place.path.name, wanted)}


def _delete(place: StudyFolder, *, dicom: bool) -> None:
    """Delete the files of a study that show identifiers; ``dicom``: and the objects that are of a patient by nature."""
    try:
        for path in place.that_show_identifiers():
            if dicom or path.parent != place.dicom:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be deleted: {error.strerror}", path=place.path, remedy="check your rights") from error
