#!/usr/bin/env bash
# SimpleITK turns the values of a MONOCHROME1 film round, rescales what came of it, and goes on calling it MONOCHROME1.
#
# Version:  SimpleITK 2.5.7 (ITK's GDCM reader), python-gdcm 3.2.6, pydicom 3.0.2
# Expected: MONOCHROME1 says how a value is shown, after all grey scale transformations, and changes no value (PS3.3
#           C.7.6.3.1.2). Rescale Slope and Intercept apply to the values as stored (PS3.3 C.11.1). ITK's pages on its release
#           5.0 say that MONOCHROME1 is not converted, SimpleITK's notebooks that whoever shows such a film inverts it.
# Observed: a stored 100 of 12 bits is read as 3995 (4095 - 100); with slope 2 and intercept -1000 as 6990 instead of
#           -800: a value that the film nowhere holds. It is so in three transfer syntaxes, without a warning, and
#           Photometric Interpretation of what was read is still MONOCHROME1. GDCM by itself returns 100, as pydicom.
# Matters:  thresholds, densities and windows of the header meet other values than the device stored; and who inverts
#           because the header says so, shows bone black.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "SimpleITK==2.5.7" "python-gdcm==3.2.6" "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder/film.dcm" << 'PY'
import sys

import gdcm
import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, generate_uid

path = sys.argv[1]
WHITE, VALUE = 4095, 100
stored = np.linspace(VALUE, 2047, 64 * 80).astype(np.uint16).reshape(64, 80)


def write(interpretation, rescale, syntax):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax.is_compressed else syntax
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PatientName, made.PatientID = "CR", "Test^Film", "1"
    made.StudyDate, made.StudyTime, made.StudyID = "20260101", "120000", "1"
    made.SeriesNumber = made.InstanceNumber = 1
    made.AccessionNumber = made.ReferringPhysicianName = made.PatientBirthDate = made.PatientSex = ""
    made.PatientOrientation, made.Laterality, made.Manufacturer = ["L", "F"], "L", "test"
    made.BodyPartExamined, made.ViewPosition = "HIP", "AP"
    made.Rows, made.Columns = stored.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, interpretation
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.RescaleSlope, made.RescaleIntercept = rescale
    made.RescaleType = "US"
    made.PixelData = stored.tobytes()
    made["PixelData"].VR = "OW"
    if syntax.is_compressed:
        made.compress(syntax, encoding_plugin="pydicom")
    made.save_as(path, enforce_file_format=True)


def readings():
    image = SimpleITK.ReadImage(path)
    reader = gdcm.ImageReader()
    reader.SetFileName(path)
    reader.Read()
    by_gdcm = np.frombuffer(reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape"), dtype="<u2")
    whole = np.array_equal(by_gdcm.reshape(stored.shape), stored) and np.array_equal(pydicom.dcmread(path).pixel_array, stored)
    return SimpleITK.GetArrayFromImage(image)[0], image.GetMetaData("0028|0004").strip(), whole


as_described = []
for slope, intercept in ((1, 0), (2, -1000)):
    wanted = stored.astype(int) * slope + intercept
    turned = (WHITE - stored.astype(int)) * slope + intercept
    print(f"slope {slope}, intercept {intercept}: stored {VALUE} stands for {wanted[0, 0]}, ", end="")
    print(f"all values {wanted.min()} to {wanted.max()}")
    for interpretation in ("MONOCHROME2", "MONOCHROME1"):
        for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless):
            write(interpretation, (slope, intercept), syntax)
            found, said, others_right = readings()
            print(f"    {interpretation}, {syntax.name}: {found[0, 0]}, {found.min()} to {found.max()}, called {said}")
            right = wanted if interpretation == "MONOCHROME2" else turned
            as_described.append(np.array_equal(found, right) and said == interpretation and others_right)
sys.exit(not all(as_described))
PY
