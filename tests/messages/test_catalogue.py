"""Every code that the program can emit is in the catalogue, with its parameters, and so is its German text."""

import ast
import re
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import ho_imaging
from ho_imaging.messages import CATALOGUE, Message, languages, load_language
from ho_imaging.messages.template import placeholders
from ho_imaging.results.schema import RESEARCH_USE
from ho_imaging.vocabulary import Laterality, Region, Side, SpacingBasis, Status, Structure, View

PACKAGE = Path(ho_imaging.__file__).parent
ENGLISH = re.compile(
    r"\b(the|of|and|is|are|with|without|by|from|this|that|not|than|between|seen|film|side|bone)\b", re.I
)
PLACEHOLDER = re.compile(r"%\(\w+\)s")
BRACED = re.compile(r"\{[^{}]*\}")
REPORT = PACKAGE / "outputs" / "report"
KEYWORDS = {"_": None, "say": None, "ngettext": (1, 2), "gettext": None}
COPIERS = {
    "messages/message.py",
    "reading/radiograph.py",
    "results/messages.py",
    "outputs/report/page.py",
    "results/identified.py",
}
"""Modules that make a message from the parameters of another."""


def catalogue(code):
    path = resources.files("ho_imaging.messages") / "languages" / f"{code}.po"
    with path.open("rb") as stream:
        return {message.id: message for message in read_po(stream) if message.id}


@pytest.fixture(scope="module")
def spoken():
    """Every text that the catalogue, the report and its template say."""
    found = list(extract_from_dir(PACKAGE / "messages", [("**.py", "python")], {}, keywords=KEYWORDS))
    methods = [("**.py", "python"), ("templates/**.j2", "jinja2")]
    found += extract_from_dir(PACKAGE / "outputs", [("worklist.py", "python")], {}, keywords=KEYWORDS)
    found += extract_from_dir(REPORT, methods, {"**.j2": {"newstyle_gettext": "true"}}, keywords=KEYWORDS)
    return {message for _, _, message, _, _ in found}


def calls(name):
    """Each call of a class in a module that has it from this package: module, arguments."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        module = path.relative_to(PACKAGE).as_posix()
        own = {alias.name for node in imports if (node.module or "").startswith("ho_imaging.") for alias in node.names}
        if name not in own:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield module, node


def emitted():
    """Each message that the source makes: module, code, names of its parameters."""
    for module, node in calls("Message"):
        if module in COPIERS:
            continue
        code = node.args[0]
        assert isinstance(code, ast.Constant), f"{module}:{node.lineno}: a code is written where it is used"
        yield module, code.value, {keyword.arg for keyword in node.keywords}
    for module, node in calls("QualityFlag"):
        if len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            yield module, node.args[0].value, set()


def test_every_message_of_the_source_is_in_the_catalogue_with_all_its_parameters():
    found = list(emitted())
    assert len(found) > 250
    for module, code, parameters in found:
        assert code in CATALOGUE, (module, code)
        assert parameters == CATALOGUE[code].parameters, (module, code)


def test_the_catalogue_has_no_code_that_nothing_emits():
    assert {code for _, code, _ in emitted()} == set(CATALOGUE)


def test_every_code_has_a_note_and_a_plain_name():
    for code, entry in CATALOGUE.items():
        assert re.fullmatch(r"[a-z]+\.?[a-z0-9_]+", code), code
        assert entry.note.endswith("."), code
        assert entry.text, code


@pytest.mark.parametrize("code", [code for code in languages() if code != "en"])
def test_every_language_has_every_text_with_its_parameters_and_no_other(code, spoken):
    known = catalogue(code)
    assert len(spoken) > 500
    assert set(known) == spoken
    for message in known.values():
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        asked = message.id if isinstance(message.id, tuple) else (message.id,)
        assert all(said), message.id
        assert not message.fuzzy
        for text in said:
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(asked[-1])), message.id
            if BRACED.search(asked[-1]):
                assert placeholders(text) == placeholders(asked[-1]), message.id


def test_german_is_german():
    same = set()
    for message in catalogue("de").values():
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in said:
            names = r"frame=0|region=|Secondary Capture|Photometric Interpretation|--\S+|Slope und Intercept"
            plain = BRACED.sub("", PLACEHOLDER.sub("", re.sub(names, "", text)))
            assert not ENGLISH.search(plain), text
        bare = BRACED.sub("", PLACEHOLDER.sub("", message.id if isinstance(message.id, str) else message.id[0]))
        if message.string == message.id and re.search(r"\w", bare):
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


class _Any(dict):
    """Parameters of a message: of each form that a template asks for one that fits."""

    def __init__(self, entry):
        from string import Formatter  # noqa: PLC0415

        super().__init__()
        for template in (entry.text, entry.remedy):
            for _, name, form, _ in Formatter().parse(template):
                if name:
                    self.setdefault(name, []).append(form)


@pytest.mark.parametrize("language", languages())
def test_every_text_can_be_written(language):
    for code, entry in CATALOGUE.items():
        values = {}
        for name, forms in _Any(entry).items():
            numeric = any(form == "%" or form.endswith(("f", "g")) for form in forms)
            listed = any(form in {"words", "or", ","} or form.startswith("?") for form in forms)
            nested = any(form in {"problem", "remedy"} for form in forms)
            values[name] = 0.5 if numeric else ["left", "right"] if listed else "left"
            if nested:
                values[name] = Message("file_empty")
        message = Message(code, **values)
        said = load_language(language).text(message)
        assert said
        # What cannot be filled is written as its code with its parameters.
        assert not said.startswith(f"{code.replace('_', ' ')} ({min(values, default='')} "), (code, said)
        assert "{" not in said
