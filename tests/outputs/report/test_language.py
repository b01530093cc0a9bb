"""Catalogues are whole, German is German, and every sentence of a result can be said in it."""

import ast
import re
from datetime import date
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from pydicom.uid import JPEGLosslessSV1

import ho_imaging
from ho_imaging.errors import UsageError
from ho_imaging.findings import find_nodules, find_possible_nodules, read_anatomy
from ho_imaging.outputs.report.language import languages, load_language
from ho_imaging.reading.attributes import ATTRIBUTES
from ho_imaging.results.schema import RESEARCH_USE
from ho_imaging.severity import FilmReading, grade_study
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Status, Structure, View

PACKAGE = Path(ho_imaging.__file__).parent
ENGLISH = re.compile(
    r"\b(the|of|and|is|are|with|without|by|from|this|that|not|than|between|seen|film|side|bone)\b", re.I
)
PLACEHOLDER = re.compile(r"%\(\w+\)s")
METHODS = [("**.py", "python"), ("templates/**.j2", "jinja2")]


def catalogue(code):
    path = resources.files("ho_imaging.outputs.report") / "languages" / f"{code}.po"
    with path.open("rb") as stream:
        return {message.id: message for message in read_po(stream) if message.id}


@pytest.fixture(scope="module")
def spoken():
    """Every text that the code and the template say."""
    found = extract_from_dir(
        PACKAGE / "outputs" / "report", METHODS, {"**.j2": {"newstyle_gettext": "true"}},
        keywords={"_": None, "say": None, "ngettext": (1, 2), "gettext": None},
    )  # fmt: skip
    return {message for _, _, message, _, _ in found}


def test_english_and_german_are_there():
    assert {"en", "de"} <= set(languages())


@pytest.mark.parametrize("code", [code for code in languages() if code != "en"])
def test_every_catalogue_has_every_text_and_no_other(code, spoken):
    known = catalogue(code)
    assert len(spoken) > 250
    assert set(known) == spoken
    for message in known.values():
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(said), message.id
        assert not message.fuzzy
        asked = message.id if isinstance(message.id, tuple) else (message.id,)
        for text in said:
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(asked[-1])), message.id


def test_german_is_german():
    same = set()
    for message in catalogue("de").values():
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in said:
            plain = PLACEHOLDER.sub(
                "", re.sub(r"frame=0|region=|Secondary Capture|Photometric Interpretation", "", text)
            )
            assert not ENGLISH.search(plain), text
        if message.string == message.id and re.search(r"\w", PLACEHOLDER.sub("", message.id)):
            same.add(message.id)
    # What is Latin or a name in both.
    assert same <= {"Thorax", "Hand", "Femur", "Amputation", "Fabella", "Clips", "axial", "R", "L"}


def test_the_notice_is_the_one_every_result_carries(spoken):
    assert RESEARCH_USE in spoken


@pytest.mark.parametrize("words", [Side, Status, Region, View, Laterality, SpacingBasis, Structure])
def test_every_word_of_the_vocabulary_has_a_german_one(words):
    german = load_language("de")
    for word in words:
        said = german.word(word.value)
        assert said != word.value or said in {"hand", "femur", "axial"}, word
        assert "_" not in said


def strings_of(calls, folder, argument):
    """Literal and formatted texts that are given to some calls, from the source code itself; formatted values as 7."""
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", None)
            if isinstance(node, ast.Call) and name in calls and len(node.args) > argument:
                given = node.args[argument]
                if isinstance(given, ast.Constant):
                    yield given.value
                elif isinstance(given, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "7" for part in given.values)


def english_parts(text):
    return [passage.text for passage in load_language("de").statement(text) if passage.language == "en"]


def test_every_quality_flag_can_be_said_in_german():
    texts = set(strings_of({"QualityFlag"}, "reading", 1))
    assert len(texts) > 25
    # Some have clauses that only the code knows: see below.
    assert {text for text in texts if english_parts(text)} == {
        "7 7.",
        "7 77.",
        "7 7: it was not believed.",
        "7 cannot be read: 7.",
        "7 is 7: it was not used.",
        "ModalityLUTSequence 7: stored values are taken as they are.",
        "VOILUTSequence 7: it was not used.",
    }


