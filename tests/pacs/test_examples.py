"""What the documentation shows is what runs."""

import json
import os
import re
import sys
from pathlib import Path

import pydicom
import pytest

from .conftest import free_port, running, small_film, wait_for, write_films

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


class TestLuaRecipe:
    """The settings and the script of the documentation, in Orthanc itself, with a service beside it."""

    @pytest.fixture
    def orthanc_settings(self):
        (block,) = re.findall(r'```json\n(\{\n  "DicomModalities".*?)```', (ROOT / "docs/pacs.md").read_text(), re.S)
        settings = json.loads(block)
        assert Path(settings["LuaScripts"][0]).name == "to_ho.lua"
        our_port = settings["DicomModalities"]["ho"]["Port"] = free_port()
        return settings | {"LuaScripts": [str(ROOT / "docs/examples/to_ho.lua")], "StableAge": 1, "OurPort": our_port}

    def test_a_study_at_rest_is_sent_and_its_results_come_back_once(
        self, orthanc_settings, orthanc, config, stand_ins, tmp_path
    ):
        destination = {
            "kind": "dimse", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": orthanc.dicom_port,
        }  # fmt: skip
        made = config(listen={"port": orthanc_settings["OurPort"]}, send=[destination])
        film, report = small_film(1), small_film(2, study=small_film(1).StudyInstanceUID, Modality="SR", PatientID="P1")
        report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
        with running(made, stand_ins.stand_in) as service:
            for path in write_films([report, film], tmp_path / "films"):
                orthanc.upload(path)
            wait_for(lambda: orthanc.modalities(film.StudyInstanceUID) == ["DX", "OT", "SR"])
            wait_for(lambda: service.counters.values().get("own_objects_ignored"))  # at rest too, and sent to us
            assert orthanc.modalities(film.StudyInstanceUID) == ["DX", "OT", "SR"]
            assert service.counters.values()["studies_done"] == 1


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
        wait_for(lambda: orthanc.modalities(uid) == ["DX", "OT", "PR", "SEG", "SR"], 600)

        def at_rest_again():
            kinds = [change["ChangeType"] for change in orthanc.rest("/changes?limit=1000")["Changes"]]
            return "StableStudy" in kinds[len(kinds) - kinds[::-1].index("NewInstance") :]

        wait_for(at_rest_again)
        assert orthanc.modalities(uid) == ["DX", "OT", "PR", "SEG", "SR"]
