#!/usr/bin/env bash
# SimpleITK never uses the Pixel Spacing of a projection radiograph, even a calibrated one.
#
# Version:  SimpleITK 2.5.7 (ITK's GDCM reader), pydicom 3.0.2
# Expected: a CR image with Pixel Spacing 0.1 mm, Pixel Spacing Calibration Type FIDUCIAL and Imager Pixel Spacing
#           0.2 mm is read with a spacing of 0.1 mm: PS3.3 10.7.1.1 lets Pixel Spacing hold what was
#           calibrated to the patient, Imager Pixel Spacing what holds at the detector.
# Observed: the spacing is 0.2 mm, for CR, DX, RF and XA alike; lengths measured on it are those at the detector, here
#           twice the calibrated ones. Without Imager Pixel Spacing it is 1 mm, whatever Pixel Spacing says.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check "SimpleITK==2.5.7" "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" - "$folder/film.dcm" << 'PY'
import sys

import numpy as np
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "RF": "1.2.840.10008.5.1.4.1.1.12.2",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
}


def spacing_mm(modality, imager):
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = CLASSES[modality]
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    film.StudyInstanceUID, film.SeriesInstanceUID = generate_uid(), generate_uid()
    film.Modality, film.PatientName, film.PatientID = modality, "Test^Film", "1"
    film.Rows, film.Columns = 20, 30
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated = film.BitsStored = 16
    film.HighBit, film.PixelRepresentation = 15, 0
    film.PixelSpacing = [0.1, 0.1]
    film.PixelSpacingCalibrationType = "FIDUCIAL"
    film.PixelSpacingCalibrationDescription = "ball of 25 mm"
    if imager:
        film.ImagerPixelSpacing = [0.2, 0.2]
    film.PixelData = np.zeros((20, 30), dtype=np.uint16).tobytes()
    film.save_as(sys.argv[1], enforce_file_format=True)
    return SimpleITK.ReadImage(sys.argv[1]).GetSpacing()[0]


found = {modality: (spacing_mm(modality, True), spacing_mm(modality, False)) for modality in CLASSES}
for modality, (with_imager, without) in found.items():
    print(f"{modality}: Pixel Spacing 0.1 and Imager Pixel Spacing 0.2: {with_imager:g}; Pixel Spacing 0.1 alone: {without:g}")
sys.exit(set(found.values()) != {(0.2, 1.0)})
PY