def clauses_of(module):
    """Literal and formatted texts of a module that say what is wrong with an attribute."""
    for node in ast.walk(ast.parse((PACKAGE / "reading" / module).read_text(encoding="utf-8"))):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
        # One that ends with a space is the first part of a formatted one.
        if isinstance(text, str) and re.fullmatch(r"(is|has|makes|names|states|does not state) \w[^.]*[^. ]", text):
            yield text


def test_every_flag_of_an_attribute_can_be_said_in_german():
    wrong = {text for module in ("attributes.py", "values.py") for text in clauses_of(module)}
    tables = set(clauses_of("luts.py")) | set(strings_of({"LookupTableError"}, "reading", 0))
    assert len(wrong) >= 12
    assert len(tables) >= 9
    said = {f"{keyword} {text}." for text in tables for keyword in ("VOILUTSequence", "ModalityLUTSequence")}
    said |= {f"VOILUTSequence {text}: it was not used." for text in tables if ": " not in text}
    said |= {f"ModalityLUTSequence {text}: stored values are taken as they are." for text in tables if ": " not in text}
    for text in wrong:
        is_repaired = "was read" in text or "several times" in text
        endings = {"."} if is_repaired else {f": {attribute.otherwise}." for attribute in ATTRIBUTES if attribute.check}
        said |= {f"{attribute.keyword} {text}{ending}" for attribute in ATTRIBUTES[:1] for ending in endings}
    said |= {f"{attribute.keyword} cannot be read: {attribute.otherwise}." for attribute in ATTRIBUTES}
    said |= {f"StudyDate is {when}: it was not used." for when in ("in the future", "before the patient's birth")}
    for kind in ("window", "VOI lookup table"):
        said |= {
            f"The stated {kind} hides 12 % of the film's detail{end}"
            for end in (", perhaps bone.", ": it was not used.")
        }
    for held in ("uncompressed data", "bare JPEG-LS data", "JPEG Baseline data"):
        said.add(f"The file states {JPEGLosslessSV1.name} and holds {held}: it was decoded as that.")
    said.add("A stated window is not allowed by the standard: it was not used.")
    assert {text for text in said if english_parts(text)} == set()


CONTRADICTED = "ImageLaterality says right, but the film shows both hips: each side is graded where it lies."


def german(text):
    """What is said in German, and what is left in English."""
    passages = load_language("de").statement(text)
    return " ".join(p.text for p in passages if p.language is None), [p.text for p in passages if p.language]


def test_a_side_that_the_film_contradicts_can_be_said_in_german():
    assert not english_parts(CONTRADICTED)


def test_a_warning_of_a_study_is_said_in_german_to_its_end():
    scaled = "Millimetres are scaled from the femoral heads (48 mm assumed): take them as +- 8 %."
    for text in (scaled, CONTRADICTED):
        alone, _ = german(text)
        assert german(f"study 2: {text}") == (f"Studie 2: {alone}", [])
    assert german("study 2: Nobody expected this.") == ("Studie 2:", ["Nobody expected this."])


def test_what_is_not_known_before_a_sentence_is_not_taken_into_it():
    alone, _ = german(CONTRADICTED)
    assert german(f"Nobody expected this. {CONTRADICTED}") == (alone, ["Nobody expected this."])
    _, left = german(f"who knows: {CONTRADICTED}")
    assert left == [f"who knows: {CONTRADICTED}"]


def test_two_reasons_why_nothing_can_be_told_are_both_said_in_german():
    both = german("Cannot tell: study earlier was refused; study later was failed.")
    assert both == ("Nicht zu sagen: die frühere Studie wurde: abgelehnt; die spätere Studie wurde: gescheitert.", [])
    unknown = "Cannot tell: study earlier was refused; nobody expected this."
    assert german(unknown) == ("", [unknown])


