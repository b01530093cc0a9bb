"""Compression is read as it was written: by Pillow, by pydicom's encoders, and in pixels that outlived their file."""

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, JPEGLSNearLossless

from ho_imaging.reading import read_radiograph
from ho_imaging.reading.compression import (
    NOT_KNOWN,
    BlockGrid,
    Codec,
    KnownFrom,
    compression_of_codestream,
    find_block_grid,
)


@pytest.fixture(scope="module")
def film() -> NDArray[np.uint8]:
    """256 x 320 pixels of anatomy-like texture, power falling by the cube of frequency, with grain."""
    rng = np.random.default_rng(7)
    rows, columns = np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(320)[None, :]
    fall = np.maximum(np.hypot(rows, columns), 1.0 / 320) ** -1.5
    smooth = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((256, 320))) * fall, s=(256, 320))
    picture = 120.0 + 35.0 * smooth / smooth.std() + 1.5 * rng.standard_normal(smooth.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def as_jpeg(film, quality, **options):
    stream = BytesIO()
    Image.fromarray(film).save(stream, "JPEG", quality=quality, **options)
    return stream.getvalue()


def as_png(film):
    stream = BytesIO()
    Image.fromarray(film).save(stream, "PNG")
    return stream.getvalue()


def decoded(data):
    return np.asarray(Image.open(BytesIO(data)))


@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 60, 75, 85, 92, 95, 99, 100])
def test_the_quality_that_pillow_wrote_is_read_back(film, quality):
    assert compression_of_codestream(as_jpeg(film, quality)).jpeg_quality == quality


@pytest.mark.parametrize("options", [{"progressive": True}, {"optimize": True}, {"comment": b"Q" * 300}])
def test_the_quality_does_not_depend_on_how_the_file_is_laid_out(film, options):
    assert compression_of_codestream(as_jpeg(film, 70, **options)).jpeg_quality == 70


def test_of_a_colour_picture_the_table_of_the_luminance_counts(film):
    colour = np.repeat(film[..., None], 3, axis=-1)
    assert read_radiograph(as_jpeg(colour, 40)).compression.jpeg_quality == 40


def test_what_can_be_erased_grows_as_the_quality_falls(film):
    steps = [compression_of_codestream(as_jpeg(film, quality)).step_grey for quality in (95, 75, 50, 20)]
    assert steps == sorted(steps)
    # Half a step of a coefficient is a pattern of at most an eighth of the step in grey.
    table = np.array(Image.open(BytesIO(as_jpeg(film, 50))).quantization[0][1:], dtype=float)
    assert steps[2] == pytest.approx(np.sqrt((table**2).mean()) / 8 / 256)


def test_a_jpeg_in_dicom_is_read_from_its_own_tables(film, make_film):
    dataset = make_film(film)
    data = as_jpeg(film, 80)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.PixelData = encapsulate([data + b"\0" * (len(data) % 2)])
    dataset["PixelData"].is_undefined_length = True
    read = read_radiograph(dataset)
    assert (read.compression.codec, read.compression.known_from) == (Codec.JPEG, KnownFrom.CODESTREAM)
    assert read.compression.jpeg_quality == 80
    assert read.compression.ratio == pytest.approx(film.size / len(data), rel=0.01)
    assert "JPEG 80" in next(str(f.message) for f in read.quality if f.code == "lossy_compression")


@pytest.mark.parametrize(
    ("syntax", "options", "codec"),
    [
        (JPEG2000, {"j2k_cr": [20]}, Codec.JPEG_2000),
        (JPEG2000Lossless, {}, Codec.NONE),
        (JPEGLSNearLossless, {"jls_error": 3}, Codec.JPEG_LS),
        (JPEGLSLossless, {}, Codec.NONE),
    ],
)
def test_wavelets_and_near_lossless_films_say_what_they_lost(film, make_film, syntax, options, codec):
    dataset = make_film(film.astype(np.uint16) * 16)
    dataset.compress(syntax, **options, generate_instance_uid=False)
    compression = read_radiograph(dataset).compression
    assert compression.codec is codec
    assert compression.near == options.get("jls_error")
    if codec is Codec.JPEG_2000:
        assert compression.ratio == pytest.approx(20.0, rel=0.1)


