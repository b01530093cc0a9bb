#!/usr/bin/env bash
# imageio.v3.imread of one DICOM file returns the film of another patient that lies in the same folder.
#
# Version:  imageio 2.38.1 (its own DICOM reader: deprecated, and still the one taken where none is named), pydicom 3.0.2
# Expected: imread("a.dcm") returns the pixels of a.dcm, as imageio.v2.imread does.
# Observed: where the folder, or a folder below it, holds a film of another series, the pixels are those of the series
#           whose Series Instance UID sorts first, whatever file was named. Alone in its folder the same file is right.
# Matters:  films are exported many patients to a folder: each is read without an error, as one and the same patient's.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "imageio==2.38.1" "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import contextlib
import io
import sys
from pathlib import Path

import imageio.v2
import imageio.v3
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

folder = Path(sys.argv[1])
GREY = {"a": 100, "b": 200, "c": 300}
SERIES = {"a": "2.25.3", "b": "2.25.2", "c": "2.25.1"}


def write(patient, path):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), SERIES[patient]
    made.Modality, made.PatientName, made.PatientID = "CR", f"Test^{patient}", patient
    made.SeriesNumber = made.InstanceNumber = 1
    made.Rows, made.Columns = 64, 80
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = np.full((64, 80), GREY[patient], dtype=np.uint16).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


def grey(module, path):
    with contextlib.redirect_stdout(io.StringIO()):
        return int(np.asarray(module.imread(path)).max())


files = {
    "a": write("a", folder / "together" / "a.dcm"),
    "b": write("b", folder / "together" / "b.dcm"),
    "c": write("c", folder / "together" / "below" / "c.dcm"),
}
alone = {patient: write(patient, folder / f"alone_{patient}" / "film.dcm") for patient in GREY}
found = {patient: grey(imageio.v3, path) for patient, path in files.items()}
for patient, path in files.items():
    print(f"{path.relative_to(folder)}: holds {GREY[patient]}, v3.imread returns {found[patient]}, ", end="")
    print(f"v2.imread {grey(imageio.v2, path)}; alone in its folder v3.imread returns {grey(imageio.v3, alone[patient])}")
by_v2 = {patient: grey(imageio.v2, path) for patient, path in files.items()}
by_v3_alone = {patient: grey(imageio.v3, path) for patient, path in alone.items()}
# c lies alone in its own folder: nothing else is found below it.
sys.exit(not (found == {"a": GREY["c"], "b": GREY["c"], "c": GREY["c"]} and by_v2 == GREY == by_v3_alone))
PY
