"""A batch's output folder with one study to review, and a browser."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # review_page stands beside the tests, and a benchmark uses it too

STUDY, FILM, LATERAL = "1.2.3", "1.2.3.1", "1.2.3.2"


@pytest.fixture
def batch(tmp_path):
    """A folder as ``analyze --out`` leaves it: a study of two films, three nodules on the first, one on the second."""
    from review_page import make_result, write_batch, write_film  # noqa: PLC0415

    films = {}
    for uid, name, rows, columns in ((FILM, "a.png", 700, 600), (LATERAL, "b.png", 400, 500)):
        write_film(tmp_path / "films" / name, rows, columns, seed=rows)
        films[uid] = (tmp_path / "films" / name, rows, columns)
    nodules = {
        FILM: [((200.0, 150.0), 40.0), ((420.0, 430.0), 30.0), ((600.0, 120.0), 12.0)],
        LATERAL: [((200.0, 250.0), 25.0)],
    }
    return write_batch(tmp_path / "out", make_result(STUDY, films, nodules))


@pytest.fixture
def browser(tmp_path):
    from review_page import open_browser  # noqa: PLC0415

    driver = open_browser(tmp_path / "profile")
    if driver is None:
        pytest.skip("chromium is not installed (Debian: chromium, chromium-driver)")
    yield driver
    driver.quit()
