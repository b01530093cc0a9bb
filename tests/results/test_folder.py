"""One module knows the names of an output folder, and the page on them says the same."""

import ast
import re
from pathlib import Path

import pytest

import ho_imaging
from ho_imaging.files import output_names
from ho_imaging.files.output_names import CONTENTS, TABLE_SUFFIXES, written_names
from ho_imaging.results.folder import OutputFolder, StudyFolder

PACKAGE = Path(ho_imaging.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "output-folder.md"

COMMON = {".sqlite", ".png", ".lock"}
UNIQUE = [
    value
    for name, value in vars(output_names).items()
    if name in output_names.__all__
    and isinstance(value, str)
    and "." in value
    and value not in {".sqlite", ".png", ".lock"}
]
FOLDERS = {output_names.STUDIES, output_names.REVIEWS, output_names.DICOM_FOLDER}
ELSEWHERE = {
    "files/output_names.py",
    "pacs/spool.py",  # keeps a ledger of its own
}  # fmt: skip


def literals(tree):
    """Texts that are used: not documentation, not sentences for people."""
    documentation = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield node.value


def joined(tree):
    """Names that a path is extended by: ``folder / "studies"``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            yield node.right.value


def test_no_other_module_holds_a_name_of_the_output_folder():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name in ELSEWHERE:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [
            (name, text) for text in literals(tree) if " " not in text and any(text.endswith(known) for known in UNIQUE)
        ]
        found += [(name, text) for text in joined(tree) if text in FOLDERS]
        found += [(name, text) for text in literals(tree) if re.search(r"\bstudies/", text) and " " not in text]
    assert not found


def test_the_page_says_what_the_module_says():
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    said = {}
    for section in sections:
        rows = re.findall(r"^\| `(.+?)` \| (.+?) \|$", section, flags=re.MULTILINE)
        if rows:
            said[section.split()[0].lower()] = {name.replace("`", ""): about for name, about in rows}
    assert said == CONTENTS


def test_paths_are_those_of_the_public_format():
    batch = OutputFolder(Path("DIR"))
    study = batch.study("1.2.3")
    assert study.result == Path("DIR/studies/1.2.3/result.json")
    assert study.probability("1.2.3.4") == Path("DIR/studies/1.2.3/1.2.3.4.ho.png")
    assert study.batch is not None
    assert study.batch.path == Path("DIR").absolute()
    assert StudyFolder(Path("elsewhere")).batch is None
    assert batch.study("../x").path.parent == Path("DIR/studies")
    assert batch.ledger((2, 3)) == Path("DIR/ledger-2-of-3.sqlite")
    assert TABLE_SUFFIXES == (".parquet", ".csv")


@pytest.mark.parametrize(
    ("names", "written"),
    [
        # Of another program, for all that is known.
        ({"1.dcm", "result.json", "dicom", "thumbnail.jpg"}, set()),
        ({"ledger.sqlite", "film.dcm"}, set()),
        ({"IM1.png", "result.json", "1.2.overlay.png", "1.2.ho.png", "thumbnail.jpg", "dicom", "1.2.bones.json"},
         {"result.json", "1.2.overlay.png", "1.2.ho.png", "thumbnail.jpg", "dicom", "1.2.bones.json"}),
        ({"ledger.sqlite", "ledger.sqlite-wal", "studies", "IM1", "studies.csv"},
         {"ledger.sqlite", "ledger.sqlite-wal", "studies", "studies.csv"}),
        ({"run.json", "studies", "film.dcm"}, {"run.json", "studies"}),
        ({"comparison.json", "right.png", "film.png", "trend.png"}, {"comparison.json", "right.png", "trend.png"}),
        ({"figures.json", "tables.md", "froc.png", "a.png"}, {"figures.json", "tables.md", "froc.png"}),
        # Films of these names that no run left there are films.
        ({"right.png", "left.png", "thumbnail.jpg", "studies", "dicom", "1.overlay.png", "trend.png"}, set()),
    ],
)  # fmt: skip
def test_what_an_earlier_run_wrote_is_known_by_its_name(names, written):
    assert written_names(names) == written
