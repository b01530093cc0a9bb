"""Films of a study that earlier runs found in other places: they belong to it still."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ho_imaging.batch.ledger import Ledger
from ho_imaging.batch.places import Places
from ho_imaging.reading import Discovery, StudyRef, discover
from ho_imaging.reading.archive import in_archive
from ho_imaging.reading.read import ImageRef

__all__ = ["with_earlier_films"]

logger = logging.getLogger(__name__)


def with_earlier_films(discovery: Discovery, ledger: Ledger, places: Places) -> Discovery:
    """Add to the studies found now the films that earlier runs found of them in places not looked at now.

    A study whose films come one by one would otherwise be graded by the last alone, and one under whose UID a film of
    another patient comes later would become that patient's. A film that is given again, by its SOP Instance UID, takes
    the place of the earlier one; a film that is gone is left out.

    Parameters
    ----------
    discovery
        What the paths of this run hold.
    ledger
        Of the output folder.
    places
        The paths of this run.

    Returns
    -------
    Discovery
        The same, with studies that are whole.

    """
    found = {study.study_uid: study for study in discovery.studies}
    earlier = {
        place: uid
        for uid, files in ledger.files()
        if uid in found
        for place in files
        if not places.was_looked_at(place) and _is_there(Path(place))
    }
    for study in discovery.studies:
        for image in study.images:
            earlier.pop(places.of(image.path), None)
    if not earlier:
        return discovery
    again = discover(sorted({str(_file_of(Path(place))) for place in earlier}))
    added: dict[str, list[ImageRef]] = {}
    for study in again.studies:
        for image in study.images:
            if earlier.get(places.of(image.path)) == study.study_uid:
                added.setdefault(study.study_uid, []).append(image)
    studies = tuple(_joined(study, added.get(study.study_uid, ())) for study in discovery.studies)
    return Discovery(studies, discovery.rejected)


def _joined(study: StudyRef, earlier: list[ImageRef] | tuple[()]) -> StudyRef:
    given = {image.sop_instance_uid for image in study.images}
    more = tuple(image for image in earlier if image.sop_instance_uid not in given)
    if not more:
        return study
    logger.warning(
        "study %s: %d of its films from an earlier run, not given now, belong to it: %s",
        study.study_uid,
        len(more),
        more[0].path,
    )
    return StudyRef(study.study_uid, (*study.images, *more))


def _is_there(path: Path) -> bool:
    return os.path.lexists(path) or in_archive(path) is not None


def _file_of(path: Path) -> Path:
    archive = in_archive(path)
    return path if archive is None else archive[0]
