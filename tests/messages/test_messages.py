"""Messages keep what they are given, and each language writes them."""

import pickle
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from ho_imaging.errors import DecodeError, OutOfScopeError, ReadError, UsageError
from ho_imaging.messages import CATALOGUE, Message, load_language, text
from ho_imaging.messages.entry import Entry
from ho_imaging.messages.template import filled, placeholders
from ho_imaging.results.messages import MessageResult, message_result, read_message
from ho_imaging.vocabulary import Region

GAP = Message("gap_narrow_magnified", measured_mm=8.24, gap_mm=7.35)
SHARES = [Message("share.of_grade", grade=grade, share=share) for grade, share in (("II", 0.2), ("III", 0.58))]
BETWEEN = Message("between_grades", grades=["II", "III"], shares=SHARES)


def test_text_is_made_in_each_language():
    assert str(GAP) == (
        "Spurs leave 8.2 mm between opposing bone surfaces as measured, about 7.3 mm without magnification, less than "
        "1 cm."
    )
    assert text(GAP, "de").startswith(
        "Knochensporne lassen zwischen gegenüberliegenden Knochenflächen gemessene 8,2 mm"
    )
    assert text(Message("file_empty"), "de") == "ist leer (die Datei erneut senden)"


def test_messages_that_belong_to_one_follow_it():
    both = GAP.with_also(BETWEEN)
    assert str(both) == f"{GAP} Between II and III, by what is known of outline and scale (II 20%, III 58%)."
    assert text(both, "de").endswith("(II 20\u00a0%, III 58\u00a0%).")
    assert both.code == GAP.code
    doubt = Message("greys_in_doubt", doubts=[Message("photometric_missing")], advice=[Message("advice.photometric")])
    refused = Message("shown_upside_down", regions=[Region.HIP]).with_also(doubt)
    assert str(refused) == (
        "looks like a film of hip only turned by a half; No Photometric Interpretation: low values are taken as black "
        "(save it upright or have its Photometric Interpretation and Presentation LUT Shape corrected)"
    )


def test_words_and_lists_are_those_of_the_language():
    said = Message("not_like_region", regions=[Region.HIP, Region.RESIDUAL_LIMB], probability=0.123, needed=0.5,
                   advice=Message("advice.check_region"))  # fmt: skip
    assert str(said).startswith("does not look like a film of hip or residual limb (probability 0.12, 0.50 is asked")
    assert text(said, "de").startswith("sieht nicht nach einer Aufnahme von Hüfte oder Amputationsstumpf aus (Wahrsch")
    for attributes, english, german in (
        (["PatientID"], "Patient ID differs between a and b", "Patienten-ID unterscheidet sich zwischen"),
        (["PatientID", "PatientSex"], "Patient ID and Patient's Sex differ between", "Geschlecht unterscheiden sich"),
    ):
        conflict = Message("two_patients", attributes=attributes, first="a", second="b")
        assert english in str(conflict)
        assert german in text(conflict, "de")


def test_numbers_and_dates_are_those_of_the_language():
    english, german = load_language("en"), load_language("de")
    assert (english.number(1234.56, 1), german.number(1234.56, 1)) == ("1234.6", "1234,6")
    assert (english.share(0.745), german.share(0.745)) == ("74%", "74\u00a0%")
    assert (english.number(-0.04, 1), german.number(3.2, 1, signed=True)) == ("0.0", "+3,2")
    assert (english.date(date(1960, 3, 4)), german.date(date(1960, 3, 4))) == ("4 March 1960", "4. März 1960")
    # Rounded as Python does it elsewhere, halves included.
    assert [english.number(value, 1) for value in (29.05, 28.85, 0.25)] == [f"{v:.1f}" for v in (29.05, 28.85, 0.25)]
    growth = Message("growth", change_mm2=-0.4, low_mm2=-10.2, high_mm2=12.6, margin_mm2=20.0)
    assert "All of it: 0 sq mm, between -10 and +13 in" in str(growth)
    assert "Alles zusammen: 0 mm², zwischen \u221210 und +13 in" in text(growth, "de")
    pitch = Message("wrong.pitch", least_mm=0.02, most_mm=2.0)
    assert (str(pitch), text(pitch, "de")) == ("is outside 0.02 to 2 mm", "liegt außerhalb von 0,02 bis 2 mm")


