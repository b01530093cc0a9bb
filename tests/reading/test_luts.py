"""Lookup tables as they were meant, whatever their descriptors say (PS3.3 C.11.1.1, C.11.2.1.1)."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi_lut
from pydicom.uid import ExplicitVRBigEndian

from ho_imaging.reading import read_radiograph
from ho_imaging.reading.luts import LookupTableError, read_lookup_table
from ho_imaging.review.films import film_pixels


def lut(entries, first=0, bits=16, *, count=None, kind="US", data="OW", little=True):
    item = Dataset()
    count = len(entries) if count is None else count
    item.add(DataElement(0x00283002, kind, [count & 0xFFFF, first, bits], validation_mode=IGNORE))
    order = "<u2" if little else ">u2"
    words = np.asarray(entries, dtype=order)
    value = words.tobytes() if data in {"OW", "OB", "UN"} else [int(word) for word in words]
    item.add(DataElement(0x00283006, data, value, validation_mode=IGNORE))
    return item


def read(item, *, signed=False, occurring=(0.0, 4095.0), little=True):
    return read_lookup_table(item, little_endian=little, signed_input=signed, occurring=occurring)


def codes(radiograph):
    return {flag.code for flag in radiograph.quality}


@settings(deadline=None)
@given(used=st.integers(2, 16), stated=st.integers(0, 20), data=st.sampled_from(["OW", "US", "OB", "UN"]))
def test_entries_reach_white_however_many_bits_are_stated(used, stated, data):
    entries = np.linspace(0, (1 << used) - 1, 300).round()
    table = read(lut(entries, bits=stated, data=data))
    np.testing.assert_allclose(table.shown(np.arange(300.0)), entries / ((1 << used) - 1), atol=1e-12)
    assert table.bits == used
    assert bool(table.doubts) == (stated != used)


@settings(deadline=None)
@given(
    count=st.sampled_from([1, 127, 128, 4096, 65535, 65536]),
    data=st.sampled_from(["OW", "US"]),
    little=st.booleans(),
)
def test_every_entry_comes_back_also_65536_of_them(count, data, little):
    entries = (np.arange(count) * 7 + 1) % 65536
    entries[-1] = 65535
    table = read(lut(entries, data=data, little=little), little=little, occurring=(0.0, 65535.0))
    np.testing.assert_array_equal(table.entries, entries)


@settings(deadline=None)
@given(count=st.integers(2, 400), stated=st.sampled_from([8, 16]))
def test_two_entries_of_8_bits_in_a_word(count, stated):
    entries = (np.arange(count) * 7) % 251
    entries[0] = 255
    packed = np.append(entries, 0)[: count + count % 2].astype(np.uint8).view("<u2")
    table = read(lut(packed, bits=stated, count=count))
    np.testing.assert_array_equal(table.entries, entries)
    assert bool(table.doubts) == (stated != 8)


@settings(deadline=None)
@given(first=st.integers(-32768, 65535), signed=st.booleans(), kind=st.sampled_from(["US", "SS"]))
def test_the_first_value_is_found_whichever_sign_it_was_written_with(first, signed, kind):
    if signed != (first < 0) and not (signed and first < 32768):
        return  # no such value occurs in the input
    cell = first & 0xFFFF
    written = cell - 65536 if kind == "SS" and cell > 32767 else cell
    table = read(lut(np.arange(100), written, 7, kind=kind), signed=signed, occurring=(float(first), float(first + 50)))
    assert table.first == first
    assert not any(doubt.code == "wrong.first_value_sign" for doubt in table.doubts)


def test_a_first_value_outside_all_values_is_taken_with_the_other_sign_and_said():
    table = read(lut(np.arange(100), -8, 7, kind="SS"), occurring=(0.0, 60.0))
    assert table.first == -8
    assert any(doubt.code == "wrong.first_value_sign" for doubt in table.doubts)


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (Dataset(), "no descriptor"),
        (lut(np.arange(100), count=300), "states 300 entries and has 100"),
        (lut(np.arange(100), count=199), None),
        (lut(np.zeros(100)), "only entries of zero"),
        (lut([]), "no data"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(item, said):
    if said is None:
        assert len(read(item).entries) == 199  # bytes, two in a word
        return
    with pytest.raises(LookupTableError, match=said):
        read(item)


@pytest.mark.parametrize("kind", ["OW", "UN", "OB", "UL", "DS"])
def test_a_descriptor_of_another_representation_is_read(kind):
    item = lut(np.arange(64), 5, 6)
    value = np.array([64, 5, 6], "<u2").tobytes() if kind in {"OW", "UN", "OB"} else [64, 5, 6]
    item[0x00283002] = DataElement(0x00283002, kind, value, validation_mode=IGNORE)
    table = read(item)
    assert (len(table.entries), table.first, table.bits) == (64, 5, 6)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["US", "SS", "OW", "UN", "DS", "IS", "LO"]), st.binary(max_size=8), st.binary(max_size=20),
    st.booleans(),
)  # fmt: skip
def test_any_table_is_read_or_said_to_be_unusable(kind, descriptor, data, signed):
    item = Dataset()
    item.add(DataElement(0x00283002, "UN", descriptor, validation_mode=IGNORE))
    item.add(DataElement(0x00283006, kind if kind in {"OW", "UN"} else "OW", data, validation_mode=IGNORE))
    try:
        table = read(item, signed=signed)
    except LookupTableError:
        return
    assert 0.0 <= table.shown(np.arange(-10.0, 100.0)).max() <= 1.0


def test_a_valid_table_is_applied_as_pydicom_applies_it(make_film, ramp):
    entries = (np.sqrt(np.arange(2048) / 2047) * 4095).round()
    film = make_film(ramp, BitsStored=12, VOILUTSequence=[lut(entries, 0, 12)])
    radiograph = read_radiograph(film)
    np.testing.assert_allclose(radiograph.pixels, apply_voi_lut(ramp, film) / 4095, atol=1e-6)
    assert "voi_lut_invalid" not in codes(radiograph)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("used", [8, 10, 12, 14])
def test_a_film_is_as_bright_as_its_entries_and_so_is_the_viewer(make_film, ramp, used, photometric):
    entries = (np.arange(2048) * ((1 << used) - 1) / 2047).round()
    right, wrong = (
        make_film(ramp, PhotometricInterpretation=photometric, VOILUTSequence=[lut(entries, 0, bits)])
        for bits in (used, 16)
    )
    seen = read_radiograph(wrong)
    np.testing.assert_allclose(seen.pixels, read_radiograph(right).pixels, atol=1e-6)
    assert "voi_lut_invalid" in codes(seen)
    assert film_pixels(wrong).curve.max() > 0.9


def test_a_table_that_cannot_be_used_gives_way_to_a_window_or_to_all_values(make_film, ramp):
    broken = lut(np.arange(100), count=300)
    film = make_film(ramp, VOILUTSequence=[broken], WindowCenter=1016, WindowWidth=2033)
    radiograph = read_radiograph(film)
    assert "voi_lut_invalid" in codes(radiograph)
    np.testing.assert_array_equal(
        radiograph.pixels, read_radiograph(make_film(ramp, WindowCenter=1016, WindowWidth=2033)).pixels
    )
    del film["WindowCenter"], film["WindowWidth"]
    np.testing.assert_array_equal(read_radiograph(film).pixels, read_radiograph(make_film(ramp)).pixels)
    modality = read_radiograph(make_film(ramp, ModalityLUTSequence=[broken]))
    assert "modality_lut_invalid" in codes(modality)
    np.testing.assert_array_equal(modality.pixels, read_radiograph(make_film(ramp)).pixels)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(-2000, 2000), kind=st.sampled_from(["US", "SS"]), signed=st.booleans())
def test_a_modality_lut_of_either_sign(make_film, ramp, first, kind, signed):
    pixels = ramp.astype(np.int16) - 1000 if signed else ramp
    cell = first & 0xFFFF
    written = cell - 65536 if kind == "SS" and cell > 32767 else cell
    entries = (np.arange(3000) * 5) % 4096
    film = make_film(pixels, ModalityLUTSequence=[lut(entries, written, 16, kind=kind)])
    meant = first if signed or first >= 0 else first + 65536
    if not signed and first < 0:
        meant = first  # no unsigned film reaches 65536 - 2000 here: the other sign is taken
    reached = entries[np.clip(np.arange(int(pixels.min()), int(pixels.max()) + 1) - meant, 0, 2999)]
    expected = (entries[np.clip(pixels[0].astype(int) - meant, 0, 2999)] - reached.min()) / max(np.ptp(reached), 1)
    np.testing.assert_allclose(read_radiograph(film).pixels[0], expected, atol=1e-6)


def test_a_table_of_a_big_endian_file(make_film, as_bytes, ramp):
    entries = np.arange(2048)
    film = make_film(ramp, VOILUTSequence=[lut(entries, 0, 11, little=False)])
    film.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    film["PixelData"].VR = "OW"
    film.PixelData = ramp.astype(">u2").tobytes()
    np.testing.assert_allclose(read_radiograph(as_bytes(film)).pixels, ramp / 2047, atol=1e-6)
