"""What the documentation shows is what runs."""

import os
import re
import sys
from pathlib import Path

import pydicom
import pytest

from .conftest import wait_for

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample_data" / "06_both_sides.dcm"


def test_the_example_for_a_script_runs_and_is_short():
    (code,) = re.findall(
        r"```python\n(from ho_imaging import Analyzer\n.*?)```", (ROOT / "docs/pacs.md").read_text(), re.S
    )
    assert len(code.splitlines()) < 20
    names: dict = {}
    exec(compile(code, "docs/pacs.md", "exec"), names)
    film = pydicom.dcmread(SAMPLE)
    result, objects = names["on_study"]([film])
    assert (result.status, result.study_uid) == ("done", film.StudyInstanceUID)
    assert sorted(item.Modality for item in objects) == ["OT", "PR", "SEG", "SR"]


class TestInOrthanc:
    """The plug-in, in Orthanc itself."""

    @pytest.fixture
    def orthanc_settings(self, tmp_path, monkeypatch):
        library = next(iter(sorted(Path("/usr/share/orthanc/plugins").glob("libOrthancPython.so*"))), None)
        if library is None:
            pytest.skip("orthanc-python is not installed")
        program = tmp_path / "ho-imaging"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ho_imaging "$@"\n')
        program.chmod(0o755)
        monkeypatch.setenv("HO_IMAGING", str(program))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        script = ROOT / "docs/examples/orthanc_hook.py"
        return {"Plugins": [str(library)], "PythonScript": str(script), "StableAge": 1}

    def test_a_study_at_rest_gets_its_results_once(self, orthanc):
        assert len((ROOT / "docs/examples/orthanc_hook.py").read_text().splitlines()) < 40
        orthanc.upload(SAMPLE)
        uid = str(pydicom.dcmread(SAMPLE, stop_before_pixels=True).StudyInstanceUID)
        wait_for(lambda: orthanc.modalities(uid) == ["DX", "OT", "PR", "SEG", "SR"], 180)
        before = orthanc.rest("/changes?last")["Last"]

        def at_rest_again():
            changes = orthanc.rest(f"/changes?since={before}&limit=100")["Changes"]
            return any(change["ChangeType"] == "StableStudy" for change in changes)

        wait_for(at_rest_again, 60)
        assert orthanc.modalities(uid) == ["DX", "OT", "PR", "SEG", "SR"]
