#!/usr/bin/env bash
# dcmqi cannot read a segmentation of a projection radiograph that highdicom writes.
#
# Version:  dcmqi 1.5.7 (segimage2itkimage), highdicom 0.28.2, pydicom 3.0.2
# Expected: the object is read as an image: a radiograph has no Frame of Reference, so its segmentation has none, and
#           the planes of PS3.3 A.51 are positions in a Frame of Reference.
# Observed: "Plane Orientation (Patient) is missing, cannot parse input", and no image. Adding Plane Orientation and
#           Pixel Measures to the shared functional groups and Plane Position 0\0\0 to each frame lets it be read; Plane
#           Position in the shared groups, where the standard allows it too, does not.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check "dcmqi==1.5.7" "highdicom==0.28.2" "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import copy
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

folder = Path(sys.argv[1])


def film():
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
    made.Rows, made.Columns = 64, 80
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 16
    made.HighBit, made.PixelRepresentation = 15, 0
    made.ImagerPixelSpacing = [0.2, 0.2]
    made.PixelData = np.zeros((64, 80), dtype=np.uint16).tobytes()
    return made


def item(keyword, value):
    part = Dataset()
    setattr(part, keyword, value)
    return part


def is_read(segmentation, name):
    path = folder / f"{name}.dcm"
    segmentation.save_as(path)
    out = folder / name
    out.mkdir()
    command = [Path(sys.executable).with_name("segimage2itkimage"), "--inputDICOM", path, "--outputDirectory", out, "--outputType", "nrrd"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    words = [line for line in (done.stdout + done.stderr).splitlines() if "Plane" in line]
    print(f"{name}: status {done.returncode}, images {len(list(out.glob('*.nrrd')))} {words[:1]}")
    return any(out.glob("*.nrrd"))


mask = np.zeros((1, 64, 80), dtype=np.uint8)
mask[0, 20:30, 30:50] = 1
segment = hd.seg.SegmentDescription(
    segment_number=1,
    segment_label="bone",
    segmented_property_category=codes.SCT.AnatomicalStructure,
    segmented_property_type=codes.SCT.Bone,
    algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
)
plain = hd.seg.Segmentation(
    source_images=[film()],
    pixel_array=mask,
    segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
    segment_descriptions=[segment],
    series_instance_uid=generate_uid(),
    series_number=2,
    sop_instance_uid=generate_uid(),
    instance_number=1,
    manufacturer="test",
    manufacturer_model_name="test",
    software_versions="1",
    device_serial_number="1",
)
shared = copy.deepcopy(plain)
group = shared.SharedFunctionalGroupsSequence[0]
group.PlaneOrientationSequence = [item("ImageOrientationPatient", [1, 0, 0, 0, 1, 0])]
measures = item("PixelSpacing", [0.2, 0.2])
measures.SliceThickness = 1
group.PixelMeasuresSequence = [measures]
each = copy.deepcopy(shared)
group.PlanePositionSequence = [item("ImagePositionPatient", [0, 0, 0])]
each.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence = [item("ImagePositionPatient", [0, 0, 0])]
found = [is_read(plain, "as_written"), is_read(shared, "position_shared"), is_read(each, "position_in_each_frame")]
sys.exit(found != [False, False, True])
PY