def test_a_message_cannot_be_changed_and_can_be_sent():
    assert pickle.loads(pickle.dumps(BETWEEN)) == BETWEEN
    assert len({GAP, Message("gap_narrow_magnified", gap_mm=7.35, measured_mm=8.24), BETWEEN}) == 2
    with pytest.raises(AttributeError):
        GAP.code = "other"
    with pytest.raises(TypeError):
        GAP.parameters["gap_mm"] = 3.0
    assert Message("x", n=np.int64(3), share=np.float32(0.25)).parameters == {"n": 3, "share": 0.25}
    with pytest.raises(TypeError, match="cannot be object"):
        Message("x", what=object())


VALUES = ("left", "", 3, -7, True, 0.25, ["a", "b"], [], GAP, [GAP, BETWEEN])


@pytest.mark.parametrize("code", [*sorted(CATALOGUE), "of_another_version"])
def test_every_message_comes_back_from_a_result_and_can_be_written(code):
    """Whatever its parameters are, for they may be those of another version."""
    names = sorted(CATALOGUE[code].parameters if code in CATALOGUE else {"first"})
    for given in VALUES:
        check(Message(code, **dict.fromkeys(names, given)).with_also(BETWEEN))


def check(message):
    kept = message_result(message).model_dump_json()
    assert read_message(kept) == message
    assert str(message)
    assert text(message, "de")


def test_a_code_of_another_version_is_written_as_it_stands():
    newer = MessageResult.model_validate_json(
        '{"code": "bone_age_low", "parameters": {"age_years": 11.5, "regions": ["hip", "pelvis"]}}'
    )
    assert str(newer) == "bone age low (age_years 11.5, regions hip, pelvis)"
    assert newer.text("de") == str(newer)
    # As is a code that is known with parameters that are not.
    assert str(Message("gap_wide", length_mm=3.0)) == "gap wide (length_mm 3.0)"
    assert not load_language("de").knows(newer.message)
    assert load_language("de").knows(BETWEEN)
    assert not load_language("de").knows(Message("cannot_tell", why=newer.message))


def test_what_is_no_message_is_no_result():
    with pytest.raises(ValidationError):
        MessageResult.model_validate({"code": "file_empty", "parameters": {"x": {"y": 1}}})
    assert read_message(None) is None
    assert str(read_message("given up after 2 tries")) == "given up after 2 tries"


def test_an_error_has_the_text_of_its_message():
    error = ReadError(Message("file_empty"), path="a.dcm")
    assert (str(error), error.code) == ("a.dcm: is empty (send the file again)", "file_empty")
    assert (error.problem, error.remedy, error.reason) == (
        "is empty", "send the file again", "is empty (send the file again)",
    )  # fmt: skip
    again = pickle.loads(pickle.dumps(DecodeError(GAP, path="b.dcm")))
    assert (type(again), again.message, again.path) == (DecodeError, GAP, "b.dcm")
    plain = UsageError("is a folder", path="c", remedy="use discover")
    assert (str(plain), plain.code) == ("c: is a folder (use discover)", "unclassified")
    assert str(pickle.loads(pickle.dumps(plain))) == str(plain)
    advised = OutOfScopeError(Message("bone_missing", bone="femur", advice=Message("advice.check_region")))
    assert advised.remedy == "check the region that was stated, or leave the film out"


def test_a_template_says_what_it_cannot_write():
    writer = load_language("en")
    for template, wrong in (("{a:.1f}", {"a": "x"}), ("{a}", {}), ("{a:word}", {"a": 1.0})):
        with pytest.raises((KeyError, TypeError, ValueError)):
            filled(template, wrong, writer)
    assert placeholders("{a} {b:?one|more} {{c}}") == {"a", "b"}
    assert Entry("{a}", "{b:or}").parameters == {"a", "b"}


def test_an_unknown_language_is_no_language():
    with pytest.raises(LookupError):
        text(GAP, "../de")
