#!/usr/bin/env bash
# pydicom inverts a film by the brightest value in it: the same value is another grey in every film.
#
# Version:  pydicom 3.0.2 (apply_presentation_lut), highdicom 0.28.2
# Expected: Presentation LUT Shape INVERSE turns the range of the VOI LUT's output round, the same for all pictures (PS3.3
#           C.11.4, PS3.4 N.2.3): under a window over 0 to 4095 the value 1000 becomes 3095. Every DX image in
#           MONOCHROME1 has this shape. highdicom does it so (and DCMTK's dcm2pnm).
# Observed: it becomes 1000 in a film whose brightest value is 2000, and 3000 in one whose brightest is 4000. No error,
#           no warning; the brightest value is always 0.
# Matters:  two films of one device, or one film and its crop, are no longer comparable, and a network sees another grey
#           for the same exposure.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "pydicom==3.0.2" "highdicom==0.28.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_presentation_lut, apply_rescale, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

WHITE, VALUE = 4095, 1000


def film(brightest):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PatientName, made.PatientID = "DX", "Test^Film", "1"
    made.PresentationIntentType, made.PresentationLUTShape = "FOR PRESENTATION", "INVERSE"
    made.SeriesNumber = made.InstanceNumber = 1
    made.Rows, made.Columns = 64, 80
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME1"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, 0, "US"
    made.WindowCenter, made.WindowWidth = 2048, 4096
    pixels = np.full((64, 80), VALUE, dtype=np.uint16)
    pixels[0, 0] = brightest
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OW"
    return made


def greys(brightest):
    """What VALUE is shown as: by pydicom, and by highdicom."""
    path = Path(sys.argv[1]) / f"{brightest}.dcm"
    film(brightest).save_as(path, enforce_file_format=True)
    header = pydicom.dcmread(path)
    windowed = apply_voi_lut(apply_rescale(header.pixel_array, header), header)
    by_pydicom = apply_presentation_lut(windowed, header)
    by_highdicom = hd.imread(path).get_frame(1, apply_voi_transform=True, voi_output_range=(0, WHITE))
    print(f"brightest value {brightest}: {VALUE} becomes {by_pydicom[9, 9]:.0f}, by highdicom {by_highdicom[9, 9]:.0f}")
    return round(float(by_pydicom[9, 9])), round(float(by_highdicom[9, 9]))


print(f"wanted: {VALUE} becomes {WHITE - VALUE}")
found = [greys(brightest) for brightest in (2000, 4000)]
sys.exit(found != [(1000, WHITE - VALUE), (3000, WHITE - VALUE)])
PY
