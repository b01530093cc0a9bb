"""Films of a study that earlier runs found in other places: they belong to it still."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ho_imaging.batch.ledger import Ledger
from ho_imaging.batch.places import Places
from ho_imaging.reading import Discovery, Rejected, StudyRef, discover
from ho_imaging.reading.archive import in_archive
from ho_imaging.reading.read import ImageRef
from ho_imaging.results.folder import OutputFolder
from ho_imaging.vocabulary import Status

__all__ = ["with_earlier_films"]

logger = logging.getLogger(__name__)


def with_earlier_films(
    discovery: Discovery, folder: OutputFolder, places: Places, *, wanted: Collection[str]
) -> Discovery:
    """Add to the studies found now the films that earlier runs found of them in places not looked at now.

    A study whose films come one by one would otherwise be graded by the last alone, and one under whose UID a film of
    another patient comes later would become that patient's. A film that is given again, by its SOP Instance UID, takes
    the place of the earlier one; a raw film is left out where its processed one is there too. A film that is gone, or
    cannot be read, is left out and logged.

    Parameters
    ----------
    discovery
        What the paths of this run hold.
    folder
        Output folder, of whose ledgers all count: parts may have been cut in other numbers before.
    places
        The paths of this run.
    wanted
        The studies that this run is about.

    Returns
    -------
    Discovery
        The same, with studies that are whole.

    """
    found = {study.study_uid: study for study in discovery.studies if study.study_uid in wanted}
    refused = {places.of(item.path) for item in discovery.rejected if item.status is Status.REFUSED}
    known = _known(folder, found, places, refused)
    elsewhere = {
        place: uid
        for uid, before in known.items()
        for place in before.places
        if not places.was_looked_at(place) and _is_there(Path(place))
    }
    again = _discover(elsewhere)
    added: dict[str, list[ImageRef]] = {}
    for study in again.studies:
        given = {image.sop_instance_uid for image in found[study.study_uid].images} if study.study_uid in found else ()
        for image in study.images:
            if elsewhere.get(places.of(image.path)) == study.study_uid and image.sop_instance_uid not in given:
                added.setdefault(study.study_uid, []).append(image)
    studies, rejected = _without_raw_twins(
        {uid: StudyRef(uid, (*found[uid].images, *more)) for uid, more in added.items()}, places
    )
    for uid, study in studies.items():
        more = [image for image in added[uid] if image in study.images]
        if more:
            logger.warning(
                "study %s: %d of its films from an earlier run, not given now, belong to it: %s",
                uid,
                len(more),
                more[0].path,
            )
    for uid, before in known.items():
        here = {image.sop_instance_uid for image in (*found[uid].images, *added.get(uid, ()))}
        if missing := len(before.instances - here):
            logger.warning("study %s: %d of the films that its last result is of are gone or cannot be read: it is "
                           "analysed without them", uid, missing)  # fmt: skip
    return Discovery(
        tuple(studies.get(study.study_uid, study) for study in discovery.studies), (*discovery.rejected, *rejected)
    )


@dataclass
class _Before:
    """Places of the files that earlier runs found of a study, and the instances that its result is of."""

    places: set[str] = field(default_factory=set)
    instances: set[str] = field(default_factory=set)


def _known(
    folder: OutputFolder, found: Mapping[str, StudyRef], places: Places, refused: Collection[str]
) -> dict[str, _Before]:
    """Return the studies of which earlier runs found other files than this one; ``refused``: places, with reasons."""
    known: dict[str, _Before] = {}
    for path in folder.ledgers():
        with closing(Ledger(path)) as ledger:
            for uid, files in ledger.files():
                if uid not in found:
                    continue
                other = set(files) - {places.of(image.path) for image in found[uid].images}
                if other:
                    before = known.setdefault(uid, _Before())
                    before.places |= other
                    for row in ledger.rows(of=uid):
                        before.instances |= {
                            film["sop_instance_uid"]
                            for film in row.get("inputs", ())
                            if not film["path"] or places.of(film["path"]) not in refused
                        }
    return known


def _without_raw_twins(
    studies: Mapping[str, StudyRef], places: Places
) -> tuple[dict[str, StudyRef], tuple[Rejected, ...]]:
    """Leave out raw films whose processed film lies in another place; return them as refused, too."""
    mine = {places.of(image.path) for study in studies.values() for image in study.images}
    raw = {
        place: item
        for item in _discover(mine).rejected
        if item.reason.code == "raw_twin" and (place := places.of(item.path)) in mine
    }
    whole = {
        uid: StudyRef(uid, tuple(image for image in study.images if places.of(image.path) not in raw))
        for uid, study in studies.items()
    }
    # Not given now: listed, but nobody expects a result for it.
    refused = [
        Rejected(item.path, item.status, item.reason, stray=not places.was_looked_at(place))
        for place, item in raw.items()
    ]
    return whole, tuple(refused)


def _discover(found: Iterable[str]) -> Discovery:
    """Look at files again, of which one in an archive stands for the whole archive."""
    files = sorted({str(_file_of(Path(place))) for place in found})
    return discover(files) if files else Discovery((), ())


def _is_there(path: Path) -> bool:
    return os.path.exists(_file_of(path))  # noqa: PTH110  (Path.exists raises where a folder may not be entered)


def _file_of(path: Path) -> Path:
    archive = in_archive(path)
    return path if archive is None else archive[0]
