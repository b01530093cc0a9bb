"""Notebooks are kept with what they showed, in short; that they run is checked by ``pytest --nbmake notebooks``."""

import base64
import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MOST_BYTES = 200_000
"""Of a picture."""

A_PLACE = re.compile(r"(?<![\w.<])/(?:home|root|tmp|usr|var|work|opt|mnt|Users|private)/|[A-Z]:\\\\|ipykernel")
A_TIME = re.compile(r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:|\d+ ?(?:it/s|s/it)\b")


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def outputs(path):
    for cell in cells(path):
        yield from cell.get("outputs", ())


def texts(output):
    """Return all text that an output shows."""
    data = {kind: value for kind, value in output.get("data", {}).items() if not kind.startswith("image/")}
    return "\n".join("".join(part) for part in (output.get("text", ""), *data.values()))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_what_it_is_for(path):
    first = "".join(cells(path)[0]["source"])
    assert first.startswith("# ")
    assert "Not a medical device" in first


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_run_from_top_to_bottom_and_shows_something(path):
    code = [cell for cell in cells(path) if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any(texts(output).strip() for output in outputs(path))
    assert any(kind.startswith("image/") for output in outputs(path) for kind in output.get("data", {}))
    kinds = {output["output_type"] for output in outputs(path)}
    assert kinds <= {"stream", "display_data", "execute_result"}  # no error


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_shows_is_small_and_tells_nothing_of_the_machine(path):
    assert "widgets" not in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    for output in outputs(path):
        assert output.get("name") != "stderr"
        said = texts(output)
        assert len(said) < 20_000
        assert not A_PLACE.search(said), said
        assert not A_TIME.search(said), said
        for kind, value in output.get("data", {}).items():
            assert "widget" not in kind
            if kind.startswith("image/"):
                assert len(base64.b64decode("".join(value))) <= MOST_BYTES


def test_the_notebook_on_progression_tells_growth_as_growth():
    (path,) = (path for path in NOTEBOOKS if "progression" in path.stem)
    said = "\n".join(texts(output) for output in outputs(path))
    assert "verdict='spreading'" in said
    assert "grown" in said
