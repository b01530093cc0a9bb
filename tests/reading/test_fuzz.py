"""Damaged files of every kind: only this package's errors come out, and memory stays bounded."""

import copy
import io
import logging
import random
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from ho_imaging.errors import HOImagingError
from ho_imaging.reading import read_radiograph

SAMPLES = sorted((Path(__file__).parents[2] / "sample_data").glob("**/*.dcm"))


@pytest.fixture(autouse=True)
def _silence():
    """Keep no records: pytest would hold on to each one's trace, and with it to every film."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, double, drop or overwrite bytes, mostly in the header, where each one means something."""
    values = bytearray(data)
    reach = rng.choice([200, 1500, 4000, len(values)])
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        at = rng.randrange(128, max(129, min(reach, len(values) - 8)))
        kind = rng.randrange(6)
        if kind == 0:
            values[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            values[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\1\0\0\0"])
        elif kind == 2:
            del values[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            values[at:at] = values[at : at + rng.randrange(1, 60)]
        elif kind == 4:
            values[at : at + 2] = rng.randbytes(2)
        else:
            del values[rng.randrange(at, len(values)) :]
        if len(values) < 300:
            break
    return bytes(values)


def sources() -> list[bytes]:
    """Give the samples, and one of them small in every transfer syntax that is written here."""
    whole = [path.read_bytes() for path in SAMPLES[:4]]
    film = pydicom.dcmread(SAMPLES[0])
    pixels = film.pixel_array[::4, ::4].copy()
    film.Rows, film.Columns = pixels.shape
    for syntax in (None, RLELossless, JPEG2000Lossless, JPEGLSLossless):
        again = copy.deepcopy(film)
        again.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        again.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        again["PixelData"].is_undefined_length = False
        if syntax is not None:
            again.compress(syntax, generate_instance_uid=False)
        stream = io.BytesIO()
        again.save_as(stream, enforce_file_format=True)
        whole += [stream.getvalue()] * 2
    return whole


def survive(count: int, seed: int) -> tuple[int, int]:
    """Read so many damaged files; anything but this package's errors gets out. Gives how many were read and not."""
    rng = random.Random(seed)
    whole = sources()
    read = refused = 0
    for _ in range(count):
        data = damaged(rng.choice(whole), rng)
        try:
            film = read_radiograph(data, max_pixels=20_000_000)
        except HOImagingError:
            refused += 1
        else:
            read += 1
            assert film.pixels.size <= 20_000_000
    return read, refused


def test_a_few_hundred_damaged_files():
    read, refused = survive(150, seed=1)
    assert read > 0
    assert refused > 0


@pytest.mark.slow
def test_ten_thousand_damaged_files_in_bounded_memory():
    import resource  # noqa: PLC0415

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    survive(10_000, seed=2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000  # KiB
