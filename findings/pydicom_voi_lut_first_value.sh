#!/usr/bin/env bash
# pydicom shows a film with a VOI LUT as all black when the file is in Implicit VR and its LUT begins below zero.
#
# Version:  pydicom 3.0.2
# Expected: the same film in Explicit and in Implicit VR Little Endian is shown alike. The VR of the second value of LUT
#           Descriptor (US or SS) is that of Pixel Representation only where nothing is rescaled; it is SS where the
#           rescaled values may be negative (PS3.3 C.11.2.1.1). Here: unsigned pixels, Rescale Intercept -1024.
# Observed: in Implicit VR the first value mapped is taken from Pixel Representation alone, 64512 instead of -1024. All
#           values lie below the table and become its first entry, without an error. Explicit VR is right. (dcm2pnm of
#           DCMTK 3.6.7 shows both alike.)
# Matters:  Implicit VR is the default transfer syntax: an archive may convert to it whatever it was given.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_rescale, apply_voi
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

FIRST = -1024
stored = np.linspace(0, 4095, 64 * 80).astype(np.uint16).reshape(64, 80)
entries = np.rint(65535 * np.sqrt(np.arange(4096) / 4095)).astype(np.uint16)
wanted = entries[stored]  # stored value v is v - 1024 when rescaled, which is entry v of a table that begins at -1024


def film(syntax):
    table = Dataset()
    table.LUTDescriptor = [4096, FIRST, 16]
    table["LUTDescriptor"].VR = "SS"
    table.LUTData = entries.tobytes()
    table["LUTData"].VR = "OW"
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PatientName, made.PatientID = "CR", "Test^Film", "1"
    made.SeriesNumber = made.InstanceNumber = 1
    made.Rows, made.Columns = stored.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, FIRST, "US"
    made.VOILUTSequence = [table]
    made.PixelData = stored.tobytes()
    made["PixelData"].VR = "OW"
    return made


def shown(name, syntax):
    path = Path(sys.argv[1]) / f"{name}.dcm"
    film(syntax).save_as(path, enforce_file_format=True)
    header = pydicom.dcmread(path)
    greys = apply_voi(apply_rescale(header.pixel_array, header), header)
    print(f"{name}: first value mapped {header.VOILUTSequence[0].LUTDescriptor[1]}, greys {greys.min()} to {greys.max()}")
    return greys


print(f"wanted: greys {wanted.min()} to {wanted.max()}")
explicit = shown("explicit", ExplicitVRLittleEndian)
implicit = shown("implicit", ImplicitVRLittleEndian)
sys.exit(not (np.array_equal(explicit, wanted) and not implicit.any()))
PY
