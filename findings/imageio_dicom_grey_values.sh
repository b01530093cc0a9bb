#!/usr/bin/env bash
# imageio reads the upper half of a DX film's grey values as negative numbers, without a word.
#
# Version:  imageio 2.38.1 (its own DICOM reader: deprecated, and still the one taken where none is named), pydicom 3.0.2
# Expected: stored values 0 to 65535 (16 bits) or 0 to 255 (8 bits) under Rescale Slope 1 and Intercept 0 stay what they
#           are. Every DX image states just these two (PS3.3 C.8.11.3), and they change nothing.
# Observed: with them in the header 65535 is read as -1 and 32768 as -32768 (int16); of 8 bits 255 is -1 and 128 is -128
#           (int8). Without them all values are right, as uint16 and uint8.
# Matters:  what should be the brightest half of a film sorts below its darkest: windows, thresholds and means are wrong.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "imageio==2.38.1" "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder/film" << 'PY'
import contextlib
import io
import sys
from pathlib import Path

import imageio.v2
import imageio.v3
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_rescale
from pydicom.uid import ExplicitVRLittleEndian, generate_uid


def film(stored, rescaled):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PatientName, made.PatientID = "DX", "Test^Film", "1"
    made.PresentationIntentType, made.PresentationLUTShape = "FOR PRESENTATION", "IDENTITY"
    made.SeriesNumber = made.InstanceNumber = 1
    made.Rows, made.Columns = stored.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = stored.itemsize * 8
    made.HighBit, made.PixelRepresentation = made.BitsStored - 1, 0
    if rescaled:
        made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, 0, "US"
    made.PixelData = stored.tobytes()
    made["PixelData"].VR = "OB" if stored.itemsize == 1 else "OW"
    return made


def read(stored, rescaled):
    """The pixels as both interfaces of imageio read them, and as pydicom does."""
    folder = Path(f"{sys.argv[1]}_{stored.itemsize}_{rescaled}")
    folder.mkdir()
    path = folder / "film.dcm"
    film(stored, rescaled).save_as(path, enforce_file_format=True)
    with contextlib.redirect_stdout(io.StringIO()):
        found = [np.asarray(module.imread(path)) for module in (imageio.v2, imageio.v3)]
    header = pydicom.dcmread(path)
    return found, apply_rescale(header.pixel_array, header)


as_described = []
for kind in (np.uint16, np.uint8):
    stored = np.linspace(0, np.iinfo(kind).max, 64 * 80).astype(kind).reshape(64, 80)
    wrapped = stored.view(np.dtype(kind).str.replace("u", "i"))
    plain, _ = read(stored, rescaled=False)
    found, reference = read(stored, rescaled=True)
    print(f"{stored.dtype}, without rescale: right {all(np.array_equal(one, stored) for one in plain)}")
    print(f"{stored.dtype}, slope 1 and intercept 0: {found[0].dtype}, {stored.max()} is read as {found[0][-1, -1]}, ", end="")
    print(f"by pydicom as {reference[-1, -1]:.0f}")
    as_described += [np.array_equal(one, stored) for one in plain]
    as_described += [one.dtype == wrapped.dtype and np.array_equal(one, wrapped) for one in found]
    as_described += [np.array_equal(reference, stored)]
sys.exit(not all(as_described))
PY
