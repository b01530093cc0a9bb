"""Damaged files of every kind: only this package's errors come out, and memory stays bounded."""

import copy
import functools
import io
import logging
import random
import subprocess
import sys
from pathlib import Path

import pydicom
import pydicom.data
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
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


def strange_files() -> list[bytes]:
    """Give the files that pydicom is tested with: other modalities, syntaxes, faults of real devices."""
    folders = [Path(pydicom.data.__file__).parent]
    try:
        import data_store  # noqa: PLC0415  (the package pydicom-data)
    except ImportError:
        pass
    else:
        folders.append(Path(data_store.__file__).parent)
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.read_bytes() for path in files if path.suffix not in {".py", ".pyc"} and path.stat().st_size < 400_000]


def survive(count: int, seed: int, *, strange: bool = False) -> tuple[int, int]:
    """Read so many damaged files; anything but this package's errors gets out. Gives how many were read and not."""
    rng = random.Random(seed)
    whole = sources()
    if strange:
        others = strange_files()
        whole = whole * max(1, len(others) // len(whole)) + others
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


CHILD = """
import importlib.util, logging, resource, sys, warnings
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
spec = importlib.util.spec_from_file_location("fuzz", sys.argv[1])
fuzz = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fuzz)
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[4]), int(sys.argv[4])))
print(*fuzz.survive(int(sys.argv[2]), int(sys.argv[3]), strange=True))
"""


def survive_in_a_child(count: int, seed: int, limit_bytes: int) -> tuple[int, int]:
    """The same in a process that may take no more memory than that, and may crash without taking the tests along."""
    arguments = [sys.executable, "-X", "faulthandler", "-c", CHILD, __file__, str(count), str(seed), str(limit_bytes)]
    # Also a file that is never done with is a fault; the time is that of a very slow machine.
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=3600)
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-4000:]}"
    read, refused = map(int, done.stdout.split())
    return read, refused


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_damaged_files_in_bounded_memory(seed):
    pytest.importorskip("resource", reason="no limits of memory on this system")
    read, refused = survive_in_a_child(1_000, seed, limit_bytes=3 << 30)
    assert read > 20
    assert refused > 20


NUMBERS = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "NumberOfFrames", "PlanarConfiguration", "PixelPaddingValue", "PixelPaddingRangeLimit", "InstanceNumber",
    "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImagerPixelSpacing",
    "EstimatedRadiographicMagnificationFactor", "DistanceSourceToDetector", "PixelAspectRatio",
)  # fmt: skip
WORDS = (
    "PhotometricInterpretation", "PresentationLUTShape", "PresentationIntentType", "VOILUTFunction", "Modality",
    "SOPClassUID", "StudyInstanceUID", "SOPInstanceUID", "ImageLaterality", "Laterality", "ViewPosition",
    "BodyPartExamined", "StudyDate", "PatientID", "SpecificCharacterSet", "LossyImageCompression", "BurnedInAnnotation",
    "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "PatientOrientation", "StudyDescription",
)  # fmt: skip
SEQUENCES = (
    "VOILUTSequence",
    "ModalityLUTSequence",
    "ViewCodeSequence",
    "AnatomicRegionSequence",
    "SourceImageSequence",
)
KINDS = ("US", "SS", "DS", "IS", "CS", "LO", "UI", "OW", "FD", "SQ", "DA", "UN")


@functools.cache
def small_film() -> pydicom.Dataset:
    film = pydicom.dcmread(SAMPLES[0])
    pixels = film.pixel_array[::8, ::8].copy()
    film.Rows, film.Columns = pixels.shape
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    film["PixelData"].is_undefined_length = False
    return film


ELEMENT = st.tuples(
    st.sampled_from((*NUMBERS, *WORDS, *SEQUENCES)),
    st.sampled_from(KINDS),
    st.one_of(
        st.binary(max_size=24),
        st.integers(0, 65535).map(lambda n: n.to_bytes(2, "little")),
        st.floats().map(lambda x: str(x).encode()[:16]),
        st.sampled_from(
            [b"", b"0", b"-1", b"1e308", b"nan", b"1\\\\2", b"0\\0", b"MONOCHROME1", b"PALETTE COLOR", b"LIN"]
        ),
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ELEMENT, min_size=1, max_size=4))
def test_headers_that_state_anything_raise_typed_errors_only(elements):
    film = copy.copy(small_film())
    for keyword, kind, value in elements:
        tag = Tag(keyword)
        film[tag] = RawDataElement(tag, kind, len(value), value, 0, False, True, True)
    try:
        found = read_radiograph(film)
    except HOImagingError:
        return
    assert found.pixels.ndim == 2
    assert 0.0 <= float(found.pixels.min()) <= float(found.pixels.max()) <= 1.0
