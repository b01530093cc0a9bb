"""What a header states is used, or said not to be understood: nothing in between."""

import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from ho_imaging.errors import HOImagingError
from ho_imaging.reading import read_radiograph
from ho_imaging.reading.attributes import ATTRIBUTES, header_flags
from ho_imaging.reading.dates import date_acquired
from ho_imaging.reading.values import one_number, read_date, read_number, values_of

TABLE = {attribute.keyword: attribute for attribute in ATTRIBUTES}
PAGE = Path(__file__).parents[2] / "docs" / "reading.md"


def codes(radiograph):
    return {flag.code for flag in radiograph.quality}


def put(film, keyword, text, kind=None):
    """State a text as it would come from a file, whatever may stand there."""
    tag = Tag(keyword)
    value = text if isinstance(text, bytes) else text.encode()
    kind = kind or pydicom.datadict.dictionary_VR(tag)
    film[tag] = RawDataElement(tag, kind, len(value), value, 0, False, True, True)
    return film


def test_the_documented_table_is_the_one_in_use():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \| `(\w+)` \|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert [tuple(row) for row in rows] == [
        (a.keyword, a.read_as, a.absent, str(a.otherwise), a.code) for a in ATTRIBUTES
    ]
    assert all(pydicom.datadict.tag_for_keyword(keyword) for keyword in TABLE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-1", -1.0), (" 1.50 ", 1.5), ("1e3", 1000.0), ("+.5", 0.5), ("12.\0", 12.0), ("1_0", None), ("nan", None),
        ("inf", None), ("1,5", None), ("0x10", None), ("", None), ("１２", None), ("1.5 mm", None), ("1e999", None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_the_standard_writes_them(text, value):
    assert read_number(text) == value


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_that_is_written_is_read_back(value):
    assert read_number(repr(value)) == value
    with_comma = repr(value).replace(".", ",")
    assert one_number([with_comma]).value == (value if "," in with_comma or "e" in repr(value) else None)


@pytest.mark.parametrize(
    ("keyword", "good", "wrong", "still_read"),
    [
        ("RescaleSlope", "-1.00", "-1,00", True),
        ("RescaleSlope", "-1", "-1\\-1", True),
        ("RescaleSlope", "-1", "-1\\1", False),
        ("RescaleSlope", "-1", "minus", False),
        ("RescaleSlope", "-1", "0", False),
        ("RescaleIntercept", "-1000.0", "-1000,0", True),
        ("RescaleIntercept", "-1000", "-1000HU", False),
        ("WindowCenter", "1000.5", "1000,5", True),
        ("WindowWidth", "500.0", "500,0", True),
        ("WindowWidth", "500", "wide", False),
        ("WindowWidth", "500", "500\\600", True),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, for making such a film
def test_a_number_of_wrong_form_is_repaired_or_left_out_and_said(make_film, keyword, good, wrong, still_read):
    stated = {"RescaleSlope": "1", "RescaleIntercept": "0", "WindowCenter": "1000", "WindowWidth": "2000"}
    right, bare = make_film(**stated), make_film(**stated)
    put(right, keyword, good)
    del bare[keyword]
    seen = read_radiograph(put(make_film(**stated), keyword, wrong))
    assert TABLE[keyword].code in codes(seen)
    assert keyword in next(str(flag.message) for flag in seen.quality if flag.code == TABLE[keyword].code)
    expected = read_radiograph(right if still_read else bare, whole_range=not still_read and "Window" in keyword)
    np.testing.assert_allclose(seen.pixels, expected.pixels, atol=1e-6)


CHECKED = [attribute for attribute in ATTRIBUTES if attribute.check is not None]


@pytest.mark.parametrize("attribute", CHECKED, ids=lambda attribute: attribute.keyword)
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's own, for making such a film
def test_every_attribute_that_is_not_understood_has_its_flag(make_film, attribute):
    """A word that means nothing in any of them; the film is read all the same, or an error names what is wrong."""
    film = put(make_film(), attribute.keyword, _nonsense(attribute.keyword))
    assert attribute.code in {flag.code for flag in header_flags(film)}
    try:
        radiograph = read_radiograph(film)
    except HOImagingError:
        return
    assert attribute.code in codes(radiograph)
    assert "Xyzzy" not in str(radiograph.quality)


def _nonsense(keyword):
    kind = pydicom.datadict.dictionary_VR(Tag(keyword))
    if kind in {"US", "SS", "US or SS"}:
        return b"\x01\0\x02\0" if "Padding" in keyword else b"\x7f\x7f"  # two values, or one out of range
    return "Xyzzy"


@pytest.mark.parametrize("attribute", CHECKED, ids=lambda attribute: attribute.keyword)
@pytest.mark.parametrize("empty", [None, b""])
def test_an_attribute_that_is_absent_or_empty_is_not_blamed(make_film, attribute, empty):
    film = make_film()
    film.pop(Tag(attribute.keyword), None)
    if empty is not None:
        put(film, attribute.keyword, empty)
    assert attribute.code not in {flag.code for flag in header_flags(film) if attribute.keyword in str(flag.message)}


SOUND = {
    "NumberOfFrames": "1", "RescaleSlope": "2", "RescaleIntercept": "-5", "WindowCenter": "1\\2", "WindowWidth": "3\\4",
    "VOILUTFunction": "SIGMOID", "PresentationLUTShape": "IDENTITY", "PresentationIntentType": "FOR PRESENTATION",
    "PixelIntensityRelationship": "LOG", "PixelSpacingCalibrationType": "GEOMETRY", "PixelAspectRatio": "1\\1",
    "EstimatedRadiographicMagnificationFactor": "1.1", "DistanceSourceToDetector": "1150", "BodyPartExamined": "PELVIS",
    "DistanceSourceToPatient": "1000", "ViewPosition": "AP", "ImageLaterality": "B", "FrameLaterality": "U",
    "Laterality": "L", "PatientOrientation": "L\\F", "AcquisitionDate": "20240102", "ContentDate": "2024.01.02",
    "AcquisitionDateTime": "20240102101112.5+0100", "SeriesDate": "20240102", "StudyDate": "20240229",
    "PatientBirthDate": "19000101", "LossyImageCompression": "00", "BurnedInAnnotation": "NO",
}  # fmt: skip


@pytest.mark.parametrize("keyword", SOUND)
def test_what_is_of_the_standards_form_is_understood(make_film, keyword):
    other = {"WindowCenter": "WindowWidth", "WindowWidth": "WindowCenter"}.get(keyword)
    film = put(make_film(), keyword, SOUND[keyword])
    if other:
        put(film, other, SOUND[other])
    assert TABLE[keyword].code not in {flag.code for flag in header_flags(film)}


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    keyword=st.sampled_from([a.keyword for a in ATTRIBUTES]),
    kind=st.sampled_from(["US", "SS", "DS", "IS", "CS", "LO", "OW", "UN", "FD", "DA"]),
    value=st.one_of(
        st.binary(max_size=12),
        st.from_regex(rb"[-+0-9.,eE\\ ]{1,12}", fullmatch=True),
        st.sampled_from([b"MONOCHROME", b"AP", b"\xff\xff", b"1,5", b"20260230", b"\\", b"1\\1", b"R\\L"]),
    ),
)
def test_a_value_changes_the_film_only_if_it_is_understood_or_said(make_film, keyword, kind, value):
    """Read a film with any value, and without the attribute: where they differ the value was used, or it has a flag."""
    film = put(make_film(), keyword, value, kind)
    bare = make_film()
    bare.pop(Tag(keyword), None)
    try:
        seen, absent = read_radiograph(film), read_radiograph(bare)
    except HOImagingError:
        return
    same = np.array_equal(seen.pixels, absent.pixels) and (seen.spacing, seen.view, seen.laterality) == (
        absent.spacing, absent.view, absent.laterality,
    )  # fmt: skip
    flagged = TABLE[keyword].code in codes(seen) or "header_damaged" in codes(seen)
    understood = not flagged
    if understood and TABLE[keyword].check is not None and keyword not in {"WindowCenter", "WindowWidth"}:
        values = values_of(film, keyword)
        assert not values or same or TABLE[keyword].check(values) is None
    assert np.isfinite(seen.pixels).all()


@pytest.mark.parametrize(
    "text",
    ["20260230", "2026-02-30", "2026-01-02", "00000000", "20261301", "202601", "20260102 ab", "18940101",
     "20260102+0100", "20260101-20260201", "２０２６０１０２", "260102", "today", "0"],
)  # fmt: skip
def test_text_that_is_no_date_is_said_and_the_next_date_taken(make_film, text):
    assert read_date(text) is None
    film = make_film(StudyDate="20240102")
    film[Tag("AcquisitionDate")] = DataElement(Tag("AcquisitionDate"), "DA", text, validation_mode=IGNORE)
    radiograph = read_radiograph(film)
    assert "date_invalid" in codes(radiograph)
    assert radiograph.acquired == date(2024, 1, 2)
    film.pop("StudyDate")
    assert read_radiograph(film).acquired is None


@given(st.dates(date(1895, 1, 1), date(9999, 12, 31)))
def test_every_day_since_there_are_radiographs_is_a_date(day):
    assert read_date(f"{day:%Y%m%d}".rjust(8, "0")) == day
    assert read_date(f"{day:%Y.%m.%d}") == day
    assert read_date(f"{day:%Y%m%d}235959.999999-1200", with_time=True) == day


def stated(**dates):
    dataset = Dataset()
    for keyword, value in dates.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("dates", "day", "code"),
    [
        ({"AcquisitionDate": "20240102", "StudyDate": "20240102"}, date(2024, 1, 2), None),
        ({"AcquisitionDateTime": "20240102235959+0200"}, date(2024, 1, 2), None),
        ({"AcquisitionDate": "20300101", "StudyDate": "20240102"}, date(2024, 1, 2), "date_implausible"),
        ({"AcquisitionDate": "20300101"}, None, "date_implausible"),
        ({"StudyDate": "19500101", "PatientBirthDate": "19600101"}, None, "date_implausible"),
        ({"AcquisitionDate": "19710203", "StudyDate": "20240102"}, date(1971, 2, 3), "dates_disagree"),
        ({"StudyDate": "20250601"}, date(2025, 6, 1), None),
        ({"StudyDate": "20250602"}, date(2025, 6, 2), None),
        ({"StudyDate": "20250603"}, None, "date_implausible"),
    ],
)
def test_a_date_is_believed_from_birth_to_tomorrow(dates, day, code):
    found, flags = date_acquired(stated(**dates), today=date(2025, 6, 1))
    assert found == day
    assert {flag.code for flag in flags} == ({code} if code else set())


def test_an_element_that_cannot_be_read_at_all_has_the_flag_of_its_attribute(make_film):
    film = put(make_film(), "BitsStored", b"\x0c", "US")  # half a number
    radiograph = read_radiograph(film)
    assert {"header_damaged", "pixel_description_invalid"} & codes(radiograph)


def test_dates_to_come_are_judged_by_the_clock(make_film):
    later = date.today() + timedelta(days=30)
    assert "date_implausible" in codes(read_radiograph(make_film(StudyDate=f"{later:%Y%m%d}")))


@pytest.mark.parametrize("keyword", ["AcquisitionDate", "StudyDate"])
@pytest.mark.parametrize("day", ["18991230", "18991231", "19000101", "19700101", "19800101"])
def test_a_day_from_which_clocks_count_is_no_date_of_a_film(keyword, day):
    film = Dataset()
    film.SeriesDate = "20240102"
    setattr(film, keyword, day)
    taken, flags = date_acquired(film)
    assert (taken, [flag.message.code for flag in flags]) == (date(2024, 1, 2), ["date_never_set"])


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("20240102", True), ("20240102235960.123456+0100", True), ("2024010224", False), ("202401022360", False),
        ("20240102235961", False), ("20240102030405", True),
    ],
)  # fmt: skip
def test_a_date_and_time_has_the_hours_of_a_day(text, good):
    assert (read_date(text, with_time=True) == date(2024, 1, 2)) is good
