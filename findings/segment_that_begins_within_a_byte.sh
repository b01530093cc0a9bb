#!/usr/bin/env bash
# Cornerstone's loader returns segments as empty, and a DICOMweb client as cut, that begin or end within a byte.
#
# Version:  @cornerstonejs/dicom-image-loader 5.14.0 (wadouri), dicomweb-client 0.61.2 (DICOMfileClient);
#           highdicom 0.28.2 writes the segmentation, pydicom 3.0.2 is the reference
# Expected: frames of one bit a pixel follow one another without padding (PS3.5 8.1.1), so that on a film of 61 x 83
#           pixels (5063, not a multiple of 8) segment 2 begins at bit 7 of a byte. A frame that is asked for is the whole
#           frame, from its first pixel to its last.
# Observed: the image loader of Cornerstone (of OHIF) returns segment 1, and no pixel at all of segments 2 and 3;
#           the bytes that dicomweb-client returns for these begin 7 and 6 pixels early, which the caller has to know, and
#           those of segments 1 and 2 end before the last pixels. No error, no warning. On a film of 64 x 80 pixels both
#           are right, and pydicom is on either.
# Matters:  films cut to the exposed field have any size. Where each nodule is a segment, a reader sees the first alone.
# Needs:    node and npm
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'wait; rm -rf "$folder"' EXIT
npm install --silent --ignore-scripts --no-audit --no-fund --omit=peer --prefix "$folder" \
    "@cornerstonejs/dicom-image-loader@5.14.0" "@cornerstonejs/metadata@5.14.0" "dicom-parser@1.8.21" > /dev/null 2>&1 &
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "dicomweb-client==0.61.2" "highdicom==0.28.2" "pydicom==3.0.2" "numpy<3" 2> /dev/null
wait $!
cat > "$folder/read.mjs" << 'JS'
import { readFileSync, writeFileSync } from "node:fs";
import getPixelData from "@cornerstonejs/dicom-image-loader/wadouri/getPixelData";
import dicomParser from "dicom-parser";

const [path, frames, out] = process.argv.slice(2);
const parsed = dicomParser.parseDicom(readFileSync(path));
const pixels = Array.from({ length: Number(frames) }, (_, frame) => Buffer.from(getPixelData(parsed, frame)));
writeFileSync(out, Buffer.concat(pixels));
JS

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
from dicomweb_client import DICOMfileClient
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

folder = Path(sys.argv[1])
SEGMENTS = 3


def film(rows, columns):
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
    made.Rows, made.Columns = rows, columns
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.ImagerPixelSpacing = [0.2, 0.2]
    made.PixelData = np.zeros((rows, columns), dtype=np.uint16).tobytes()
    return made


def masks(rows, columns):
    """Three nodules, the last one at the edge."""
    made = np.zeros((SEGMENTS, rows, columns), dtype=np.uint8)
    made[0, 5:20, 5:30] = made[1, 25:40, 20:60] = made[2, 44:60, columns - 20 :] = 1
    return made


def segmentation(rows, columns, place):
    source = film(rows, columns)
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"nodule {number}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type=hd.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number in range(1, SEGMENTS + 1)
    ]
    made = hd.seg.Segmentation(
        source_images=[source],
        pixel_array=np.moveaxis(masks(rows, columns), 0, -1)[np.newaxis],
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    )
    made.PatientOrientation = source.PatientOrientation
    place.mkdir()
    made.save_as(place / "segmentation.dcm")
    return made


def readings(rows, columns):
    shape = (SEGMENTS, rows, columns)
    place = folder / f"{rows}x{columns}"
    made = segmentation(rows, columns, place)
    path = place / "segmentation.dcm"
    command = ["node", folder / "read.mjs", path, str(SEGMENTS), place / "pixels"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    by_cornerstone = np.frombuffer((place / "pixels").read_bytes(), dtype=np.uint8).reshape(shape)
    found = {"pydicom": pydicom.dcmread(path).pixel_array, "Cornerstone": by_cornerstone}
    client = DICOMfileClient(place.as_uri(), update_db=True, in_memory=True)
    frames = client.retrieve_instance_frames(made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID, [1, 2, 3])
    unpacked = [np.unpackbits(np.frombuffer(frame, dtype=np.uint8), bitorder="little") for frame in frames]
    return found, unpacked


truth = masks(61, 83)
found, unpacked = readings(61, 83)
print("61 x 83: pixels a segment holds", truth.sum(axis=(1, 2)).tolist())
for name, segments in found.items():
    right = [bool(np.array_equal(*two)) for two in zip(segments, truth, strict=True)]
    print(f"    {name}: {segments.sum(axis=(1, 2)).tolist()}, right {right}")
size = truth[0].size
begins = [number * size % 8 for number in range(SEGMENTS)]
held = [len(bits) - begin for bits, begin in zip(unpacked, begins, strict=True)]
held_pixels = [min(size, count) for count in held]
print(f"    dicomweb-client: of {size} pixels its frames hold {held_pixels}, after {begins} of the frame before")
within = all(
    np.array_equal(bits[begin : begin + size], mask.ravel()[: len(bits) - begin])
    for bits, begin, mask in zip(unpacked, begins, truth, strict=True)
)

whole = masks(64, 80)
others, whole_unpacked = readings(64, 80)
aligned = [np.array_equal(segments, whole) for segments in others.values()]
aligned += [np.array_equal(bits[: mask.size], mask.ravel()) for bits, mask in zip(whole_unpacked, whole, strict=True)]
print("64 x 80: all right:", all(aligned))
sys.exit(
    not (
        all(aligned)
        and np.array_equal(found["pydicom"], truth)
        and np.array_equal(found["Cornerstone"], truth * np.array([1, 0, 0]).reshape(3, 1, 1))
        and within
        and begins == [0, 7, 6]
        and held[0] < size
        and held[1] < size
    )
)
PY
