"""Pixel data that is not what its transfer syntax says is read as what it is, or both are named."""

from io import BytesIO

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ho_imaging.errors import DecodeError
from ho_imaging.reading import read_radiograph
from ho_imaging.reading.streams import coding_of, is_encapsulated, true_syntax

NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
ENCAPSULATED = [
    JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless,
    JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2K, RLELossless,
]  # fmt: skip
MADE_HERE = {RLELossless: "RLE", JPEGLSLossless: "JPEG-LS", JPEG2000Lossless: "JPEG 2000"}
ALIKE = [{JPEGLSLossless, JPEGLSNearLossless}, {JPEG2000Lossless, JPEG2000}]


def codes(radiograph):
    return {flag.code: str(flag.message) for flag in radiograph.quality}


def same_coding(one, other):
    return one == other or any({one, other} <= alike for alike in ALIKE)


@pytest.mark.parametrize("stated", [*NATIVE, *ENCAPSULATED])
@pytest.mark.parametrize("true", list(MADE_HERE))
def test_compressed_data_is_read_as_what_it_is_under_every_syntax(make_film, true, stated):
    film = make_film(BitsStored=12)
    expected = read_radiograph(film).pixels
    film.compress(true)
    film.file_meta.TransferSyntaxUID = stated
    radiograph = read_radiograph(film)
    np.testing.assert_array_equal(radiograph.pixels, expected)
    if same_coding(true, stated):
        assert "transfer_syntax_wrong" not in codes(radiograph)
    else:
        message = codes(radiograph)["transfer_syntax_wrong"]
        assert stated.name in message
        assert f"holds {MADE_HERE[true]} data" in message


@pytest.mark.parametrize("stated", ENCAPSULATED)
def test_plain_pixels_are_read_as_such_under_every_compressed_syntax(make_film, stated):
    film = make_film(BitsStored=12)
    expected = read_radiograph(film).pixels
    film.file_meta.TransferSyntaxUID = stated
    radiograph = read_radiograph(film)
    np.testing.assert_array_equal(radiograph.pixels, expected)
    assert "uncompressed" in codes(radiograph)["transfer_syntax_wrong"]


def jpeg(pixels, **options):
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, **options)
    return stream.getvalue()


@pytest.mark.parametrize("stated", [ExplicitVRLittleEndian, JPEG2000, JPEGLSLossless, RLELossless, JPEGLosslessSV1])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_of_8_bits_under_other_syntaxes(make_film, ramp, stated, progressive):
    pixels = (ramp >> 3).astype(np.uint8)
    film = make_film(pixels)
    film.PixelData = encapsulate([jpeg(pixels, progressive=progressive)])
    film.file_meta.TransferSyntaxUID = stated
    radiograph = read_radiograph(film)
    assert "JPEG" in codes(radiograph)["transfer_syntax_wrong"]
    assert "lossy_compression" in codes(radiograph)
    np.testing.assert_allclose(radiograph.pixels, read_radiograph(make_film(pixels)).pixels, atol=0.03)


@pytest.mark.parametrize("stated", [ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless])
@pytest.mark.parametrize("true", [JPEGLSLossless, JPEG2000Lossless])
def test_a_bare_codestream_is_read_too(make_film, true, stated):
    film = make_film(BitsStored=12)
    expected = read_radiograph(film).pixels
    film.compress(true)
    film.PixelData = get_frame(film.PixelData, 0, number_of_frames=1)
    film["PixelData"].is_undefined_length = False
    film.file_meta.TransferSyntaxUID = stated
    radiograph = read_radiograph(film)
    np.testing.assert_array_equal(radiograph.pixels, expected)
    assert "bare" in codes(radiograph)["transfer_syntax_wrong"]


