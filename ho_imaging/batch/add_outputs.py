"""Outputs of a batch beyond its studies' analysis: added to results that were kept, and of all studies together."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

from ho_imaging.batch.ledger import Ledger
from ho_imaging.errors import HOImagingError, ReadError, WriteError
from ho_imaging.outputs.registry import Chosen, Needs, Per, Source, choose
from ho_imaging.outputs.study_folder import write_output
from ho_imaging.results.folder import OutputFolder, StudyFolder, read_result

__all__ = ["add_outputs", "write_batch_outputs"]

logger = logging.getLogger(__name__)

_WHOLE_BATCH = ""
"""Stands in the ledger for the study of an output that is of all studies together."""


def add_outputs(
    ledger: Ledger,
    folder: OutputFolder,
    up_to_date: Sequence[str],
    chosen: Sequence[Chosen],
    *,
    stale: Mapping[str, Sequence[str]] | None = None,
    files: Mapping[str, str] | None = None,
) -> int:
    """Write outputs of studies that an earlier run analysed without them, from the results that were kept.

    Outputs of all studies together are noted, to be written by `write_batch_outputs` now and after every later run.
    ``stale``: by study, further outputs to write anew. ``files``: of films by SOP Instance UID, for results that do not
    say them.

    Returns
    -------
    int
        How many outputs of a study could not be written; each is logged with why.

    """
    wanted = [one for one in chosen if one.output.per is Per.STUDY and not one.output.always]
    have = ledger.outputs()
    missing: Counter[str] = Counter()
    for one in chosen:
        if one.output.per is Per.BATCH and not one.output.always:
            ledger.note_output(_WHOLE_BATCH, one.text)
    again = stale or {}
    for uid in dict.fromkeys((*up_to_date, *again)):
        study = folder.study(uid)
        anew = [one for one in map(choose, again.get(uid, ())) if one.output.per is Per.STUDY]
        missed = [one for one in wanted if one.text not in have.get(uid, ())]
        lacking = list({one.text: one for one in (*missed, *anew)}.values())
        if not lacking or not study.result.is_file():  # given up without a result
            continue
        possible = [one for one in lacking if one.needs is not Needs.ANALYSIS]
        missing.update(one.text for one in lacking if one.needs is Needs.ANALYSIS)
        for one in possible:
            problem = _add(one, study, files or {})
            ledger.note_output(uid, one.text, problem)
            missing.update([one.text] if problem is not None else [])
    for text, number in missing.items():
        if choose(text).needs is Needs.ANALYSIS:
            logger.warning(
                "output %s cannot be made from the kept results of %d studies: analyse them again with --again",
                text,
                number,
            )
    return missing.total()


def _add(one: Chosen, study: StudyFolder, files: Mapping[str, str]) -> str | None:
    """Write an output from a result that was kept; return what is wrong, if anything."""
    try:
        source = Source(read_result(study.result), folder=study, files=files)
    except ReadError as error:
        logger.warning("output %s was not written: %s", one.output.name, error)
        return error.reason
    write_output(one, source, study.path)
    return " ".join(map(str, source.problems)) or None


def write_batch_outputs(ledger: Ledger, folder: OutputFolder) -> int:
    """Write the outputs of all studies together that this run or an earlier one was asked for.

    Returns
    -------
    int
        How many could not be written; each is logged with why.

    Raises
    ------
    WriteError
        If the folder cannot be written to.

    """
    missing = 0
    for text in sorted(ledger.outputs().get(_WHOLE_BATCH, ())):
        try:
            one = choose(text)
            path = one.output.path_in(folder.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            one.output.write(_sources(folder), path, **one.options)
            continue
        except WriteError:
            raise
        except HOImagingError as error:
            why = error.reason
        except Exception as error:  # whatever an output does must not cost the batch; its words may hold patient data
            why = f"internal error ({type(error).__name__})"
            logger.debug("trace", exc_info=True)
        logger.error("output %s was not written: %s", text, why)
        missing += 1
    return missing


def _sources(folder: OutputFolder) -> Iterator[Source]:
    """Yield every study that stands and whose result can be read."""
    left_out, current = set[str](), set[str]()
    for path in folder.ledgers():
        with closing(Ledger(path)) as ledger:
            left_out |= ledger.left_out()
            current |= {uid for uid, _ in ledger.ends()} if left_out else set()
    # Where parts were cut in other numbers, another ledger may have found it since.
    out = {folder.study(uid).path.name for uid in left_out - current}
    for study in folder.study_folders():
        if study.path.name in out:
            continue
        try:
            yield Source(read_result(study.result), folder=study)
        except ReadError as error:
            logger.warning("left out of the outputs of all studies: %s", error)
