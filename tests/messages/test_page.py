"""The page of the documentation is the catalogue's."""

from pathlib import Path

from ho_imaging.messages.page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_documented_codes_are_those_of_the_catalogue():
    written = (DOCS / "messages.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m ho_imaging.messages.page > docs/messages.md"
