#!/usr/bin/env bash
# itk-wasm applies a presentation state whose window is a sigmoid as if it were linear.
#
# Version:  itkwasm-dicom 7.6.4 (its presentation states are read by DCMTK), highdicom 0.28.2, pydicom 3.0.2
# Expected: VOI LUT Function SIGMOID gives 255 / (1 + exp(-4 (x - center) / width)) (PS3.3 C.11.2.1.3.1), or an error or
#           a warning that it is not known. The Softcopy VOI LUT of a presentation state may state it (PS3.3 C.11.8).
# Observed: the picture of SIGMOID is byte for byte that of LINEAR, without a word: what a sigmoid shows in its foot and
#           shoulder is black and white.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check "itkwasm-dicom==7.6.4" "highdicom==0.28.2" "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder" 2> /dev/null << 'PY'
import sys
from pathlib import Path

import highdicom as hd
import itkwasm_dicom
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

folder = Path(sys.argv[1])
CENTER, WIDTH, STEP, ROWS, COLUMNS = 2048, 2048, 16, 64, 256


def ramp():
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PatientName, made.PatientID = "CR", "Test^Film", "1"
    made.StudyDate, made.StudyTime, made.StudyID = "20260101", "120000", "1"
    made.SeriesNumber = made.InstanceNumber = 1
    made.AccessionNumber = made.ReferringPhysicianName = made.PatientBirthDate = made.PatientSex = ""
    made.PatientOrientation = ["L", "F"]
    made.Rows, made.Columns = ROWS, COLUMNS
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelSpacing = [0.2, 0.2]
    made.PixelData = np.tile(np.arange(COLUMNS) * STEP, (ROWS, 1)).astype(np.uint16).tobytes()
    return made


def shown(film, function):
    state = hd.pr.GrayscaleSoftcopyPresentationState(
        [film], generate_uid(), 2, generate_uid(), 1, "Maker", "Model", "1", "1", "STATE",
        voi_lut_transformations=[
            hd.pr.SoftcopyVOILUTTransformation(window_center=CENTER, window_width=WIDTH, voi_lut_function=function)
        ],
    )
    for area in state.DisplayedAreaSelectionSequence:
        del area.PresentationPixelAspectRatio
        area.PresentationPixelSpacing = [0.2, 0.2]
    path = folder / f"{function}.dcm"
    state.save_as(path)
    _, picture = itkwasm_dicom.apply_presentation_state_to_image(str(folder / "film.dcm"), str(path))
    return np.asarray(picture.data).reshape(ROWS, COLUMNS)[0].astype(float)


film = ramp()
film.save_as(folder / "film.dcm", enforce_file_format=True)
linear, sigmoid = shown(film, "LINEAR"), shown(film, "SIGMOID")
wanted = 255 / (1 + np.exp(-4 * (np.arange(COLUMNS) * STEP - CENTER) / WIDTH))
print("values ", *(np.arange(COLUMNS) * STEP)[::32])
print("wanted ", *np.rint(wanted[::32]).astype(int))
print("SIGMOID", *sigmoid[::32].astype(int))
print("LINEAR ", *linear[::32].astype(int))
print(f"SIGMOID is up to {np.abs(sigmoid - wanted).max():.0f} of 255 greys off")
sys.exit(0 if np.array_equal(sigmoid, linear) and np.abs(sigmoid - wanted).max() > 25 else 1)
PY
