"""Texts of a header in the form that PS3.5 6.2 gives each value representation."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ComputedRadiographyImageStorage

from ho_imaging.outputs.dicom.header_text import in_form
from ho_imaging.outputs.dicom.headers import without_unsound

LENGTHS = {"StudyID": 16, "StudyDescription": 64, "PatientComments": 10_240, "PatientID": 64, "AccessionNumber": 16}
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\"), max_size=90)


def put(dataset, keyword, value):
    """State a value whatever its form."""
    tag = tag_for_keyword(keyword)
    dataset[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE)
    return dataset


@given(st.dictionaries(st.sampled_from(sorted(LENGTHS)), texts))
def test_whatever_is_written_is_in_form_or_gone(values):
    """Nothing is longer than allowed or moves a cursor; identifiers are whole."""
    source = Dataset()
    for keyword, value in values.items():
        put(source, keyword, value)
    made, named = in_form(source)
    for keyword, value in values.items():
        now = str(made.get(keyword) or "")
        assert len(now) <= LENGTHS[keyword]
        assert not re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]", now)
        assert (now == value) is (keyword not in named)
        if keyword in {"StudyID", "PatientID", "AccessionNumber"}:
            assert now in {value, ""}
    assert (made is source) is (not named)
    assert in_form(made) == (made, set())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Doe^Jane", "Doe^Jane"),
        ("A^B^C^D^E^F^G", "A^B^C^D^E"),
        ("A^B=\u5c71\u7530=C=D", "A^B=\u5c71\u7530=C"),
        ("N" * 70 + "=" + "M" * 70, "N" * 64 + "=" + "M" * 64),
        ("Doe\n^Jane", "Doe ^Jane"),
    ],
)
def test_names_keep_what_a_name_may_have(name, expected):
    made, named = in_form(put(Dataset(), "PatientName", name))
    assert str(made.PatientName) == expected
    assert bool(named) is (name != expected)


def item(**values):
    made = Dataset()
    for keyword, value in values.items():
        put(made, keyword, value)
    return made


@pytest.mark.parametrize(
    ("keyword", "items", "expected"),
    [
        ("IssuerOfAccessionNumberSequence", [item()], None),
        ("IssuerOfAccessionNumberSequence", [item(LocalNamespaceEntityID="X")], [{"LocalNamespaceEntityID": "X"}]),
        ("OtherPatientIDsSequence", [item(TypeOfPatientID="TEXT")], None),
        (
            "OtherPatientIDsSequence",
            [item(PatientID="1"), item()],
            [{"PatientID": "1", "TypeOfPatientID": "TEXT"}],
        ),
        (
            "RequestAttributesSequence",
            [item(RequestedProcedureID="R" * 20, RequestedProcedureDescription="x" * 70)],
            [{"RequestedProcedureID": "", "RequestedProcedureDescription": "x" * 64}],
        ),
    ],
)
def test_items_that_say_nothing_are_left_out(keyword, items, expected):
    source = Dataset()
    setattr(source, keyword, Sequence(items))
    made, _ = in_form(source)
    found = [{e.keyword: e.value for e in one} for one in made[keyword].value] if keyword in made else None
    assert found == expected
    assert len(source[keyword].value) == len(items)


@pytest.mark.parametrize(
    ("keyword", "wrong", "good"),
    [
        ("PatientAge", "45", "045Y"),
        ("PatientOrientation", ["LEFT", "FOOT"], ["L", "F"]),
        ("PatientOrientation", "L", ["LF", "F"]),
        ("Laterality", "RIGHT", "R"),
    ],
)
def test_terms_and_ages_of_another_form_are_left_out(keyword, wrong, good):
    for value, named in ((wrong, True), (good, False)):
        made, left_out = without_unsound(put(Dataset(), keyword, value))
        assert (keyword in left_out) is named
        assert (keyword in made) is not named


def test_a_missing_class_is_that_of_the_files_meta_information():
    source = Dataset()
    source.file_meta = FileMetaDataset()
    source.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    assert without_unsound(source)[0].SOPClassUID == ComputedRadiographyImageStorage
    assert "SOPClassUID" not in source
