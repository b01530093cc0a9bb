"""User code, and the snippets of the documentation, as type checkers see them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HERE = sorted(path for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_"))
PAGES = (ROOT / "README.md", ROOT / "docs" / "python.md")


@pytest.fixture
def snippets(tmp_path):
    """Write the Python of each page into files."""
    files = []
    for page in PAGES:
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S), start=1):
            files.append(tmp_path / f"{page.stem.lower()}_{number}.py")
            files[-1].write_text(code)
    assert len(files) > 5
    return files


def test_mypy_follows_what_users_write(snippets):
    # With the configuration and so the cache of the project: without, everything it imports is checked again.
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", "--no-error-summary"]
    found = subprocess.run([*command, *HERE, *snippets], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.stdout + found.stderr).strip() == ""
    assert found.returncode == 0


def test_pyright_follows_what_users_write(snippets, tmp_path):
    pytest.importorskip("basedpyright", reason="basedpyright is not installed (it carries its own node)")
    settings = {
        "include": [str(path) for path in (*HERE, *snippets)],
        "typeCheckingMode": "standard",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "extraPaths": [str(ROOT)],
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--project", str(tmp_path)]
    found = subprocess.run([*command, "--pythonpath", sys.executable], capture_output=True, text=True, check=False)
    report = json.loads(found.stdout)
    assert report["summary"]["filesAnalyzed"] == len(HERE) + len(snippets)
    problems = [
        f"{Path(item['file']).name}:{item['range']['start']['line'] + 1}: {item['message']}"
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    ]
    assert problems == []
