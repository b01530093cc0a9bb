#!/usr/bin/env bash
# highdicom and dicomsdl take the unused bits of a pixel for part of its value.
#
# Version:  highdicom 0.28.2, dicomsdl 0.109.4, pydicom 3.0.2, SimpleITK 2.5.7
# Expected: of 16 bits allocated only the 12 stored hold the value; what the other four hold means nothing, and is not
#           even zeros or the sign (PS3.5 8.1.1). The values are the same whatever is there.
# Observed: get_stored_frame() and get_frame() of highdicom and pixelData(storedvalue=True) of dicomsdl return the whole
#           16 bits. Signed -2048 to -1 in films whose unused bits are zero come out as 2048 to 4095, brighter than all
#           positive values; 0 to 4095 with the bits set as 61440 to 65535. No error or warning. pydicom, with which
#           highdicom reads, and SimpleITK return the right values of the same files.
# Matters:  a device may leave zeros there also for signed values, or an overlay (retired); a window shows such a film
#           folded over, or all white.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "highdicom==0.28.2" "dicomsdl==0.109.4" "pydicom==3.0.2" "SimpleITK==2.5.7" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder/film.dcm" << 'PY'
import sys

import dicomsdl
import highdicom as hd
import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

path = sys.argv[1]
LOW, HIGH = 0x0FFF, 0xF000


def write(cells, signed):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PatientName, made.PatientID = "CR", "Test^Film", "1"
    made.SeriesNumber = made.InstanceNumber = 1
    made.Rows, made.Columns = cells.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, int(signed)
    made.PixelData = cells.astype("<u2").tobytes()
    made["PixelData"].VR = "OW"
    made.save_as(path, enforce_file_format=True)


def readings():
    film = hd.imread(path)
    return {
        "pydicom": pydicom.dcmread(path).pixel_array,
        "SimpleITK": SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))[0],
        "highdicom, stored": film.get_stored_frame(1),
        "highdicom, frame": film.get_frame(1),
        "dicomsdl": dicomsdl.open(path).pixelData(storedvalue=True),
    }


unsigned = np.linspace(0, 4095, 64 * 80).astype(int).reshape(64, 80)
signed = unsigned - 2048
as_described = []
for name, values, cells in (
    ("signed, the sign in the unused bits", signed, signed & 0xFFFF),
    ("signed, zeros in the unused bits", signed, signed & LOW),
    ("unsigned, zeros in the unused bits", unsigned, unsigned),
    ("unsigned, ones in the unused bits", unsigned, unsigned | HIGH),
):
    write(cells, signed=values is signed)
    taken_whole = cells - ((cells >> 15 << 16) if values is signed else 0)
    print(f"{name}: holds {values.min()} to {values.max()}")
    for reader, found in readings().items():
        print(f"    {reader}: {found.min():.0f} to {found.max():.0f}")
        as_described.append(np.array_equal(found, values if reader in ("pydicom", "SimpleITK") else taken_whole))
sys.exit(not all(as_described))
PY
