#!/usr/bin/env bash
# dcmscale of DCMTK writes films whose millimetres, and after a cut also whose grey values, are no longer true.
#
# Version:  DCMTK 3.6.7 (Debian 3.6.7-9~deb12u4), pydicom 3.0.2
# Expected: a film at half size has pixels of twice the pitch, in every attribute that states it; a part cut out of it has
#           pixels of the pitch they had. Bits Stored of what is written holds all of its values.
# Observed: (1) at half size (+Sxf 0.5) Imager Pixel Spacing stays 0.2 mm, so that lengths come out half; beside it is a
#           new Pixel Spacing of 0.4 mm, which PS3.3 10.7.1.1 lets a reader take for a calibration. (2) A part (+C) that is
#           not scaled gets Pixel Spacing 0.32\0.4 mm: the old pitch times the old size over the new. (3) A part of a film
#           with a negative Rescale Intercept is written as signed, with Bits Stored counted without the sign: the values
#           300 to 1860 get 11 bits and are read as -988 to 1020. All three without a word; status 0.
# Matters:  whoever halves or crops films for a network or a teaching file measures and windows something else on them.
# Needs:    Debian bookworm's package lists (apt-get download; nothing is installed).
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check "pydicom==3.0.2" "numpy<3" 2> /dev/null
mkdir "$folder/packages" "$folder/dcmtk"
(
    cd "$folder/packages"
    apt-get download -qq "dcmtk=3.6.7-9~deb12u4" "libdcmtk17=3.6.7-9~deb12u4" libtiff6 libpng16-16 libxml2 libwebp7 \
        liblerc4 libjbig0 libjpeg62-turbo libdeflate0 libicu72 2> /dev/null
)
for package in "$folder"/packages/*.deb; do dpkg-deb -x "$package" "$folder/dcmtk"; done
libraries=("$folder"/dcmtk/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH="${libraries[0]}" DCMDICTPATH="$folder/dcmtk/usr/share/libdcmtk17/dicom.dic"

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

folder = Path(sys.argv[1])
ROWS, COLUMNS, PITCH = 64, 80, 0.2
LEFT, TOP, SIDE = 10, 10, 40
stored = np.tile(np.arange(COLUMNS) * 40, (ROWS, 1)).astype(np.uint16)


def changed(intercept, *options):
    """The film as dcmscale writes it."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.PatientName, made.PatientID = "CR", "Test^Film", "1"
    made.SeriesNumber = made.InstanceNumber = 1
    made.Rows, made.Columns = ROWS, COLUMNS
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.ImagerPixelSpacing = [PITCH, PITCH]
    made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, intercept, "US"
    made.PixelData = stored.tobytes()
    made["PixelData"].VR = "OW"
    made.save_as(folder / "film.dcm", enforce_file_format=True)
    tool = folder / "dcmtk/usr/bin/dcmscale"
    done = subprocess.run([tool, *options, folder / "film.dcm", folder / "new.dcm"], check=True, capture_output=True, text=True)
    print("dcmscale", *options, "- said:", done.stderr.strip() or "nothing")
    return pydicom.dcmread(folder / "new.dcm")


def pitches(film):
    found = [[round(float(value), 4) for value in film.get(name, [])] for name in ("PixelSpacing", "ImagerPixelSpacing")]
    print(f"    {film.Rows} x {film.Columns}, Pixel Spacing {found[0]}, Imager Pixel Spacing {found[1]}")
    return found


half = changed(0, "+Sxf", "0.5")
half_pitches = pitches(half)
cut = ["+C", str(LEFT), str(TOP), str(SIDE), str(SIDE)]
part = changed(0, *cut)
part_pitches = pitches(part)
below = changed(-100, *cut)
wanted = stored[TOP : TOP + SIDE, LEFT : LEFT + SIDE].astype(int) - 100
found = below.pixel_array * float(below.RescaleSlope) + float(below.RescaleIntercept)
print(f"    intercept -100: values {wanted.min()} to {wanted.max()}, written in {below.BitsStored} bits, ", end="")
print(f"{'signed' if below.PixelRepresentation else 'unsigned'}, read as {found.min():.0f} to {found.max():.0f}")
sys.exit(
    not (
        half_pitches == [[0.4, 0.4], [PITCH, PITCH]]
        and part_pitches == [[0.32, 0.4], [PITCH, PITCH]]
        and np.array_equal(part.pixel_array, wanted + 100)
        and (below.BitsStored, below.PixelRepresentation, found.min()) == (11, 1, -988)
    )
)
PY
