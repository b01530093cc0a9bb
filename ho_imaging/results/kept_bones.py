"""Outlines of bones of an analysed image: those of an analysis in memory, or those kept beside its result."""

from __future__ import annotations

import logging
from pathlib import Path

from ho_imaging.errors import ReadError
from ho_imaging.results.analysis import StudyAnalysis
from ho_imaging.results.bone_outlines import BoneOutlines, bone_outlines, read_bone_outlines
from ho_imaging.results.folder import StudyFolder
from ho_imaging.results.schema import StudyResult

__all__ = ["kept_bones"]

logger = logging.getLogger(__name__)


def kept_bones(
    result: StudyResult, sop_instance_uid: str, *, analysis: StudyAnalysis | None = None, folder: Path | None = None
) -> BoneOutlines | None:
    """Return the outlines of bones on an image; ``None`` where none are kept that the result's own weights made.

    Parameters
    ----------
    result
        The study's result.
    sop_instance_uid
        SOP Instance UID of the image.
    analysis
        What was computed on the way, where the study was analysed in this process.
    folder
        The study's folder in a batch's output folder.

    Returns
    -------
    BoneOutlines or None
        Structures in the order of the region's plan, implants behind them. What cannot be read is logged.

    """
    model = result.model
    if analysis is not None and sop_instance_uid in analysis.films:
        return bone_outlines(analysis.films[sop_instance_uid].reading, "" if model is None else model.sha256)
    path = None if folder is None else StudyFolder(folder).bone_outlines(sop_instance_uid)
    if path is None or not path.exists():
        return None
    try:
        bones = read_bone_outlines(path)
    except ReadError as error:
        logger.warning("%s", error)
        return None
    same = bones.sop_instance_uid == sop_instance_uid and model is not None and bones.model_sha256 == model.sha256
    return bones if same else None
