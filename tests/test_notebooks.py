"""Notebooks are kept without what they showed; that they run is checked by ``pytest --nbmake notebooks``."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_output_and_says_what_it_is_for(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")
    assert "widgets" not in notebook["metadata"]
    first = "".join(cells[0]["source"])
    assert first.startswith("# ")
    assert "Not a medical device" in first
