"""No result holds free English: what is said in it is a message, and all of it can be said in German."""

import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydantic import BaseModel
from pydicom.uid import CTImageStorage

from ho_imaging import Analyzer
from ho_imaging.messages import Message, load_language
from ho_imaging.outputs.rows import input_rows, study_row
from ho_imaging.progression.studies import compare_studies
from ho_imaging.reading.completeness import Completeness, StudyFilms
from ho_imaging.results.messages import MessageResult
from ho_imaging.results.schema import RESEARCH_USE, StudyResult

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data" / "03_spurs_wide_gap.dcm"
NAMES = {"path", "citation", "title", "region_source", "view_source", "laterality_source", "spacing_source", "source"}
"""Fields with names of files, publications, systems and attributes."""

WORDS = re.compile(r"\b(the|of|and|is|are|with|without|by|from|this|that|not|than|between|was|were|be|no)\b", re.I)


def strings(part, field=""):
    """Each text of a result with the name of its field; of a message its parameters."""
    if isinstance(part, MessageResult):
        part = part.parameters | {"also": part.also}
    elif isinstance(part, BaseModel):
        part = {name: getattr(part, name) for name in type(part).model_fields}
    if isinstance(part, dict):
        for name, value in part.items():
            yield from strings(value, str(name))
    elif isinstance(part, list | tuple):
        for value in part:
            yield from strings(value, field)
    elif isinstance(part, str):
        yield field, part


def messages(part):
    """Each message of a result; those in messages are theirs."""
    if isinstance(part, MessageResult):
        yield part
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from messages(getattr(part, name))
    elif isinstance(part, dict | list | tuple):
        for value in part.values() if isinstance(part, dict) else part:
            yield from messages(value)


def check(result):
    for field, said in strings(result):
        if field not in NAMES and said != RESEARCH_USE and "/" not in said:
            assert not WORDS.search(said), (field, said)
    german = load_language("de")
    found = list(messages(result))
    for message in found:
        assert german.knows(message.message), message
        assert WORDS.search(str(message)) or len(str(message)) < 60
        assert not re.search(r"\b(the|is|are|with|than)\b", message.text("de")), message.text("de")
    assert StudyResult.from_json(result.to_json()) == result if isinstance(result, StudyResult) else found
    return {message.code for message in found}


@pytest.fixture
def sample():
    def make(**changed):
        dataset = pydicom.dcmread(SAMPLE)
        dataset.decompress(generate_instance_uid=False)
        del dataset.AnatomicRegionSequence
        for keyword, value in changed.items():
            setattr(dataset, keyword, value)
        return dataset

    return make


CHANGES = {
    "region_not_read": {"BodyPartExamined": "CHEST"},
    "not_a_projection": {"SOPClassUID": CTImageStorage, "Modality": "CT"},
    "pixel_data_short": {"PixelData": b"\0" * 1000},
    "several_frames": {"NumberOfFrames": 3},
    "pixel_format_unusual": {"BitsAllocated": 32},
    "own_result": {"Manufacturer": "ho_imaging", "ManufacturerModelName": "ho_imaging (research use only)"},
    "image_too_small": {"Rows": 8},
}


@pytest.mark.parametrize("code", sorted(CHANGES))
def test_a_film_that_is_refused_or_fails_says_why_by_a_code(sample, code):
    result = Analyzer().analyze(sample(**CHANGES[code]))
    assert result.status != "done"
    assert result.reason.code == result.images[0].reason.code == code
    assert code in check(result)
    assert study_row(result, "folder")["reason_code"] == input_rows(result)[0]["reason_code"] == code
    assert study_row(result, "folder")["reason"] == str(result.reason)


def test_files_that_are_no_films_say_so_by_codes(tmp_path, sample):
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing")
    (tmp_path / "cut.dcm").write_bytes(SAMPLE.read_bytes()[:3000])
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)).save(tmp_path / "rgb.png")
    sample(BodyPartExamined="HAND").save_as(tmp_path / "hand.dcm")
    (tmp_path / "notes.txt").write_text("words")
    results = Analyzer().analyze_all([*sorted(tmp_path.iterdir()), tmp_path])
    codes = set().union(*(check(result) for result in results))
    assert codes >= {"file_empty", "raster_damaged", "colour_picture", "region_not_read", "file_of_other_kind"}


DOUBTS = {
    "VOILUTFunction": "WIDE", "PixelIntensityRelationship": "LIN2", "ViewPosition": "SIDEWAYS", "StudyDate": "19000101",
    "ImageLaterality": "X", "PatientOrientation": ["R", "F"], "AcquisitionDate": "20990101",
    "BurnedInAnnotation": "YES", "LossyImageCompression": "01", "LossyImageCompressionRatio": "20",
    "ConversionType": "DF",
    "PixelSpacing": [0.0, 0.0], "PresentationLUTShape": "INVERSE",
}  # fmt: skip


def test_what_a_header_leaves_in_doubt_is_said_by_codes(fake_network, sample):
    film = sample(**DOUBTS)
    result = Analyzer(region="pelvis").analyze(film)
    codes = check(result)
    assert len({flag.code for flag in result.images[0].quality_flags}) > 7
    assert {"attribute_not_understood", "date_in_future", "lossy_compression_known"} <= codes


def test_a_refusal_of_a_film_in_doubt_keeps_its_own_code(fake_network, sample):
    fake_network.scope = 0.1
    result = Analyzer(region="unknown").analyze(sample(PresentationLUTShape="INVERSE"))
    assert result.status == "refused"
    check(result)
    assert result.reason.code == "not_like_region"
    assert [also.code for also in result.reason.also] == ["greys_in_doubt"]
    assert "Presentation LUT Shape corrected" in str(result.reason)


def test_graded_studies_say_what_grades_rest_on_by_codes(fake_network, sample):
    done = Analyzer().analyze_films([sample(), sample(SOPInstanceUID="1.2.3.9", ViewPosition="LATERAL")])
    assert done.result.status == "done"
    assert "one_of_films" in {also.code for side in done.result.severity.sides for also in side.evidence.statement.also}
    check(done.result)
    later = Analyzer().analyze_films([sample(SOPInstanceUID="1.2.3.8", StudyInstanceUID="1.2.3")])
    compared = compare_studies([done, later], days=[40])
    assert "of_study" in check(compared.result) or compared.result.warnings == ()
    refused = Analyzer().analyze_films([sample(BodyPartExamined="CHEST", StudyInstanceUID="1.2.4")])
    assert refused.result.status == "refused"
    assert "cannot_tell" in check(compare_studies([done, refused], days=[40]).result)


def test_studies_that_must_not_be_graded_say_so_by_codes(sample):
    other = sample(PatientID="B", SOPInstanceUID="1.2.3.9")
    two = Analyzer().analyze_films([sample(PatientID="A"), other]).result
    assert check(two) == {"two_patients"}
    assert "Patienten-ID unterscheidet sich zwischen Bild 1 (" in two.reason.text("de")
    assert check(Analyzer().analyze_films([sample()], study_uid="1.2.9").result) == {"other_study"}
    missing = Message("images_missing", missing=1, expected=2, series="1.2.3.4")
    films = StudyFilms([sample()], Completeness(1, 2, (missing,)))
    incomplete = Analyzer().analyze_films(films).result
    assert check(incomplete) == {"study_incomplete", "images_missing"}
    assert incomplete.completeness.reasons[0].text("de") == "1 von 2 Bildern der Serie 1.2.3.4 kamen nicht an"
