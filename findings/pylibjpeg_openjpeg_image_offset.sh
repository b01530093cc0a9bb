#!/usr/bin/env bash
# pylibjpeg-openjpeg returns another size for JPEG 2000 whose picture does not begin at the origin of its grid.
#
# Version:  pylibjpeg-openjpeg 2.6.0, pylibjpeg 2.1.0, pydicom 3.0.2, python-gdcm 3.2.6, Pillow 13.0.0
# Expected: a codestream with an image offset (XOsiz, YOsiz of ISO/IEC 15444-1 A.5.1; cut out of a larger picture
#           without recoding, for one) is Xsiz - XOsiz wide and Ysiz - YOsiz high. PS3.5 A.4.4 does not forbid one.
# Observed: decode() returns Ysiz x Xsiz, here 68 x 104 for a picture of 64 x 96. pydicom with this plugin, its first
#           choice, ends in "could not broadcast input array from shape (7072,) into shape (6144,)"; with GDCM and with
#           Pillow it reads the same file right.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check \
    "Pillow==13.0.0" "pylibjpeg-openjpeg==2.6.0" "pylibjpeg==2.1.0" "pydicom==3.0.2" "python-gdcm==3.2.6" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" - << 'PY'
import io
import sys

import numpy as np
import openjpeg
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, generate_uid

ROWS, COLUMNS, LEFT, TOP = 64, 96, 8, 4
pixels = (np.arange(ROWS)[:, None] + np.arange(COLUMNS)).astype(np.uint8)
stream = io.BytesIO()
Image.fromarray(pixels).save(
    stream, "JPEG2000", irreversible=False, no_jp2=True, offset=(LEFT, TOP), tile_offset=(LEFT, TOP), tile_size=(128, 128)
)
data = stream.getvalue()


def read(plugin):
    """The picture as pydicom reads it with one of its plugins, or the error."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = JPEG2000Lossless
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    film.Rows, film.Columns = ROWS, COLUMNS
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated = film.BitsStored = 8
    film.HighBit, film.PixelRepresentation = 7, 0
    film.PixelData = encapsulate([data])
    film["PixelData"].VR = "OB"
    film.pixel_array_options(decoding_plugin=plugin)
    try:
        return film.pixel_array
    except ValueError as error:
        return str(error)


alone = openjpeg.decode(data).shape
found = {plugin: read(plugin) for plugin in ("pylibjpeg", "gdcm", "pillow")}
print("stated by the stream:", (ROWS, COLUMNS), "- pylibjpeg-openjpeg:", alone)
for plugin, picture in found.items():
    print(f"pydicom with {plugin}:", picture if isinstance(picture, str) else bool(np.array_equal(picture, pixels)))
right = all(isinstance(found[name], np.ndarray) and np.array_equal(found[name], pixels) for name in ("gdcm", "pillow"))
sys.exit(not (alone == (ROWS + TOP, COLUMNS + LEFT) and isinstance(found["pylibjpeg"], str) and right))
PY