def test_words_of_shares_are_those_of_the_list():
    said, left = german("Between none and mild, by what is known of outline and scale (none 20%, mild 58%).")
    assert not left
    assert said.startswith("Zwischen keine und leicht,")
    assert said.endswith("(keine 20\u00a0%, leicht 58\u00a0%).")
    said, _ = german("Between 0 and I to III: motion needed, by what is known of outline and scale (0 20%, "
                     "I to III: motion needed 58%).")  # fmt: skip
    assert said.endswith("(0 20\u00a0%, I bis III: Beweglichkeit nötig 58\u00a0%).")


def test_every_warning_and_reason_of_a_comparison_can_be_said_in_german():
    """Sentences that the code gives to no function of their own, as they stand in it."""
    source = (PACKAGE / "progression" / "studies.py").read_text(encoding="utf-8")
    for said in (
        "Not every file names its patient: nothing shows that all are of one person.",
        "Not every study has a date: growth per month is given only between those that have one.",
        "No dates: growth per month is not given.",
        "no film of this side on both",
        "the studies show no side in common",
    ):
        assert f'"{said}"' in source
        assert not english_parts(said)
    for which in ("earlier", "later"):
        assert not english_parts(f"Cannot tell: only the {which} study shows this side.")


def test_every_reason_why_films_cannot_be_compared_can_be_said_in_german():
    texts = set(strings_of({"NotComparableError"}, "progression", 0))
    assert len(texts) >= 6
    assert not [text for text in texts if english_parts(f"Cannot tell: {text}.")]


def test_every_grade_of_known_hips_can_be_said_in_german(hips):
    """Nodules of every kind, spacings of every basis: what is said of them is all German."""
    nodules = {
        "none": (),
        "island": (slice(140, 150), slice(20, 30)),
        "spur": (slice(95, 130), slice(40, 60)),
        "near": (slice(95, 175), slice(70, 90)),
        "bridge": (slice(95, 200), slice(70, 90)),
    }
    said = set()
    for name, nodule in nodules.items():
        for basis, pixel_mm in (
            (SpacingBasis.CALIBRATED, 1.0),
            (SpacingBasis.DETECTOR, 1.0),
            (SpacingBasis.NONE, None),
        ):
            for view in (View.AP, View.LATERAL):
                prediction = hips(
                    *([nodule] if nodule else []), pixel_mm=pixel_mm, basis=basis, view=view,
                    region=Region.RESIDUAL_LIMB if name == "none" and view is View.LATERAL else Region.PELVIS,
                )  # fmt: skip
                anatomy = read_anatomy(prediction)
                reading = FilmReading(
                    prediction.prepared, anatomy, find_nodules(prediction, anatomy),
                    find_possible_nodules(prediction, anatomy),
                )  # fmt: skip
                for side in grade_study([reading]).sides:
                    said |= {side.evidence.statement, *(grade.statement for grade in side.systems)}
    assert len(said) > 12
    assert {text: english_parts(text) for text in said if english_parts(text)} == {}


def test_numbers_and_dates_are_those_of_the_language():
    english, german = load_language("en"), load_language("de")
    assert (english.number(1234.56, 1), german.number(1234.56, 1)) == ("1234.6", "1234,6")
    assert (english.share(0.745), german.share(0.745)) == ("74%", "74\u00a0%")
    assert (english.number(-0.04, 1), german.number(3.2, 1, signed=True)) == ("0.0", "+3,2")
    assert (english.date(date(1960, 3, 4)), german.date(date(1960, 3, 4))) == ("4 March 1960", "4. März 1960")
    # Rounded as Python does it elsewhere, halves included.
    assert [english.number(value, 1) for value in (29.05, 28.85, 0.25)] == [f"{v:.1f}" for v in (29.05, 28.85, 0.25)]
    said = german.statement("Spurs leave 15.2 mm between opposing bone surfaces, at least 1 cm.")
    assert "15,2 mm" in said[0].text


def test_what_the_catalogue_does_not_know_stays_english_and_is_marked():
    parts = load_language("de").statement(
        "No ectopic bone on either view. Nobody expected this. No ectopic bone on either view."
    )
    assert [part.language for part in parts] == [None, "en", None]
    assert parts[1].text == "Nobody expected this."


def test_an_unknown_language_is_wrong_use():
    with pytest.raises(UsageError, match="choose one of en, de"):
        load_language("../de")
