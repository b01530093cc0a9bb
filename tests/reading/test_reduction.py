"""Films read at a coarser pixel: in place, in range, and the same from every codec."""

import zlib
from base64 import b85decode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from ho_imaging.errors import UsageError
from ho_imaging.preparing import prepare
from ho_imaging.reading import Radiograph, read_radiograph
from ho_imaging.reading.decode import decode_frame
from ho_imaging.reading.radiograph import Spacing
from ho_imaging.reading.read import all_pixels
from ho_imaging.reading.reduced_streams import decode_reduced
from ho_imaging.reading.reduction import reduce_radiograph, reduction_factor
from ho_imaging.vocabulary import SpacingBasis

STORED_MM = 0.5
MakeFilm = Callable[..., Dataset]


def means(pixels: NDArray[Any], factor: int) -> NDArray[np.float64]:
    rows, columns = (length // factor for length in pixels.shape)
    blocks = pixels[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64))


def smooth(rows: int, columns: int, *, top: int = 4095, seed: int = 0) -> NDArray[np.uint16]:
    """Noise blurred over some pixels, 10 to 90 % of the range."""
    noise = np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 6.0)
    low, high = float(blurred.min()), float(blurred.max())
    return np.asarray(np.rint((0.1 + 0.8 * (blurred - low) / (high - low)) * top), dtype=np.uint16)


def j2k(pixels: NDArray[np.unsignedinteger], **options: Any) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG2000", no_jp2=True, **options)
    return stream.getvalue()


def coded(dataset: Dataset, data: bytes, syntax: UID) -> Dataset:
    dataset.PixelData = encapsulate([data])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def in_syntax(make_film: MakeFilm, pixels: NDArray[Any], how: str, **attributes: Any) -> Dataset:
    """A film of 0.5 mm a pixel in one of the codings by their short names."""
    film = make_film(pixels, ImagerPixelSpacing=[STORED_MM, STORED_MM], **attributes)
    if how == "jpeg":
        quality = [cv2.IMWRITE_JPEG_QUALITY, 100]
        return coded(film, cv2.imencode(".jpg", pixels, quality)[1].tobytes(), JPEGBaseline8Bit)
    if how == "9-7":
        return coded(film, j2k(pixels, irreversible=True, quality_mode="rates", quality_layers=[1]), JPEG2000)
    syntax = {"5-3": JPEG2000Lossless, "jpeg-ls": JPEGLSLossless, "rle": RLELossless}.get(how)
    if syntax is not None:
        film.compress(syntax, generate_instance_uid=False)
    return film


CODINGS = ("plain", "5-3", "9-7", "jpeg", "jpeg-ls", "rle")


def bits_of(how: str) -> tuple[type[np.unsignedinteger], int]:
    return (np.uint8, 255) if how == "jpeg" else (np.uint16, 65535)


