"""The notebook that shows the review runs from top to bottom."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    pytest.importorskip("nbmake")
    command = [sys.executable, "-m", "pytest", "--nbmake", "-p", "no:cacheprovider", "notebooks/02_review.ipynb"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 passed" in done.stdout
