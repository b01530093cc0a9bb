#!/usr/bin/env bash
# Four decoders of lossless JPEG ignore its point transform, three ways, and return another picture without an error.
#
# Version:  pylibjpeg-libjpeg 2.5.0 (by pydicom 3.0.2), imagecodecs 2026.3.6 (ljpeg_decode, jpegsof3_decode),
#           jpeg-lossless-decoder-js 2.1.2; python-gdcm 3.2.6 as the reference
# Expected: a scan of process 14 may state a point transform Pt: each value was divided by 2^Pt before coding and is
#           multiplied by it after decoding, and the first prediction is 2^(P - Pt - 1) (ISO/IEC 10918-1 A.4 and Annex H).
#           dcmcjpeg of DCMTK writes it (+pt). With Pt = 2 a value of 12 bits comes back but for its last two bits.
# Observed: GDCM returns that (and DCMTK). pylibjpeg-libjpeg returns 4095 for every pixel; jpegsof3_decode a quarter of
#           the values; ljpeg_decode and jpeg-lossless-decoder-js (of web viewers) a quarter plus 1536. With Pt = 0 all of
#           them return all values right.
# Matters:  one and the same film is right, white, four times too dark or nearly flat by which decoder is installed.
# Needs:    node and npm
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --no-compile --disable-pip-version-check \
    "pylibjpeg-libjpeg==2.5.0" "pylibjpeg==2.1.0" "imagecodecs==2026.3.6" "python-gdcm==3.2.6" "pydicom==3.0.2" "numpy<3" 2> /dev/null
npm install --silent --no-audit --no-fund --prefix "$folder" "jpeg-lossless-decoder-js@2.1.2" > /dev/null 2>&1
cat > "$folder/decode.cjs" << 'JS'
const { readFileSync, writeFileSync } = require("node:fs");
const { Decoder } = require("jpeg-lossless-decoder-js");
const bytes = readFileSync(process.argv[2]);
const found = new Decoder().decode(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
writeFileSync(process.argv[3], Buffer.from(found.buffer ?? found, found.byteOffset ?? 0, found.byteLength));
JS

"$folder/venv/bin/python" -W ignore - "$folder" << 'PY'
import struct
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLosslessSV1, generate_uid

folder = Path(sys.argv[1])
PRECISION, CATEGORIES = 12, 17
values = (np.arange(64)[:, None] + 48 * np.arange(80)).astype(np.uint16)


def encoded(transform):
    """A codestream of ``values``: predictor 1, each category of difference as its own number in 5 bits."""
    reduced = (values >> transform).astype(int)
    before = np.empty_like(reduced)
    before[:, 1:] = reduced[:, :-1]
    before[1:, 0] = reduced[:-1, 0]
    before[0, 0] = 1 << (PRECISION - transform - 1)
    bits = ""
    for difference in (reduced - before).ravel().tolist():
        length = abs(difference).bit_length()
        bits += f"{length:05b}"
        if length:
            bits += f"{difference if difference > 0 else difference + (1 << length) - 1:0{length}b}"
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    frame = struct.pack(">HBHHBBBB", 11, PRECISION, *values.shape, 1, 1, 0x11, 0)
    table = struct.pack(">HB", 19 + CATEGORIES, 0) + bytes(CATEGORIES if place == 4 else 0 for place in range(16))
    header = struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, transform)
    codes = bytes(range(CATEGORIES))
    return b"\xff\xd8\xff\xc3" + frame + b"\xff\xc4" + table + codes + b"\xff\xda" + header + scan + b"\xff\xd9"


def by_pydicom(data, plugin):
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    film.Rows, film.Columns = values.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, PRECISION, PRECISION - 1, 0
    film.PixelData = encapsulate([data])
    film["PixelData"].VR = "OB"
    film.pixel_array_options(decoding_plugin=plugin)
    return film.pixel_array


def by_javascript(data):
    (folder / "film.jpg").write_bytes(data)
    subprocess.run(["node", folder / "decode.cjs", folder / "film.jpg", folder / "pixels"], check=True)
    return np.frombuffer((folder / "pixels").read_bytes(), dtype="<u2").reshape(values.shape)


def decoded(transform):
    data = encoded(transform)
    return {
        "GDCM": by_pydicom(data, "gdcm"),
        "pylibjpeg-libjpeg": by_pydicom(data, "pylibjpeg"),
        "jpegsof3_decode": imagecodecs.jpegsof3_decode(data),
        "ljpeg_decode": imagecodecs.ljpeg_decode(data),
        "jpeg-lossless-decoder-js": by_javascript(data),
    }


quarter = values >> 2
described = {
    "GDCM": quarter << 2,
    "pylibjpeg-libjpeg": np.full_like(values, 4095),
    "jpegsof3_decode": quarter,
    "ljpeg_decode": quarter + 1536,
    "jpeg-lossless-decoder-js": quarter + 1536,
}
plain, transformed = decoded(0), decoded(2)
print(f"values: {values[0, :4].tolist()} ...")
for name, found in transformed.items():
    print(f"{name}: Pt 0 right {np.array_equal(plain[name], values)}, Pt 2 {found[0, :4].tolist()} ...")
right = all(np.array_equal(found, values) for found in plain.values())
sys.exit(not (right and all(np.array_equal(found, described[name]) for name, found in transformed.items())))
PY
