"""Secondary capture of the overlay, for viewers that show nothing else (PS3.3 A.8.4)."""

from __future__ import annotations

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ho_imaging.outputs.dicom.basis import basis_words
from ho_imaging.outputs.dicom.identity import Maker, compress_runs, series_words, take_over
from ho_imaging.results.schema import ImageResult

__all__ = ["secondary_capture"]

SERIES_NUMBER = 8804
_NOT_STATED = ("L", "F")


def secondary_capture(source: Dataset, image: ImageResult, overlay: NDArray[np.uint8], maker: Maker) -> SCImage:
    """Wrap a picture with findings, uint8 (rows, columns, 3) RGB, as an image of the source's study.

    Marked as derived, with its source named; the picture itself says that it is for research only.
    """
    stated = [str(part) for part in source.get("PatientOrientation") or ()]
    made = SCImage(
        pixel_array=overlay,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=_NOT_STATED,
        study_instance_uid=str(source.StudyInstanceUID),
        series_instance_uid=maker.uid("series", "sc", str(source.StudyInstanceUID)),
        series_number=SERIES_NUMBER,
        sop_instance_uid=maker.uid("sc", str(source.SOPInstanceUID)),
        instance_number=1,
        **maker.equipment(),
        patient_id=source.get("PatientID"),
        patient_name=source.get("PatientName"),
        patient_birth_date=source.get("PatientBirthDate") or None,
        patient_sex=source.get("PatientSex") or None,
        accession_number=source.get("AccessionNumber"),
        study_id=source.get("StudyID"),
        study_date=source.get("StudyDate") or None,
        study_time=source.get("StudyTime") or None,
        referring_physician_name=source.get("ReferringPhysicianName"),
        series_description=series_words("picture", maker),
    )
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.ConversionType = "WSD"
    made.PatientOrientation = stated if len(stated) == 2 else []
    made.Laterality = source.get("Laterality") or ""
    made.BurnedInAnnotation = "YES"
    made.DerivationDescription = (
        f"Film with outlines, measures and grade by ho_imaging. Sizes: {basis_words(image)}. Research use only"
    )
    reference = Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    made.SourceImageSequence = [reference]
    made.LossyImageCompression = source.get("LossyImageCompression") or "00"
    take_over(made, source, maker)
    compress_runs(made)
    return made
