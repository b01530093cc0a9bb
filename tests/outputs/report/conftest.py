"""Studies to report on: a film that a stand-in for the network read, and a result whose every text is hostile."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from ho_imaging.outputs.report import material_of_analysis
from ho_imaging.pipeline import Analyzer


class Page(HTMLParser):
    """What a page is made of: elements with their attributes, and its visible text with the language it is in."""

    VOID = frozenset({"meta", "img", "input", "br", "path", "line", "circle", "rect"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(text)
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.elements.append((tag, given))
        if tag not in self.VOID:
            self._open.append((tag, given.get("lang") or (self._open[-1][1] if self._open else None)))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self._open and self._open[-1][0] != "style" and data.strip():
            self.texts.append((" ".join(data.split()), self._open[-1][1]))

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(text for text, _ in self.texts)


@pytest.fixture
def page():
    return Page


@pytest.fixture
def samples():
    return Path(__file__).parents[3] / "sample_data"


@pytest.fixture
def analysis(fake_network, samples):
    return Analyzer().analyze_films([samples / "06_both_sides.dcm"])


@pytest.fixture
def material(analysis):
    return material_of_analysis(analysis)
