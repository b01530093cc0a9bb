"""Reports on what a batch left: one a study, beside its result."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ho_imaging._version import __version__
from ho_imaging.batch.ledger import Ledger
from ho_imaging.errors import HOImagingError, ReadError, UsageError
from ho_imaging.messages import Message
from ho_imaging.outputs.report.material import ComparisonMaterial
from ho_imaging.progression.schema import COMPARISON_VERSION, ProgressionResult
from ho_imaging.results.folder import OutputFolder, StudyFolder, folder_name, read_result
from ho_imaging.results.messages import message_result
from ho_imaging.results.schema import ModelResult, SiteResult, SoftwareResult, StudyResult
from ho_imaging.results.versions import not_read, read_kept
from ho_imaging.vocabulary import Status

if TYPE_CHECKING:
    from ho_imaging.readings.reviewed_study import ReviewedStudy

__all__ = ["KeptStudy", "kept_studies", "read_comparison", "reviews_of"]

logger = logging.getLogger(__name__)

_MOST_BYTES = 256 << 20
_COMPARE_AGAIN = "run ho-imaging compare again and give its comparison.json"


@dataclass(frozen=True, eq=False)
class KeptStudy:
    """A study whose result was kept. ``folder``: its own, in a batch; ``batch``: that batch's folder.

    ``problem``: why there is no result to report on.
    """

    study_uid: str
    folder: Path
    result: StudyResult | None
    batch: Path | None = None
    problem: str | None = None


def kept_studies(place: Path) -> Iterator[KeptStudy] | None:
    """Return the studies at a path: a batch's folder, a study's folder in it, or a result file.

    ``None`` for anything else, such as a folder of films. A result that cannot be read is given with its problem; a
    study that a batch gave up without a result is given with its reason from the ledger.
    """
    if OutputFolder(place).holds_results():
        return _of_batch(OutputFolder(place))
    if StudyFolder(place).result.is_file():
        return iter([_kept(StudyFolder(place).result, _batch_of(place))])
    if place.is_file() and place.suffix == ".json":
        return iter([_kept(place, _batch_of(place.parent))])
    return None


def _batch_of(folder: Path) -> Path | None:
    batch = StudyFolder(folder).batch
    return None if batch is None else batch.path


def _of_batch(batch: OutputFolder) -> Iterator[KeptStudy]:
    seen: set[str] = set()
    for study in batch.study_folders():
        seen.add(study.path.name)
        yield _kept(study.result, batch.path)
    for path in batch.ledgers():
        ledger = Ledger(path)
        try:
            rows = [(str(row["study_uid"]), str(row["state"]), row["reason"]) for row in ledger.rows()]
        finally:
            ledger.close()
        for uid, state, reason in rows:
            if state in {"refused", "failed"} and folder_name(uid) not in seen:
                seen.add(folder_name(uid))
                yield KeptStudy(uid, batch.study(uid).path, _given_up(uid, state, reason), batch.path)


def _given_up(uid: str, state: str, reason: Message | None) -> StudyResult:
    """Make the result that a batch could not write: nothing but its end and the reason."""
    return StudyResult(
        study_uid=uid,
        status=Status(state),
        reason=message_result(reason or Message("image_not_found")),
        images=(),
        software=SoftwareResult(name="ho_imaging", version=__version__),
    )


def _kept(path: Path, batch: Path | None) -> KeptStudy:
    try:
        result = read_result(path)
    except ReadError as error:
        return KeptStudy(path.parent.name, path.parent, None, batch, str(error))
    return KeptStudy(result.study_uid, path.parent, result, batch)


def read_comparison(study: KeptStudy, given: Path | None = None) -> ComparisonMaterial | None:
    """Read the comparison that ends with a study: the one given, else ``comparison.json`` in the study's folder.

    Raises
    ------
    ReadError
        If the one given cannot be read.
    UsageError
        If it is of another study, or of another analysis of this one.

    """
    path = given if given is not None else StudyFolder(study.folder).comparison
    if given is not None and given.is_dir():
        path = StudyFolder(given).comparison
    if given is None and not path.is_file():
        return None
    text = read_kept(path, _MOST_BYTES, remedy=_COMPARE_AGAIN)
    try:
        result = ProgressionResult.from_json(text)
    except ValidationError as error:
        raise not_read(error, text, "a comparison", COMPARISON_VERSION, path=path, remedy=_COMPARE_AGAIN) from error
    if not result.intervals or result.intervals[-1].later_study_uid != study.study_uid:
        raise UsageError(
            f"is a comparison that does not end with study {study.study_uid}",
            path=path,
            remedy="compare again with this study as the last",
        )
    if study.result is not None and not _same_nodules(result, study.result):
        raise UsageError(
            "is of another analysis of this study, whose nodules have other numbers",
            path=path,
            remedy="run ho-imaging compare again with the model of the result",
        )
    return ComparisonMaterial(result)


def _same_nodules(comparison: ProgressionResult, result: StudyResult) -> bool:
    """Return True if the ids of a comparison's last study can be those of a result."""
    models = comparison.model, result.model
    if models[0] is not None and models[1] is not None and _used(models[0]) != _used(models[1]):
        return False
    named = {uid for side in comparison.intervals[-1].sides for nodule in side.nodules for uid in nodule.later_ids}
    # Possible nodules (P1, P2, ...) are in no result.
    return {name for name in named if not name.startswith("P")} <= {finding.id for finding in result.findings}


def _used(model: ModelResult) -> tuple[str, SiteResult | None]:
    """Return what decides which nodules there are: the weights and the site file."""
    return model.sha256, model.site


def reviews_of(study: KeptStudy) -> Sequence[ReviewedStudy]:
    """Return each reader's review of a study of a batch; a review that cannot be read is left out and logged."""
    if study.batch is None or study.result is None or not OutputFolder(study.batch).reviews.is_dir():
        return ()
    from ho_imaging.readings.apply_decisions import review_state  # noqa: PLC0415  (only where there are reviews)
    from ho_imaging.readings.review_store import ReviewStore  # noqa: PLC0415  (only where there are reviews)

    store = ReviewStore(OutputFolder(study.batch).reviews)
    try:
        readers = store.readers(study.study_uid)
        return [review_state(study.result, store.read(study.study_uid, reader)) for reader in readers]
    except HOImagingError as error:
        logger.warning("readers' decisions are left out: %s", error)
        return ()