@pytest.mark.parametrize("how", CODINGS)
@pytest.mark.parametrize("factor", [2, 4])
def test_an_edge_lies_where_it_lay(make_film: MakeFilm, how: str, factor: int) -> None:
    kind, top = bits_of(how)
    for place in (101, 102, 103, 104):
        pixels = np.full((290, 301), top // 5, dtype=kind)
        pixels[:, place:] = 4 * (top // 5)
        for turned in (pixels, pixels.T):
            film = in_syntax(make_film, np.ascontiguousarray(turned), how)
            shown = read_radiograph(film, coarsest_mm=factor * STORED_MM, whole_range=True)
            assert shown.reduction == factor
            along = shown.pixels.mean(axis=0 if turned is pixels else 1)[10:-10]
            low, high = float(along[:5].mean()), float(along[-5:].mean())
            dark = float(((high - along) / (high - low)).sum())
            assert factor * (10 + dark) == pytest.approx(place, abs=0.15)


# Made by imagecodecs 2026.3.6 with OpenJPH 0.26.3 (``htj2k_encode``), which are no dependency: a picture of `crossing`,
# once reversible and once not.
_HIGH_THROUGHPUT = {
    "5-3": (
        "c-s5#|38pH(}4j95`j310Rd3?jQos@{{t8}7?^+@uKz&{JU|vB11k%Q1LOY~24RJc2}q!$qvL-HgE#}De?e-VSAd5?SZa}ifu50>"
        "p0VEl2@G5y6PcYD82?W`z@U5K{Z5OUZ*S^N3l#i3@j^(qHgl`MA@4u@>$DgGw=*1I5Zl7QnAcFj8OQY0Y3GR(6`UI4KY6^*s5AW9"
        "!LX=ROgZX8k_)%4+m;JSEG&$U4gv!In9f-q5Cdry_h(>;O^BWTF~!FH+{DYQC5)2($BLiGSjIYtPk;!17V!$y=@)oZ$zX7(fsvVw"
        "M<V%V!?8__$59c3Oy}K`WrZB<nF0;V<3UE}GBCt7y<ytTpu&8T2<rYLp_YXjUP2y|_ApGIC{tjh#6G9zNyAAGJ`2f{j9`&T%xcP("
        "4^mXvecXx;03~Js<tGbTKKNI|z|#KGL*(UBh2UjV8htM@0<GT$#1|O0ZJyhhqHt4hTQ?P`a}K{=|1aP)U_JgX{!{&FBqHDm^QBtG"
        "^Y#CJKA(@1C^xc_^lO`Z@nivr;ii80<ckyw$+<l0izh!!DKVPUgDm;@fB7%R1O~ZZ42<s=AXD#B1*a^i{ub2u{-ziE{!|UQzYy-5"
        "&CCZF^h+8T;$0i|-@X5C`|r2^${>u}f6MB3-+!0?{r2Ctb-VZ9&Hqla<e&fb|C!vs{`y<DKYso7*JzAM+(k@v`{uuY{`)6&sek|L"
        "AN?<6{w2Wn_l1M>_k|4k_gWbDSK;IC+sgd^CIIxG(wh"
    ),
    "9-7": (
        "c-s5#|38pH(}4j95`j310Rd3?jQos@{{t8}7?^+@mH$BuJU|vB11k%Q1H=Cq24$u8l6F@h6t9l~Lfi6HKzJy@6bLIKq#~r!_y12}"
        "5NBZYFG$Vv3h+<}OD$3`&@(dAGuHb*fq@HT1B*8U<NwJA7@`wo<F9QIoaHltW$x;w1rN*lUoySe$$nknLE?6X0}N3c7{m@dVA69^"
        "ODTWf#I3mdw}AH<SB76Z7^)oi#x01`UvZuL)%P98ZQp%lI;Y4W2GX<Z2ZMMT1H-#_hxv9tpXbED&`|x3*ZR%8>Mj9Bpzu!fHyf(o"
        "X*wNYcx6>8%OEe|5VVJZy^Q@09~>6NKd(Dm3xi7+fPqBpn)m<qM;5g3KH_i?+rW5$v1$v0_$G!kf-VV*d(WmVJRsx9Vs`6>k1?wV"
        "Da;S^5AiKmcvS=?Ca^J0J5<WJZR@qD?6q639SfBX&yCqycoiFCwwl8%hD@d<oD;Ax4*Wd8V8OuFU<?dw0R{#~1_m|@mIMa5zYPr4"
        "-xwI*Y-BpX`bC8yK8T@{rE`hX(K(i!LKBph(uU!&a>nD={|kOSba(1&mF2P$DbaWlcwzBEAa{}gL(pEvbC))jh^4>OId>^?&eF{m"
        "-sy$Y&OOqZdo<Fjdow~JS#bh$qYO)tzzIhMc2XGb9EvRhPH^JT|MHJvTi0esUE4ah^HXfO>h&TRar2OTi$d@+fkwX>POMgm93n3v"
        "T;HqA2e@C)V62_TuwiFqAtTF{fh2R{e*CHbU&r~vrBLXIx1f&8M!Zyy$AhLK=Dge6a#0cQMy4cIn!>05>(Bg8fRrjNhXnL?C^Efn"
        "B1pY?DXG3cW!~RO)!#hd-^9jzvy1irO#odn%{c"
    ),
}


def crossing() -> NDArray[np.uint16]:
    """An edge that begins with column 42, and a fainter one with row 41."""
    pixels = np.full((90, 97), 8000, dtype=np.uint16)
    pixels[:, 42:] += 24000
    pixels[41:] += 16000
    return pixels


@pytest.mark.parametrize("how", ["5-3", "9-7"])
@pytest.mark.parametrize("factor", [1, 2, 4])
def test_edges_of_high_throughput_streams_lie_where_they_lay(make_film: MakeFilm, how: str, factor: int) -> None:
    data = zlib.decompress(b85decode(_HIGH_THROUGHPUT[how]))
    syntax = HTJ2KLossless if how == "5-3" else HTJ2K
    film = coded(make_film(crossing(), ImagerPixelSpacing=[STORED_MM, STORED_MM]), data, syntax)
    found = decode_frame(film, 0, factor=factor)
    assert found.reduction == factor, "the decoder itself must have left out resolution levels"
    within = np.abs(found.values.astype(np.float64) - crossing()).max() if factor == 1 else 0.0
    assert within <= (0.0 if how == "5-3" else 200.0)
    assert found.values.shape == (90 // factor, 97 // factor)
    for axis, place in ((0, 42), (1, 41)):
        along = found.values.mean(axis=axis, dtype=np.float64)
        low, high = along[: 16 // factor].mean(), along[-16 // factor :].mean()
        assert factor * ((high - along) / (high - low)).sum() == pytest.approx(place, abs=0.15)


@settings(max_examples=12, deadline=None)
@example(rows=271, columns=256, factor=4, how="5-3", tile=(100, 90), seed=0)
@given(
    rows=st.integers(256, 300),
    columns=st.integers(256, 300),
    factor=st.sampled_from([2, 4]),
    how=st.sampled_from(["5-3", "9-7", "jpeg"]),
    tile=st.sampled_from([None, (128, 128), (100, 90)]),
    seed=st.integers(0, 99),
)
def test_decoders_return_means_of_blocks(
    rows: int, columns: int, factor: int, how: str, tile: tuple[int, int] | None, seed: int
) -> None:
    # Pillow writes tiles of 16 bits in the wrong places.
    kind, top = (np.uint8, 255) if tile is not None else bits_of(how)
    pixels = smooth(rows, columns, top=top, seed=seed).astype(kind)
    if how == "jpeg":
        data, syntax = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes(), JPEGBaseline8Bit
    else:
        options = {} if tile is None else {"tile_size": tile}
        data = j2k(pixels, irreversible=how == "9-7", quality_mode="rates", quality_layers=[1], **options)
        syntax = JPEG2000
    bits = 8 * pixels.itemsize
    found = decode_reduced(data, syntax, bits=bits, signed=False, factor=factor, padding=None)
    if found is None and how != "jpeg" and tile is not None:
        # OpenJPEG refuses a last tile so small that none of it is left: such a film is decoded in full.
        sides = ((rows, tile[1]), (columns, tile[0]))
        assert any(-(-length // factor) == -(-((length - 1) // side * side) // factor) for length, side in sides)
        return
    assert found is not None
    expected = means(pixels, factor)
    assert found.shape == expected.shape
    # Where the film or a tile ends the wavelet has no neighbours.
    difference = np.abs(found.astype(np.float64) - expected)[2:-2, 2:-2]
    assert float(np.sqrt((difference**2).mean())) <= (0.004 if tile is None else 0.012) * top


@pytest.mark.parametrize("how", ["5-3", "9-7"])
def test_overshoot_of_the_low_pass_neither_wraps_nor_widens_the_range(make_film: MakeFilm, how: str) -> None:
    pixels = np.zeros((256, 256), dtype=np.uint16)
    pixels[:, 64::2] = 65535
    pixels[:, 128:] = 65535
    pixels[100:140, 100:140] = 0
    film = in_syntax(make_film, pixels, how)
    stored = decode_frame(film, 0, factor=2)
    assert stored.reduction == 2
    assert stored.values.dtype == np.uint16
    assert stored.values[:, :28].max() < 12_000
    assert stored.values[:40, 70:].min() > 53_000


def test_overshoot_above_the_bits_stored_is_no_wider_range(make_film: MakeFilm) -> None:
    pixels = np.zeros((256, 256), dtype=np.uint16)
    pixels[64:128, 64:128] = 4095
    film = make_film(pixels, ImagerPixelSpacing=[STORED_MM, STORED_MM], BitsStored=12)
    coded(film, j2k(pixels), JPEG2000Lossless)  # the codestream says 16 bits
    whole, reduced = (read_radiograph(film, coarsest_mm=mm, whole_range=True) for mm in (None, 1.0))
    assert reduced.reduction == 2
    assert {flag.code for flag in reduced.quality} == {flag.code for flag in whole.quality}
    assert np.abs(reduced.pixels - means(whole.pixels, 2)).max() < 0.2
    assert float(reduced.pixels[40:56, 40:56].mean()) == pytest.approx(1.0, abs=0.01)


def test_values_far_above_the_bits_stored_are_decoded_in_full(make_film: MakeFilm) -> None:
    pixels = smooth(256, 256, top=30_000)
    film = make_film(pixels, ImagerPixelSpacing=[STORED_MM, STORED_MM], BitsStored=12)
    coded(film, j2k(pixels), JPEG2000Lossless)
    reduced = read_radiograph(film, coarsest_mm=1.0, whole_range=True)
    assert "bits_stored_wrong" in {flag.code for flag in reduced.quality}
    full = read_radiograph(film, whole_range=True)
    assert reduced.pixels == pytest.approx(means(full.pixels, 2), abs=0.02)


@pytest.mark.parametrize("how", ["5-3", "jpeg-ls", "plain"])
def test_signed_values_stay_signed(make_film: MakeFilm, how: str) -> None:
    pixels = (smooth(256, 270, top=4000).astype(np.int32) - 2000).astype(np.int16)
    if how == "5-3":
        film = in_syntax(make_film, pixels, how, BitsStored=12)
    else:
        film = in_syntax(make_film, pixels, "plain", BitsStored=12)
    stored = decode_frame(film, 0, factor=2)
    assert stored.reduction == (2 if how == "5-3" else 1)
    shown = read_radiograph(film, coarsest_mm=1.0, whole_range=True)
    assert shown.pixels == pytest.approx(means(read_radiograph(film, whole_range=True).pixels, 2), abs=0.02)


@pytest.mark.parametrize("offset", [(1, 0), (0, 1), (3, 3)])
def test_streams_that_begin_between_low_pass_samples_are_left_to_full_decoding(offset: tuple[int, int]) -> None:
    data = j2k(smooth(256, 260, top=65535), offset=offset, tile_offset=(0, 0), tile_size=(300, 300))
    assert decode_reduced(data, JPEG2000, bits=16, signed=False, factor=2, padding=None) is None


@pytest.mark.parametrize("offset", [(8, 4), (3, 1)])
@pytest.mark.parametrize("top", [255, 4095])
def test_a_picture_that_begins_away_from_the_origin_of_its_grid_is_decoded(
    make_film: MakeFilm, offset: tuple[int, int], top: int
) -> None:
    pixels = smooth(256, 260, top=top)
    pixels = pixels.astype(np.uint8 if top == 255 else np.uint16)
    data = j2k(pixels, offset=offset, tile_offset=offset, tile_size=(300, 300))
    film = coded(make_film(pixels), data, JPEG2000Lossless)
    assert np.array_equal(decode_frame(film, 0).values, pixels)


def test_a_stream_of_fewer_levels_is_decoded_in_full(make_film: MakeFilm) -> None:
    pixels = smooth(256, 260, top=65535)
    film = make_film(pixels, ImagerPixelSpacing=[STORED_MM, STORED_MM])
    coded(film, j2k(pixels, num_resolutions=1), JPEG2000Lossless)
    stored = decode_frame(film, 0, factor=2)
    assert stored.reduction == 1
    assert np.array_equal(stored.values, pixels)
    shown = read_radiograph(film, coarsest_mm=1.0, whole_range=True)
    assert shown.pixels == pytest.approx(means(read_radiograph(film, whole_range=True).pixels, 2), abs=0.01)


LUT = [*range(0, 4096, 2), *range(4096, 2048, -1)]
"""Rises to the middle and falls after it."""


@pytest.mark.parametrize("how", ["plain", "5-3", "9-7", "rle"])
@pytest.mark.parametrize("view", ["window", "voi lut", "modality lut", "inverse"])
def test_tables_apply_after_the_reduction(make_film: MakeFilm, how: str, view: str) -> None:
    pixels = smooth(256, 280)
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [4096, 0, 12], LUT
    attributes: dict[str, dict[str, Any]] = {
        "window": {"WindowCenter": 1800, "WindowWidth": 2500, "RescaleSlope": 2, "RescaleIntercept": -1000},
        "voi lut": {"VOILUTSequence": [item]},
        "modality lut": {"ModalityLUTSequence": [item]},
        "inverse": {"PhotometricInterpretation": "MONOCHROME1"},
    }
    if view == "modality lut":
        item.ModalityLUTType = "US"
    film = make_film(pixels, ImagerPixelSpacing=[STORED_MM, STORED_MM], BitsStored=12, **attributes[view])
    if how == "9-7":
        coded(film, j2k(pixels, irreversible=True, quality_mode="rates", quality_layers=[1]), JPEG2000)
    elif how != "plain":
        film.compress({"5-3": JPEG2000Lossless, "rle": RLELossless}[how], generate_instance_uid=False)
    whole, reduced = (read_radiograph(film, coarsest_mm=mm) for mm in (None, 1.0))
    assert reduced.reduction == 2
    expected = means(whole.pixels, 2)
    assert float(np.sqrt(((reduced.pixels - expected) ** 2).mean())) < 0.01


@pytest.mark.parametrize("how", ["plain", "5-3", "9-7", "jpeg-ls"])
@pytest.mark.parametrize("value", [0, 65535])
def test_padding_does_not_smear(make_film: MakeFilm, how: str, value: int) -> None:
    pixels = (smooth(256, 280, top=2000) + 20_000).astype(np.uint16)
    pixels[:, :51] = value
    film = in_syntax(make_film, pixels, "5-3" if how == "9-7" else how, PixelPaddingValue=value)
    reduced = read_radiograph(film, coarsest_mm=1.0, whole_range=True)
    assert reduced.reduction == 2
    assert reduced.padding is not None
    assert reduced.padding[:, :25].all()
    assert not reduced.padding[:, 25:].any()
    image = reduced.pixels[:, 25:]
    assert float(image.min()) > 0.0 or float(image[:, 0].std()) > 0.0
    expected = means(pixels[:, 52:], 2)
    low, high = float(pixels[:, 51:].min()), float(pixels[:, 51:].max())
    assert image[:, 1:] * (high - low) + low == pytest.approx(expected, abs=0.02 * (high - low))


def test_a_film_without_padding_in_its_pixels_is_reduced_by_its_decoder(make_film: MakeFilm) -> None:
    pixels = (smooth(256, 280, top=2000) + 20_000).astype(np.uint16)
    film = in_syntax(make_film, pixels, "5-3", PixelPaddingValue=0)
    assert decode_frame(film, 0, factor=2).reduction == 2
    pixels[:, :8] = 0
    film = in_syntax(make_film, pixels, "5-3", PixelPaddingValue=0)
    assert decode_frame(film, 0, factor=2).reduction == 1


@pytest.mark.parametrize(
    ("spacing", "shape", "factor"),
    [
        ((0.2, 0.2), (2000, 2000), 2),
        ((0.2001, 0.2), (2000, 2000), 2),
        ((0.21, 0.2), (2000, 2000), 1),
        ((0.1, 0.1), (2000, 2000), 4),
        ((0.05, 0.05), (2000, 2000), 8),
        ((0.02, 0.02), (2000, 2000), 8),
        ((0.05, 0.05), (300, 2000), 4),
        ((0.1, 0.1), (127, 2000), 1),
        (None, (2000, 2000), 1),
    ],
)
def test_the_coarsest_pixel_that_is_fine_enough(
    spacing: tuple[float, float] | None, shape: tuple[int, int], factor: int
) -> None:
    row_mm, column_mm = spacing or (None, None)
    given_mm = Spacing(row_mm, column_mm, SpacingBasis.NONE if spacing is None else SpacingBasis.DETECTOR, "test")
    assert reduction_factor(given_mm, shape, 0.4) == factor
    assert reduction_factor(given_mm, shape, None) == 1


def test_what_is_said_of_a_film_is_of_its_stored_pixels(make_film: MakeFilm, known: Any) -> None:
    pixels = smooth(301, 407)
    film = in_syntax(make_film, pixels, "5-3", BitsStored=12)
    whole, reduced = (read_radiograph(film, coarsest_mm=mm) for mm in (None, 1.0))
    assert reduced.shape == whole.shape == (301, 407)
    assert reduced.spacing == whole.spacing
    assert prepare(reduced).grid == prepare(whole).grid
    assert prepare(reduced).pixels == pytest.approx(prepare(whole).pixels, abs=0.02)
    again = all_pixels(reduced, film)
    assert np.array_equal(again.pixels, whole.pixels)
    assert (again.reduction, again.shape) == (1, whole.shape)
    enlarged = all_pixels(reduced)  # it came from memory
    assert enlarged.pixels == pytest.approx(whole.pixels, abs=0.05)
    assert (enlarged.reduction, enlarged.shape) == (1, whole.shape)


def test_what_no_decoder_reduces_is_reduced_as_it_is_shown() -> None:
    pixels = smooth(256, 300)
    data = cv2.imencode(".png", pixels)[1].tobytes()
    whole, reduced = (read_radiograph(data, spacing_mm=(0.5, 0.4), coarsest_mm=mm) for mm in (None, 1.0))
    assert (whole.reduction, reduced.reduction) == (1, 2)
    assert reduced.pixels == pytest.approx(means(whole.pixels, 2), abs=1e-5)
    assert read_radiograph(data, coarsest_mm=1.0).reduction == 1  # without millimetres
    assert reduce_radiograph(reduced, 2.0) is reduced
    with pytest.raises(UsageError):
        read_radiograph(data, coarsest_mm=0.0)


def test_padding_of_a_radiograph_is_reduced_with_it(known: Any) -> None:
    pixels = smooth(300, 300).astype(np.float32) / 4095.0
    padding = np.zeros(pixels.shape, dtype=bool)
    padding[:, 151:] = True
    pixels[padding] = 0.0
    film: Radiograph = known.radiograph(pixels, padding=padding, spacing_mm=(0.3, 0.3))
    reduced = reduce_radiograph(film, 0.7)
    assert reduced.padding is not None
    assert reduced.padding.sum() == 150 * 74
    assert reduced.pixels[:, 75] == pytest.approx(means(pixels[:, 150:151].repeat(2, axis=1), 2)[:, 0], abs=1e-5)
    valid = prepare(reduced).valid
    assert (valid == prepare(film).valid).mean() > 0.99


def test_plain_pixels_need_no_decoder(make_film: MakeFilm) -> None:
    film = make_film(smooth(256, 256), ImagerPixelSpacing=[STORED_MM, STORED_MM])
    assert film.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert decode_frame(film, 0, factor=2).reduction == 1
