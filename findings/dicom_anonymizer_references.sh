#!/usr/bin/env bash
# dicom-anonymizer parts segmentations and presentation states from the film that they belong to.
#
# Version:  dicom-anonymizer 2.1.0 (its command, rules of 2023e as by default and of 2024b), highdicom 0.28.2, pydicom 3.0.2
# Expected: Referenced SOP Instance UID and Series Instance UID are replaced by others that are consistent within the set
#           of instances (PS3.15 Table E.1-1, action U of E.1-1a): after a film and its objects were de-identified together,
#           the objects refer to the film's new UID. The package's own page says that one UID is always replaced by one.
# Observed: the film has a new UID. Segmentation and presentation state, de-identified in the same run, still refer to the
#           old one, which no film has any more: as image that was segmented (Derivation Image, Referenced Series) and as
#           image to be shown (Referenced Series of the state). Study and patient agree, so that nothing looks wrong; its
#           exit status is 0. (Rules are applied to the attributes of the data set alone, not to items of sequences.)
# Matters:  a viewer lays no mask on the film, a reader by source image finds none.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "dicom-anonymizer==2.1.0" "highdicom==0.28.2" "pydicom==3.0.2" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions_2024b
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

folder = Path(sys.argv[1])
DEVICE = {"manufacturer": "test", "manufacturer_model_name": "test", "software_versions": "1", "device_serial_number": "1"}


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
    made.PatientOrientation, made.Laterality, made.Manufacturer = ["L", "F"], "L", "test"
    made.BodyPartExamined, made.ViewPosition = "HIP", "AP"
    made.Rows, made.Columns = 64, 80
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.ImagerPixelSpacing = [0.2, 0.2]
    made.PixelData = np.zeros((64, 80), dtype=np.uint16).tobytes()
    made["PixelData"].VR = "OW"
    return made


def objects(source):
    mask = np.zeros((1, 64, 80), dtype=np.uint8)
    mask[0, 20:30, 30:50] = 1
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="bone",
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=codes.SCT.Bone,
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    kind = hd.seg.SegmentationTypeValues.BINARY
    segmentation = hd.seg.Segmentation([source], mask, kind, [segment], generate_uid(), 2, generate_uid(), 1, **DEVICE)
    segmentation.PatientOrientation = source.PatientOrientation
    state = hd.pr.GrayscaleSoftcopyPresentationState(
        [source], generate_uid(), 3, generate_uid(), 1, content_label="OUTLINE", **DEVICE
    )
    state.Laterality = source.Laterality
    return segmentation, state


def references(dataset):
    """Every instance and series that a data set refers to, at any depth."""
    found = set()
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                found |= {str(item.get(word)) for word in ("ReferencedSOPInstanceUID", "SeriesInstanceUID") if item.get(word)}
                found |= references(item)
    return found


def agrees(name, before, after):
    """Whether this is what is described: one study and patient, and references to the film as it was alone."""
    old, *_ = before
    new, *made = after
    old_uids, new_uids = ({str(one.SOPInstanceUID), str(one.SeriesInstanceUID)} for one in (old, new))
    one_study = all((one.StudyInstanceUID, one.PatientID) == (new.StudyInstanceUID, new.PatientID) for one in made)
    print(f"{name}: film has a new UID {new.SOPInstanceUID != old.SOPInstanceUID}, objects are in its study {one_study}")
    said = [(references(one) & old_uids, references(one) & new_uids) for one in made]
    for one, (stale, right) in zip(made, said, strict=True):
        print(f"    {one.Modality} refers to the new film {bool(right)}, to the old one {bool(stale)}")
    return one_study and not old_uids & new_uids and all(stale == old_uids and not right for stale, right in said)


source = film()
before = [source, *objects(source)]
(folder / "in").mkdir()
(folder / "out").mkdir()
for number, one in enumerate(before):
    one.save_as(folder / "in" / f"{number}.dcm", enforce_file_format=True)
command = Path(sys.executable).with_name("dicom-anonymizer")
subprocess.run([command, folder / "in", folder / "out"], check=True, capture_output=True)
by_command = [pydicom.dcmread(folder / "out" / f"{number}.dcm") for number in range(len(before))]
by_call = [pydicom.dcmread(folder / "in" / f"{number}.dcm") for number in range(len(before))]
for one in by_call:
    anonymize_dataset(one, base_rules_gen=initialize_actions_2024b)
found = [agrees("rules of 2023e", before, by_command), agrees("rules of 2024b", before, by_call)]
sys.exit(not all(found))
PY