def test_a_header_says_what_was_lost_before(make_film):
    once = make_film(
        LossyImageCompression="01",
        LossyImageCompressionRatio=["10", "1.5"],
        LossyImageCompressionMethod=["ISO_10918_1", "ISO_15444_1"],
    )
    compression = read_radiograph(once).compression
    assert (compression.codec, compression.known_from) == (Codec.JPEG_2000, KnownFrom.HEADER)
    assert compression.ratio == pytest.approx(15.0)
    assert read_radiograph(make_film(LossyImageCompression="01")).compression.codec is Codec.UNKNOWN
    assert not read_radiograph(make_film(LossyImageCompression="00")).compression.is_lossy


@pytest.mark.parametrize("quality", [30, 60, 85])
@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 5), (8, 1)])
def test_a_png_that_was_a_jpeg_keeps_its_blocks_where_they_were(film, quality, top, left):
    kept = decoded(as_jpeg(film, quality))[top:, left:]
    compression = read_radiograph(as_png(kept)).compression
    assert (compression.codec, compression.known_from) == (Codec.JPEG, KnownFrom.PIXELS)
    assert compression.blocks is not None
    assert compression.blocks.phase_px == (-top % 8, -left % 8)


def test_stronger_compression_leaves_stronger_blocks(film):
    strengths = [find_block_grid(decoded(as_jpeg(film, quality))).strength for quality in (85, 60, 30)]
    assert strengths == sorted(strengths)


def test_a_clean_picture_has_no_blocks(film):
    assert find_block_grid(film) is None
    assert read_radiograph(as_png(film)).compression == NOT_KNOWN
    enlarged = np.asarray(Image.fromarray(film).resize((512, 410), Image.Resampling.BICUBIC))
    assert find_block_grid(enlarged) is None
    assert find_block_grid(np.zeros((128, 128), dtype=np.uint8)) is None
    steps = np.tile(np.arange(160, dtype=np.uint16)[:, None] // 10, (1, 160))
    assert find_block_grid(steps) is None


def test_of_a_jpeg_file_both_the_tables_and_the_blocks_are_told(film):
    compression = read_radiograph(as_jpeg(film, 50)).compression
    assert (compression.known_from, compression.jpeg_quality) == (KnownFrom.CODESTREAM, 50)
    assert compression.blocks == BlockGrid((0, 0), compression.blocks.strength)


def test_damaged_headers_never_raise(film):
    rng = np.random.default_rng(0)
    whole = as_jpeg(film, 60)[:700]
    for length in range(0, 700, 7):
        compression_of_codestream(whole[:length])
    for _ in range(200):
        damaged = bytearray(whole)
        for place in rng.integers(2, 700, 4):
            damaged[place] = rng.integers(256)
        compression_of_codestream(bytes(damaged))


@pytest.mark.parametrize("stated", [JPEG2000, JPEGLSNearLossless])
def test_a_wrong_transfer_syntax_says_nothing_of_loss(film, make_film, stated):
    plain = make_film(film.astype(np.uint16) * 16)
    plain.file_meta.TransferSyntaxUID = stated
    assert read_radiograph(plain).compression == NOT_KNOWN
    reversible = make_film(film.astype(np.uint16) * 16)
    reversible.compress(JPEG2000Lossless, generate_instance_uid=False)
    reversible.file_meta.TransferSyntaxUID = JPEGLSNearLossless
    assert read_radiograph(reversible).compression == NOT_KNOWN


def test_ratios_that_are_no_numbers_are_left_out(make_film):
    stated = make_film(LossyImageCompression="01")
    stated.add_new("LossyImageCompressionRatio", "LO", ["ten", "8"])
    assert read_radiograph(stated).compression.ratio == pytest.approx(8.0)
