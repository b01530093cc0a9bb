"""Greys as dcmtk shows them and as reading shows them: of films, and of films under our presentation states."""

import shutil
import subprocess

import numpy as np
import pytest
from pydicom.dataset import Dataset

from ho_imaging import Analyzer
from ho_imaging.outputs import to_dicom
from ho_imaging.reading import read_radiograph

from .test_dicom import COLUMNS, ROWS, make_source

TOLERANCE = 1
"""Greys of 256: dcmtk works out 8 bits by cutting off, reading by rounding a number."""


def dcmtk(name, *arguments):
    program = next((p for folder in ("/usr/bin", "/usr/local/bin") if (p := shutil.which(name, path=folder))), None)
    if program is None:
        pytest.skip(f"{name} is not installed (Debian: dcmtk)")
    made = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False)
    assert made.returncode == 0, made.stderr
    return (arguments[-1]).read_bytes()


def greys(pgm):
    return np.frombuffer(pgm[-ROWS * COLUMNS :], np.uint8).reshape(ROWS, COLUMNS).astype(int)


def film(bits=12, *, signed=False, **changes):
    """A film whose stored values run over all of its range, in no order."""
    count = 1 << bits
    first = -(count // 2) if signed else 0
    values = np.linspace(first, first + count - 1, ROWS * COLUMNS).round().astype(np.int64)
    stored = np.random.default_rng(1).permutation(values).reshape(ROWS, COLUMNS)
    allocated = 8 if bits == 8 else 16
    made = make_source(
        BitsAllocated=allocated, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=int(signed),
        PixelData=(stored & ((1 << allocated) - 1)).astype("<u1" if bits == 8 else "<u2").tobytes(), **changes,
    )  # fmt: skip
    if signed:
        for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType"):
            if keyword not in changes:
                del made[keyword]
    return made


def lut(count, bits, first=0, *, curve=0.7):
    """A table over ``count`` values from ``first`` to grey of ``bits``, with a bend."""
    item = Dataset()
    entries = (np.linspace(0.0, 1.0, count) ** curve * ((1 << bits) - 1)).round().astype("<u2")
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [count & 0xFFFF, first, bits])
    item.add_new("LUTData", "OW", entries.tobytes())
    return item


def window(center, width, function=None):
    return {"WindowCenter": center, "WindowWidth": width, **({"VOILUTFunction": function} if function else {})}


SIGMOID = "sigmoid window"
"""Whose function dcmp2pgm 3.6.7 does not look at in a presentation state."""

BITS = (8, 10, 12, 14, 16)
ONE = {"PhotometricInterpretation": "MONOCHROME1"}
FILMS = {
    **{f"window, {bits} bits": (film(bits, **window(2**bits / 2, 0.98 * 2**bits)), "+Wi") for bits in BITS},
    "window of fractions": (film(**window(2011.4, 4017.3)), "+Wi"),
    "exact linear window": (film(**window(2048, 4020, "LINEAR_EXACT")), None),
    SIGMOID: (film(**window(2048, 1400, "SIGMOID")), "+Wi"),
    "two windows": (film(**window([2048, 1000], [4020, 800])), "+Wi"),
    "two windows, of which the first hides the film": (film(**window([60000, 2048], [10, 4020])), None),
    "two VOI LUTs": (film(VOILUTSequence=[lut(4096, 12), lut(4096, 10, curve=1.0)]), "+Wl"),
    "signed": (film(signed=True, **window(0, 4020)), "+Wi"),
    "rescale": (film(RescaleSlope=0.5, RescaleIntercept=-100, **window(924, 2010)), "+Wi"),
    "MONOCHROME1": (film(PresentationLUTShape="INVERSE", **ONE, **window(2048, 4020)), "+Wi"),
    "MONOCHROME1, 8 bits": (film(8, **ONE, **window(128, 250)), "+Wi"),
    "MONOCHROME1, 16 bits, rescale": (
        film(16, RescaleSlope=0.0625, RescaleIntercept=10, **ONE, **window(2058, 4020)), "+Wi",
    ),
    **{f"VOI LUT of {bits} bits": (film(VOILUTSequence=[lut(4096, bits)]), "+Wl") for bits in BITS},
    "VOI LUT over 16 bits": (film(16, VOILUTSequence=[lut(65536, 12)]), "+Wl"),
    "VOI LUT over 10 bits": (film(10, VOILUTSequence=[lut(1024, 10)]), "+Wl"),
    "VOI LUT, MONOCHROME1": (film(**ONE, VOILUTSequence=[lut(4096, 12)]), "+Wl"),
    "VOI LUT of a part": (film(VOILUTSequence=[lut(4000, 12, 40)]), "+Wl"),
    "VOI LUT over signed values": (film(signed=True, VOILUTSequence=[lut(4096, 12, -2048)]), "+Wl"),
    "VOI LUT over rescaled values": (film(RescaleIntercept=100, VOILUTSequence=[lut(4096, 12, 100)]), "+Wl"),
    "VOI LUT and window": (film(VOILUTSequence=[lut(4096, 12)], **window(2048, 4020)), "+Wl"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILMS)
def test_a_film_and_its_presentation_state_show_the_same_greys_in_dcmtk_as_here(fake_network, tmp_path, name):
    source, view = FILMS[name]
    path = tmp_path / "film.dcm"
    source.save_as(path, enforce_file_format=True)
    ours = np.rint(read_radiograph(source).pixels.astype(np.float64) * 255).astype(int)
    if view is not None:  # what this dcmtk knows of
        theirs = greys(dcmtk("dcm2pnm", "+op", view, "1", path, tmp_path / "film.pgm"))
        assert np.abs(theirs - ours).max() <= TOLERANCE
    analysis = Analyzer(region="pelvis", laterality="bilateral", view="ap").analyze_films([source])
    (state,) = [item for item in to_dicom(analysis) if item.Modality == "PR"]
    # Its lines and words would hide what is compared.
    for keyword in ("GraphicAnnotationSequence", "GraphicLayerSequence"):
        del state[keyword]
    state.save_as(tmp_path / "state.dcm", enforce_file_format=True)
    if name == SIGMOID:
        assert state.SoftcopyVOILUTSequence[0].VOILUTFunction == "SIGMOID"
        return
    under = greys(dcmtk("dcmp2pgm", "-p", tmp_path / "state.dcm", path, tmp_path / "under.pgm"))
    assert np.abs(under - ours).max() <= TOLERANCE
