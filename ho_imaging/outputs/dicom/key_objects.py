"""The films that show findings, as a Key Object Selection (PS3.3 A.35.4, TID 2010)."""

from __future__ import annotations

from collections.abc import Mapping

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as standard

from ho_imaging.outputs.dicom.identity import Maker, as_reference, series_words, take_over
from ho_imaging.results.schema import StudyResult

__all__ = ["key_objects"]

SERIES_NUMBER = 8806


def key_objects(result: StudyResult, sources: Mapping[str, Dataset], maker: Maker) -> KeyObjectSelectionDocument | None:
    """Name the films that show suspected ectopic bone; ``None`` where none does."""
    shown = {finding.sop_instance_uid for finding in result.findings}
    chosen = [as_reference(source) for uid, source in sources.items() if uid in shown]
    if not chosen:
        return None
    first = chosen[0]
    made = KeyObjectSelectionDocument(
        evidence=chosen,
        content=KeyObjectSelection(
            document_title=standard.DCM.OfInterest,
            referenced_objects=chosen,
            description="Films with suspected heterotopic ossification, found by ho_imaging. Research use only",
        ),
        series_instance_uid=maker.uid("series", "ko", str(first.StudyInstanceUID)),
        series_number=SERIES_NUMBER,
        sop_instance_uid=maker.uid("ko", *sorted(sources)),
        instance_number=1,
        series_description=series_words("films with findings", maker),
        **maker.equipment(),
    )
    take_over(made, next(source for uid, source in sources.items() if uid in shown), maker)
    return made
