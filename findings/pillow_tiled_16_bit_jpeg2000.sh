#!/usr/bin/env bash
# Pillow writes 16-bit JPEG 2000 in tiles with the wrong pixels, without an error.
#
# Version:  Pillow 13.0.0 (OpenJPEG 2.5.4), read back with Pillow and with pylibjpeg-openjpeg 2.6.0
# Expected: a lossless file ("irreversible": false) of a 16-bit grey picture holds the same pixels, in one tile or in many.
# Observed: in one tile it does. With tile_size only the first tile of each row of tiles is right: one that should begin
#           at column c holds the pixels from column c / 2 on (the offset along a row is taken in bytes, it seems). Two
#           independent decoders agree on the wrong pixels. 8-bit pictures are right.
# Matters:  whoever makes test films or converts radiographs to tiled JPEG 2000 with Pillow gets another picture.
# Exit status: 0 while this is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check \
    "Pillow==13.0.0" "pylibjpeg-openjpeg==2.6.0" "numpy<3" 2> /dev/null

"$folder/venv/bin/python" - << 'PY'
import io
import sys

import numpy as np
import openjpeg
from PIL import Image

ROWS, COLUMNS, TILE = 64, 96, 32


def read_back(pixels, **options):
    """The pixels of a lossless file as Pillow and as OpenJPEG by another way read them."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG2000", irreversible=False, no_jp2=True, **options)
    data = stream.getvalue()
    return np.asarray(Image.open(io.BytesIO(data))), openjpeg.decode(data)


deep = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS)
flat = deep.astype(np.uint8)
expected = deep.copy()
for left in range(TILE, COLUMNS, TILE):
    expected[:, left : left + TILE] = deep[:, left // 2 : left // 2 + TILE]

whole = all(np.array_equal(found, deep) for found in read_back(deep))
eight = all(np.array_equal(found, flat) for found in read_back(flat, tile_size=(TILE, TILE)))
by_pillow, by_other = read_back(deep, tile_size=(TILE, TILE))
print("16 bits, one tile: same pixels:", whole)
print("8 bits, tiles: same pixels:", eight)
print("16 bits, tiles: same pixels:", np.array_equal(by_pillow, deep), "- both decoders agree:", np.array_equal(by_pillow, by_other))
print("column 32 of the file holds column", int(by_other[0, TILE]), "of the picture")
sys.exit(not (whole and eight and np.array_equal(by_pillow, by_other) and np.array_equal(by_other, expected)))
PY
