"""Clinical facts: words in, the disease's name out; bad tables say which line."""

import pytest
from pydicom.dataset import Dataset

from ho_imaging.batch.context_table import read_context_table
from ho_imaging.errors import UsageError
from ho_imaging.reading.clinical import stated_cause
from ho_imaging.severity.context import Cause, Prophylaxis, StudyContext, context_from_words


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        ("trauma", "traumatica"),
        ("arthroplasty", "traumatica"),
        ("burn", "traumatica"),
        ("amputation", "traumatica"),
        ("spinal_cord_injury", "neurogenic"),
        ("brain_injury", "neurogenic"),
        ("none_known", "atraumatica"),
    ],
)
def test_the_disease_is_named_by_its_cause(cause, word):
    assert word in context_from_words(cause).wording.split(", ")[1]


def test_nothing_said_is_no_context_and_no_name():
    assert context_from_words() is None
    assert StudyContext(days_since_event=3).wording is None


@pytest.mark.parametrize("words", [("fall",), ("trauma", "soon"), ("trauma", "-3"), ("trauma", "10", "aspirin?")])
def test_unknown_words_are_refused_with_those_known(words):
    with pytest.raises(UsageError):
        context_from_words(*words)


@pytest.mark.parametrize("days", ["1_0", "+5", "１２", "3.5", "3,5", "1e2", "2026-02-30", "40001", "9" * 30, "-0"])
def test_days_are_a_whole_number_as_people_write_it(days):
    with pytest.raises(UsageError, match="days"):
        context_from_words("trauma", days)


@pytest.mark.parametrize("days", [3.5, True, float("nan"), "3", -1])
def test_a_context_takes_whole_days_only(days):
    with pytest.raises(UsageError, match="days"):
        StudyContext(days_since_event=days)


def test_a_table_gives_a_context_a_study(tmp_path):
    table = tmp_path / "facts.csv"
    table.write_text("study_uid,cause,days_since_event,prophylaxis\n1.2,burn,40,nsaid\n1.3,,,\n1.4,none_known,,\n")
    contexts = read_context_table(table)
    assert contexts == {
        "1.2": StudyContext(Cause.BURN, 40, Prophylaxis.NSAID, "csv"),
        "1.4": StudyContext(Cause.NONE_KNOWN, source="csv"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("uid,cause\n1,burn\n", "columns"),
        ("study_uid,cause\n1,burn\n2,fall\n", "line 3"),
        ("study_uid,cause\n1,burn\n1,trauma\n", "line 3"),
        # A thousand and two hundred days are not one, and a cell is not left out.
        ("study_uid,cause,days_since_event\n1,burn,20\n2,burn,1,200\n", "line 3: has more cells"),
        ("study_uid,cause,cause\n1,burn,trauma\n", "columns"),
        # The rows below a quote that is not closed are no part of its cell.
        ('study_uid,days_since_event,cause\n1,20,burn\n2,30,"burn\n3,40,trauma\n', "after line 2"),
        ('study_uid,cause,prophylaxis\n1,"burn\n2,trauma,none\n3",burn,\n', "line 2: .*rows"),
    ],
)
def test_a_bad_table_says_where(tmp_path, text, says):
    table = tmp_path / "facts.csv"
    table.write_text(text)
    with pytest.raises(UsageError, match=says):
        read_context_table(table)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("St. p. TEP Hüfte links, HTEP 2021", "arthroplasty"),
        ("s/p THA right, femoral neck fracture", "arthroplasty"),
        ("paraplegia T6, pain", "spinal_cord_injury"),
        ("Querschnittlähmung", "spinal_cord_injury"),
        ("above knee amputation", "amputation"),
        ("fracture of the acetabulum", "trauma"),
        ("no trauma, pain", None),
        ("kein Trauma", None),
        ("Ausschluss Fraktur", None),
        ("fracture?", None),
        ("? fracture", None),
        ("?fracture NOF", None),
        ("fracture NOF ?", None),
        ("non-traumatic hip pain", None),
        ("nil trauma", None),
        ("possible fracture", None),
        ("fracture excluded", None),
        ("Fraktur ausgeschlossen", None),
        ("Frage: Fraktur", None),
        ("V.a. Fraktur", None),
        ("family history brain injury", None),
        ("pain? fracture 2019", "trauma"),
        ("non-traumatic pain, paraplegia", "spinal_cord_injury"),
        ("hip pain", None),
        ("", None),
    ],
)
def test_causes_are_read_from_free_text_unless_denied_or_asked(text, cause):
    dataset = Dataset()
    dataset.ReasonForTheRequestedProcedure = text
    found = stated_cause(dataset)
    assert (found and found.value) == cause
    assert found is None or found.source == "ReasonForTheRequestedProcedure"
