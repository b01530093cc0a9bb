"""Grey values against the standard's formulae, written out pixel by pixel."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from ho_imaging.errors import DecodeError, UsageError
from ho_imaging.outputs.dicom.greys import state_greys
from ho_imaging.reading import read_radiograph
from ho_imaging.reading.attributes import header_flags
from ho_imaging.reading.grayscale import grayscale_table, window_values
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.review.films import film_pixels


def literal_window(x: float, c: float, w: float, function: str) -> float:
    """PS3.3 C.11.2.1.2.1 and C.11.2.1.3 with ymin 0 and ymax 1."""
    if function == "SIGMOID":
        return 1 / (1 + math.exp(-4 * (x - c) / w))
    if function == "LINEAR_EXACT":
        if x <= c - w / 2:
            return 0.0
        return 1.0 if x > c + w / 2 else (x - c) / w + 0.5
    if x <= c - 0.5 - (w - 1) / 2:
        return 0.0
    return 1.0 if x > c - 0.5 + (w - 1) / 2 else (x - (c - 0.5)) / (w - 1) + 0.5


@given(
    st.floats(-3000, 3000),
    st.floats(1.0, 8000).map(lambda w: round(w, 2)),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.lists(st.integers(-4096, 4096), min_size=1, max_size=20),
)
def test_windows_follow_the_formulae(center, width, function, values):
    found = window_values(np.array(values, dtype=np.float64), center, width, function)
    if function == "SIGMOID":
        reachable = [v for v in values if abs(4 * (v - center) / width) < 600]
        found = window_values(np.array(reachable, dtype=np.float64), center, width, function)
        values = reachable
    expected = [literal_window(v, center, width, function) for v in values]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(("function", "width"), [("LINEAR", 0.5), ("LINEAR_EXACT", 0.0), ("SIGMOID", -1.0)])
def test_widths_the_standard_forbids_are_not_applied(function, width):
    with pytest.raises(ValueError, match="not allowed"):
        window_values(np.array([1.0]), 0.0, width, function)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    slope=st.sampled_from([-2.0, -0.5, 1.0, 3.25]),
    intercept=st.sampled_from([-1000.0, 0.0, 17.5]),
    center=st.integers(-500, 3000),
    width=st.integers(2, 4000),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
)
def test_rescale_then_window_then_polarity(make_film, ramp, slope, intercept, center, width, photometric):
    film = make_film(
        RescaleSlope=slope, RescaleIntercept=intercept, WindowCenter=center, WindowWidth=width,
        PhotometricInterpretation=photometric,
    )  # fmt: skip
    radiograph = read_radiograph(film)
    found = radiograph.pixels[0]
    every = [literal_window(float(value) * slope + intercept, center, width, "LINEAR") for value in range(2033)]
    if max(every) - min(every) < 1e-3:  # a window that misses the film is not applied
        assert "window_misses" in {flag.code for flag in radiograph.quality}
        return
    for column in range(0, 128, 9):
        shown = literal_window(float(ramp[0, column]) * slope + intercept, center, width, "LINEAR")
        expected = 1 - shown if photometric == "MONOCHROME1" else shown
        assert found[column] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted", "disagree"),
    [
        ("MONOCHROME1", None, True, False),
        ("MONOCHROME2", None, False, False),
        ("MONOCHROME1", "INVERSE", True, False),
        ("MONOCHROME2", "IDENTITY", False, False),
        ("MONOCHROME1", "IDENTITY", False, True),
        ("MONOCHROME2", "INVERSE", True, True),
    ],
)
def test_polarity_is_inverted_once_and_contradictions_are_said(make_film, photometric, shape, inverted, disagree):
    attributes = {"PresentationLUTShape": shape} if shape else {}
    radiograph = read_radiograph(make_film(PhotometricInterpretation=photometric, **attributes))
    assert (radiograph.pixels[0, 0] > radiograph.pixels[0, -1]) == inverted
    assert ("polarity_statements_disagree" in {flag.code for flag in radiograph.quality}) == disagree


def lut(entries, first, bits, explanation="", representation="US"):
    item = Dataset()
    item.add_new(0x00283002, representation, [len(entries), first, bits])
    item.add_new(0x00283003, "LO", explanation)
    item.add_new(0x00283006, "OW", np.array(entries, dtype="<u2").tobytes())
    return item


def test_modality_lut_comes_before_voi_lut_and_both_before_inversion(make_film):
    pixels = np.tile(np.arange(128, dtype=np.uint16), (96, 1))
    modality = [(3 * v) % 200 for v in range(100)]  # first stored value 10; outside it the ends are kept
    voi = [min(1023, v * v // 20) for v in range(150)]  # first value 20
    film = make_film(
        pixels, PhotometricInterpretation="MONOCHROME1", ModalityLUTSequence=[lut(modality, 10, 16)],
        VOILUTSequence=[lut(voi, 20, 10)],
    )  # fmt: skip
    found = read_radiograph(film).pixels[0]
    for stored in range(128):
        after_modality = modality[min(max(stored - 10, 0), 99)]
        after_voi = voi[min(max(after_modality - 20, 0), 149)]
        assert found[stored] == pytest.approx(1 - after_voi / 1023, abs=1e-6)


def test_the_first_value_of_a_lut_for_signed_pixels_may_be_negative(make_film):
    pixels = np.tile(np.arange(-64, 64, dtype=np.int16), (96, 1))
    film = make_film(pixels, VOILUTSequence=[lut(list(range(0, 256, 2)), 65536 - 64, 8)])
    np.testing.assert_allclose(read_radiograph(film).pixels[0], np.arange(0, 256, 2) / 255, atol=1e-6)


def test_the_first_value_of_a_lut_is_signed_by_what_may_occur_not_by_what_does(make_film):
    """Signed pixels of which none is negative: 65528 is -8 all the same, so the LUT begins at its ninth entry."""
    pixels = np.tile(np.arange(128, dtype=np.int16), (96, 1))
    radiograph = read_radiograph(make_film(pixels, VOILUTSequence=[lut(list(range(200)), 65536 - 8, 8)]))
    np.testing.assert_allclose(radiograph.pixels[0], np.arange(8, 136) / 255, atol=1e-6)
    # Of unsigned values the same number is itself: they all lie below it.
    high = (np.tile(np.arange(128, dtype=np.uint16), (96, 1)) + 65408).astype(np.uint16)
    radiograph = read_radiograph(make_film(high, VOILUTSequence=[lut(list(range(8)), 65528, 3)]))
    np.testing.assert_allclose(radiograph.pixels[0], np.clip(np.arange(128) - 120, 0, 7) / 7, atol=1e-6)


@pytest.mark.parametrize("count", [127, 128])
@pytest.mark.parametrize("as_words", [True, False])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_lut_entries_of_8_bits_lie_two_in_a_word(make_film, as_bytes, count, as_words, syntax):
    pixels = np.tile(np.arange(128, dtype=np.uint16), (96, 1))
    entries = [(7 * v) % 251 for v in range(count)]
    words = [low | high << 8 for low, high in zip(entries[::2], [*entries[1::2], 0], strict=False)]
    item = Dataset()
    item.add_new(0x00283002, "US", [count, 0, 8])
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    item.add_new(0x00283006, *(("US", words) if as_words else ("OW", np.array(words, dtype=order).tobytes())))
    film = make_film(pixels, VOILUTSequence=[item])
    film.file_meta.TransferSyntaxUID = syntax
    film["PixelData"].VR = "OW"
    film.PixelData = pixels.astype(order).tobytes()
    expected = [entries[min(v, count - 1)] / 255 for v in range(128)]
    np.testing.assert_allclose(read_radiograph(as_bytes(film)).pixels[0], expected, atol=1e-6)


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("keyword", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, for making such a film
def test_a_rescale_that_is_no_number_is_said_and_left_out(make_film, keyword, value):
    rescale = {"RescaleSlope": 1, "RescaleIntercept": 0} | {keyword: value}
    radiograph = read_radiograph(make_film(**rescale))
    assert "rescale_invalid" in {flag.code for flag in radiograph.quality}
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(make_film()).pixels)


def test_a_voi_view_is_chosen_by_index_or_name_and_the_choice_is_said(make_film):
    film = make_film(
        WindowCenter=[500, 1500], WindowWidth=[1000, 200], WindowCenterWidthExplanation=["BONE", "SOFT TISSUE"]
    )
    first, second = read_radiograph(film), read_radiograph(film, voi=1)
    np.testing.assert_array_equal(read_radiograph(film, voi="soft tissue").pixels, second.pixels)
    assert not np.array_equal(first.pixels, second.pixels)
    said = {flag.code: str(flag.message) for flag in first.quality}
    assert "View 0 of 2" in said["several_voi_views"]
    with pytest.raises(UsageError, match="BONE"):
        read_radiograph(film, voi="lung")
    with pytest.raises(UsageError, match="offers no VOI"):
        read_radiograph(make_film(), voi=0)


def test_without_voi_the_range_of_the_image_is_shown_and_padding_left_out(make_film, ramp):
    pixels = ramp + 100
    pixels[:, :10] = 4095
    radiograph = read_radiograph(make_film(pixels, PixelPaddingValue=4095))
    assert radiograph.padding is not None
    np.testing.assert_array_equal(radiograph.padding, pixels == 4095)
    inside = pixels[0, 10:].astype(float)
    np.testing.assert_allclose(
        radiograph.pixels[0, 10:], (inside - inside.min()) / (inside.max() - inside.min()), atol=1e-6
    )
    assert (radiograph.pixels[radiograph.padding] == 0).all()


def test_raw_films_are_shown_by_their_intensity_relationship(make_film):
    thickness_cm = np.tile(np.linspace(0, 20, 128), (96, 1))
    detected = (60000 * np.exp(-0.2 * thickness_cm)).astype(np.uint16)
    raw = {"PresentationIntentType": "FOR PROCESSING", "PixelIntensityRelationship": "LIN"}
    radiograph = read_radiograph(make_film(detected, **raw, PixelIntensityRelationshipSign=1))
    np.testing.assert_allclose(radiograph.pixels[0], thickness_cm[0] / 20, atol=2e-3)
    assert "for_processing" in {flag.code for flag in radiograph.quality}
    logarithmic = raw | {"PixelIntensityRelationship": "LOG"}
    turned = read_radiograph(make_film(**logarithmic, PixelIntensityRelationshipSign=-1))
    assert turned.pixels[0, 0] == 0.0
    assert turned.pixels[0, -1] == 1.0
    assert "for_processing" in {flag.code for flag in read_radiograph(make_film(**raw)).quality}


@pytest.mark.parametrize("relationship", ["LIN", "LOG"])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_a_raw_film_is_that_of_its_stored_values(make_film, relationship, sign):
    raw = {
        "PresentationIntentType": "FOR PROCESSING",
        "PixelIntensityRelationship": relationship,
        "PixelIntensityRelationshipSign": sign,
    }
    turned = read_radiograph(make_film(**raw, RescaleSlope=-1, RescaleIntercept=2032)).pixels[0]
    # With sign 1 more X-ray gives higher stored values, so the higher ones are darker.
    assert (turned[0] > turned[-1]) == (sign == 1)


def test_a_table_covers_every_stored_value_of_16_bits():
    header = Dataset()
    header.PhotometricInterpretation = "MONOCHROME1"
    table = grayscale_table(header, 0, 65535, (0, 65535))
    assert table.table.shape == (65536,)
    assert (np.diff(table.table) < 0).all()


@pytest.mark.parametrize("center", [-5000, 9000])
def test_a_window_that_misses_every_pixel_is_said_and_left_out(make_film, center):
    radiograph = read_radiograph(make_film(WindowCenter=center, WindowWidth=100))
    assert "window_misses" in {flag.code for flag in radiograph.quality}
    np.testing.assert_array_equal(radiograph.pixels, read_radiograph(make_film()).pixels)
    kept = read_radiograph(make_film(WindowCenter=1000, WindowWidth=100))
    assert "window_misses" not in {flag.code for flag in kept.quality}


def test_an_image_of_one_value_is_not_blamed_on_its_window(make_film):
    radiograph = read_radiograph(make_film(np.full((96, 128), 7, np.uint16), WindowCenter=1000, WindowWidth=100))
    assert "window_misses" not in {flag.code for flag in radiograph.quality}


@given(
    slope=st.floats(1e-300, 1e300).flatmap(lambda size: st.sampled_from([size, -size])),
    intercept=st.floats(-1e300, 1e300),
)
def test_a_rescale_keeps_the_picture_or_is_said(slope, intercept):
    """Whatever numbers a header states, values that differ are shown as different, and bone stays where it was."""
    film = Dataset()
    film.RescaleSlope, film.RescaleIntercept = (DSfloat(value, auto_format=True) for value in (slope, intercept))
    found = grayscale_table(film, 0, 4095, (0, 4095))
    said = bool(header_flags(film))
    expected = np.linspace(0.0, 1.0, 4096)
    np.testing.assert_allclose(found.table, expected if said or slope > 0 else expected[::-1], atol=1e-3)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"RescaleSlope": "1", "RescaleIntercept": "1E20"}, "rescale_invalid"),
        ({"RescaleSlope": "1E308", "RescaleIntercept": "0"}, "rescale_invalid"),
        ({"RescaleSlope": "-1", "RescaleIntercept": "2032", "tables": 1}, "rescale_invalid"),
        ({"RescaleSlope": "1", "RescaleIntercept": "0", "tables": 1}, None),
        ({"tables": 2}, "modality_lut_invalid"),
        ({"PresentationLUTShape": "LIN OD"}, "photometric_invalid"),
    ],
)
def test_contradictions_of_the_modality_lut_are_said(make_film, attributes, code):
    """One table of one item, without rescale beside it (PS3.3 C.11.1)."""
    tables = attributes.pop("tables", 0)
    if tables:
        attributes["ModalityLUTSequence"] = [lut(list(range(2048)), 0, 11)] * tables
    codes = {flag.code for flag in read_radiograph(make_film(**attributes)).quality}
    assert codes & {"rescale_invalid", "modality_lut_invalid", "photometric_invalid"} == ({code} - {None})


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("slope", [1, -1])
@pytest.mark.parametrize("clips", [False, True])
@pytest.mark.parametrize("falls", [False, True])
def test_all_values_are_shown_in_the_direction_of_the_table(make_film, photometric, slope, clips, falls):
    """A VOI LUT that makes low values white says so of all values: what it hides is not shown the other way round."""
    entries = np.clip(np.arange(2033) * (8 if clips else 2), 0, 4095)
    entries = entries[::-1] if falls else entries
    film = make_film(
        PhotometricInterpretation=photometric, RescaleSlope=slope, RescaleIntercept=0 if slope > 0 else 2032,
        VOILUTSequence=[lut(list(entries), 0, 12)],
    )  # fmt: skip
    rises = (slope > 0) != falls
    bright_right = rises == (photometric == "MONOCHROME2")
    expected = np.linspace(0.0, 1.0, 128) if bright_right else np.linspace(1.0, 0.0, 128)
    for how in ({"whole_range": True}, {"never_clipped": True}) if clips else ({"whole_range": True},):
        np.testing.assert_allclose(read_radiograph(film, **how).pixels[0], expected, atol=1e-6)
    viewed = film_pixels(film)
    assert (int(viewed.codes[0, -1]) > int(viewed.codes[0, 0])) is bright_right
    assert viewed.curve[-1] > viewed.curve[0]
    state = Dataset()
    state_greys(state, film, SimpleNamespace(quality_flags=[QualityFlag("window_clips")] if clips else []))
    assert ("SoftcopyVOILUTSequence" in state) is not clips
    # What a viewer shows that knows the state alone: Modality LUT, VOI LUT if any, then the shape.
    white_at_high = (slope > 0) != (state.PresentationLUTShape == "INVERSE")
    assert (white_at_high != (falls and not clips)) is bright_right


def test_padding_that_covers_the_picture_is_no_padding(make_film, ramp):
    """No pixel of the image has a padding value (PS3.3 C.7.5.1.1.2)."""
    for last, is_padding in ((0, True), (63, True), (1500, False), (2032, False)):
        film = make_film(PixelPaddingValue=0, PixelPaddingRangeLimit=last)
        radiograph = read_radiograph(film)
        assert (radiograph.padding is not None) is is_padding
        assert ("padding_invalid" in {flag.code for flag in radiograph.quality}) is not is_padding
        if not is_padding:
            np.testing.assert_allclose(radiograph.pixels, ramp / 2032, atol=1e-6)
    framed = np.full((200, 200), 4095, np.uint16)
    framed[50:150, 40:168] = np.vstack([ramp, ramp[:4]])
    radiograph = read_radiograph(make_film(framed, PixelPaddingValue=4095))
    assert radiograph.padding is not None
    assert not radiograph.padding[50:150, 40:168].any()


def palette(film, entries, bits, first=0):
    for colour in ("Red", "Green", "Blue"):
        setattr(film, f"{colour}PaletteColorLookupTableDescriptor", [len(entries) & 0xFFFF, first, bits])
        setattr(film, f"{colour}PaletteColorLookupTableData", np.asarray(entries, dtype="<u2").tobytes())
    return film


@pytest.mark.parametrize(
    ("entries", "bits", "said"),
    [
        (np.arange(256) * 257, 16, False),
        (np.arange(256), 16, True),  # 8 bits in use of 16: 1/256 as bright, were it taken at its word
        (np.arange(256), 8, False),
        (np.arange(256) * 16, 16, True),
    ],
)
def test_a_palette_is_read_with_the_bits_that_its_entries_have(make_film, entries, bits, said):
    pixels = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (96, 1))
    film = palette(make_film(pixels, PhotometricInterpretation="PALETTE COLOR"), entries, bits)
    radiograph = read_radiograph(film)
    np.testing.assert_allclose(radiograph.pixels[0], pixels[0] / 255, atol=4e-3)
    assert ("pixel_description_invalid" in {flag.code for flag in radiograph.quality}) is said


def test_a_palette_keeps_what_its_entries_tell_apart_and_is_named_where_it_lacks_one(make_film):
    pixels = np.tile(np.arange(128, dtype=np.uint16) * 32, (96, 1))
    film = palette(make_film(pixels, PhotometricInterpretation="PALETTE COLOR"), np.arange(4096) * 16, 16)
    np.testing.assert_allclose(read_radiograph(film).pixels[0], pixels[0] * 16 / 65535, atol=1e-4)
    del film.GreenPaletteColorLookupTableData
    with pytest.raises(DecodeError, match="table of Green"):
        read_radiograph(film)