@pytest.mark.parametrize("table", [False, True])
def test_a_frame_in_many_fragments_is_known_by_its_first_bytes(make_film, table):
    film = make_film(BitsStored=12)
    expected = read_radiograph(film).pixels
    film.compress(JPEGLSLossless)
    frame = get_frame(film.PixelData, 0, number_of_frames=1)
    frame = frame[:2] + b"\xff\xfe\x03\x00" + bytes(766) + frame[2:]  # a comment before the frame header
    film.PixelData = encapsulate([frame], fragments_per_frame=8, has_bot=table)
    film.file_meta.TransferSyntaxUID = JPEG2000
    np.testing.assert_array_equal(read_radiograph(film).pixels, expected)


@pytest.mark.parametrize("stated", [ExplicitVRLittleEndian, JPEG2000, RLELossless])
def test_what_is_none_of_the_known_codings_is_named(make_film, stated):
    film = make_film()
    film.PixelData = encapsulate([b"\x00\x00\x01\xb3" + bytes(400)])
    film.file_meta.TransferSyntaxUID = stated
    with pytest.raises(DecodeError) as error:
        read_radiograph(film)
    assert stated.name in str(error.value)
    assert "attribute" not in str(error.value)


@pytest.mark.parametrize("stated", ENCAPSULATED)
@pytest.mark.parametrize("length", [0, 7, 100, 60_000])
def test_bytes_that_are_no_items_and_no_film_are_named(make_film, stated, length):
    film = make_film(PixelData=bytes(length))
    film.file_meta.TransferSyntaxUID = stated
    with pytest.raises(DecodeError) as error:
        read_radiograph(film)
    assert stated.name in str(error.value) or "no pixel data" in str(error.value)


def test_damaged_data_under_a_wrong_syntax_names_both(make_film):
    film = make_film(BitsStored=12)
    film.compress(JPEGLSLossless)
    frame = get_frame(film.PixelData, 0, number_of_frames=1)
    film.PixelData = encapsulate([frame[: len(frame) // 2]])
    film.file_meta.TransferSyntaxUID = JPEG2000
    with pytest.raises(DecodeError, match=r"states JPEG 2000.*holds JPEG-LS data.*truncated"):
        read_radiograph(film)


def test_12_bit_jpeg_that_is_called_baseline_is_read():
    film = pydicom.dcmread(pydicom.data.get_testdata_file("JPGExtended.dcm"))
    film.Modality, film.SOPClassUID = "CR", pydicom.uid.ComputedRadiographyImageStorage
    expected = read_radiograph(film).pixels
    film.file_meta.TransferSyntaxUID = RLELossless
    np.testing.assert_array_equal(read_radiograph(film).pixels, expected)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([*NATIVE, ExplicitVRBigEndian, *ENCAPSULATED]), st.integers(1, 3))
def test_any_bytes_have_a_coding_or_are_said_to_have_none(data, stated, frames):
    for start in (b"", b"\xff\xd8", b"\xff\x4f\xff\x51", b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0"):
        assert coding_of(start + data) in {None, *MADE_HERE.values(), "HTJ2K"} or "JPEG" in str(coding_of(start + data))
        is_encapsulated(start + data)
        try:
            found = true_syntax(start + data, stated, frames=frames, native_bytes=100).syntax
        except DecodeError as error:
            found = stated if stated.name in error.problem else None
        assert isinstance(found, UID)


@pytest.mark.parametrize(("bit", "coding"), [(1 << 17, "HTJ2K"), (0, "JPEG 2000"), (1 << 16, "JPEG 2000")])
def test_high_throughput_is_told_by_its_capabilities(bit, coding):
    """ISO/IEC 15444-1 A.5.2: the 15th bit of Pcap from the left."""
    start = b"\xff\x4f\xff\x51" + (41).to_bytes(2, "big") + bytes(39)
    capabilities = b"\xff\x50" + (8).to_bytes(2, "big") + bit.to_bytes(4, "big") + bytes(2)
    assert coding_of(start + capabilities + b"\xff\x52\x00\x0c" + bytes(10)) == coding
