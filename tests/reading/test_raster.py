"""PNG, JPEG and TIFF, against the arrays they were written from."""

import gzip
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image

from ho_imaging.errors import DecodeError, NotARadiographError, ReadError, TooLargeError, UsageError
from ho_imaging.reading import read_radiograph
from ho_imaging.vocabulary import SpacingBasis


def pillow(image, kind, **options):
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff(values, **options):
    stream = BytesIO()
    tifffile.imwrite(stream, values, **options)
    return stream.getvalue()


def scaled(values):
    values = values.astype(np.float64)
    return (values - values.min()) / (values.max() - values.min())


@pytest.mark.parametrize(
    "write", [lambda a: pillow(Image.fromarray(a), "PNG"), tiff, lambda a: tiff(a, compression="zlib")]
)
def test_16_bits_are_kept(ramp, write):
    fine = ramp + np.arange(96, dtype=np.uint16)[:, None] % 16
    radiograph = read_radiograph(write(fine))
    np.testing.assert_allclose(radiograph.pixels, scaled(fine), atol=1e-6)
    assert radiograph.spacing.basis is SpacingBasis.NONE
    assert {"raster_file", "spacing_missing"} <= {flag.code for flag in radiograph.quality}


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_deflate", "raw"])
def test_common_tiff_compressions(ramp, compression):
    small = (ramp >> 3).astype(np.uint8)
    data = pillow(Image.fromarray(small), "TIFF", compression=compression)
    np.testing.assert_allclose(read_radiograph(data).pixels, scaled(small), atol=1e-6)


def test_white_is_zero_is_honoured(ramp):
    found = read_radiograph(tiff(ramp, photometric="miniswhite")).pixels
    np.testing.assert_allclose(found, 1 - scaled(ramp), atol=1e-6)


def test_white_is_zero_in_signed_samples_of_the_whole_range():
    signed = np.tile(np.linspace(-32768, 32767, 128).astype(np.int16), (96, 1))
    found = read_radiograph(tiff(signed, photometric="miniswhite")).pixels
    np.testing.assert_allclose(found, 1 - scaled(signed), atol=1e-6)


def test_planes_palettes_and_alpha(ramp):
    small = (ramp >> 3).astype(np.uint8)
    planes = tiff(np.repeat(small[None], 3, axis=0), photometric="rgb", planarconfig="separate")
    palette = pillow(Image.fromarray(255 - small).convert("P"), "PNG")
    alpha = pillow(Image.merge("LA", [Image.fromarray(small), Image.new("L", (128, 96), 255)]), "PNG")
    np.testing.assert_allclose(read_radiograph(planes).pixels, scaled(small), atol=1e-6)
    np.testing.assert_allclose(read_radiograph(palette).pixels, 1 - scaled(small), atol=1e-6)
    np.testing.assert_allclose(read_radiograph(alpha).pixels, scaled(small), atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "PNG", "LZW"])
def test_turned_pictures_are_turned_back(orientation, kind):
    from PIL import ImageOps  # noqa: PLC0415

    rng = np.random.default_rng(5)
    image = Image.fromarray(rng.integers(0, 255, (70, 90)).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "LZW":
        data = pillow(image, "TIFF", compression="tiff_lzw", tiffinfo={0x0112: orientation})
    else:
        data = pillow(image, kind, exif=exif)
    as_stored = Image.fromarray(np.asarray(image))
    as_stored.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(as_stored))
    radiograph = read_radiograph(data)
    np.testing.assert_allclose(radiograph.pixels, scaled(expected), atol=1e-6)
    assert ("turned_by_exif" in {flag.code for flag in radiograph.quality}) == (orientation != 1)


def test_uids_come_from_the_bytes(ramp):
    first, second = tiff(ramp), tiff(ramp + 1)
    assert read_radiograph(first).sop_instance_uid == read_radiograph(first).sop_instance_uid
    assert read_radiograph(first).sop_instance_uid != read_radiograph(second).sop_instance_uid


def test_several_pages_are_refused_unless_one_is_chosen(ramp):
    data = tiff(np.stack([ramp, ramp[:, ::-1]]), photometric="minisblack")
    with pytest.raises(NotARadiographError, match="2 pages"):
        read_radiograph(data)
    np.testing.assert_allclose(read_radiograph(data, frame=1).pixels, scaled(ramp[:, ::-1]), atol=1e-6)
    with pytest.raises(UsageError, match="no page 2"):
        read_radiograph(data, frame=2)
    with pytest.raises(UsageError, match="no frame 1"):
        read_radiograph(pillow(Image.fromarray(ramp), "PNG"), frame=1)


def test_refusals_and_damage_are_typed(ramp, tmp_path):
    rng = np.random.default_rng(2)
    photo = Image.fromarray(rng.integers(0, 255, (96, 128, 3)).astype(np.uint8))
    with pytest.raises(NotARadiographError, match="colour picture"):
        read_radiograph(pillow(photo, "PNG"))
    with pytest.raises(NotARadiographError, match="only 20 x 30"):
        read_radiograph(pillow(Image.new("L", (30, 20)), "PNG"))
    with pytest.raises(TooLargeError):
        read_radiograph(tiff(ramp), max_pixels=100)
    with pytest.raises(DecodeError, match="damaged PNG"):
        read_radiograph(pillow(Image.fromarray(ramp), "PNG")[:90])
    with pytest.raises(DecodeError, match="no numbers"):
        read_radiograph(tiff(np.full((96, 128), np.nan, dtype=np.float32)))
    with pytest.raises(UsageError, match="VOI"):
        read_radiograph(tiff(ramp), voi=1)
    with pytest.raises(NotARadiographError, match="not an image file"):
        read_radiograph(b"plain words " * 30)
    with pytest.raises(NotARadiographError, match="is packed"):
        read_radiograph(gzip.compress(pillow(Image.fromarray(ramp), "PNG")))
    with pytest.raises(ReadError, match="empty"):
        read_radiograph(b"")
    with pytest.raises(UsageError, match="folder"):
        read_radiograph(tmp_path)
    with pytest.raises(ReadError, match="nowhere"):
        read_radiograph(tmp_path / "nowhere")


def test_damaged_pictures_raise_typed_errors_only(ramp):
    rng = np.random.default_rng(17)
    small = Image.fromarray((ramp >> 3).astype(np.uint8))
    sources = [tiff(ramp), pillow(small, "TIFF", compression="tiff_lzw"), pillow(small, "PNG"), pillow(small, "JPEG")]
    for number in range(200):
        data = bytearray(sources[number % len(sources)])
        if number % 5 == 0:
            data = data[: rng.integers(1, len(data))]
        for _ in range(int(rng.integers(0, 5))):
            data[rng.integers(min(len(data), 600))] ^= 1 << int(rng.integers(8))
        try:
            pixels = read_radiograph(bytes(data)).pixels
        except (ReadError, NotARadiographError):
            continue
        assert pixels.ndim == 2
        assert np.isfinite(pixels).all()
