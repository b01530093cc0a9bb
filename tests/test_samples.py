"""End to end with the released weights: the samples, and real films that show no ectopic bone."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from ho_imaging import Analyzer
from ho_imaging.cli import main

ROOT = Path(__file__).parent.parent
SAMPLES = sorted((ROOT / "sample_data").glob("*.dcm"))
TRUTH = json.loads((ROOT / "sample_data" / "truth.json").read_text())
REAL_FILMS = os.environ.get("HO_IMAGING_TEST_FILMS")


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def analyses(analyzer):
    return {path.name: analyzer.analyze_films([path]) for path in SAMPLES}


def test_there_are_samples_with_truth():
    assert len(SAMPLES) == 8
    assert sorted(TRUTH) == [path.name for path in SAMPLES]
    grades = {side["brooker"] for film in TRUTH.values() for side in film["sides"]}
    assert grades == {"0", "I", "II", "III", "IV"}
    assert sum(path.stat().st_size for path in (ROOT / "sample_data").iterdir()) < 15e6


def test_every_sample_is_analysed_and_every_side_seen(analyses):
    for name, analysis in analyses.items():
        result = analysis.result
        assert result.status == "done", (name, result.reason)
        assert {side.side for side in result.severity.sides} == {side["side"] for side in TRUTH[name]["sides"]}
        assert result.images[0].spacing_basis == "detector"
        assert result.images[0].region == TRUTH[name]["region"]


def test_joints_are_found_where_they_are(analyses):
    """Within a third of a head's radius, on every sample: the true centres are the simulator's."""
    for name, analysis in analyses.items():
        (film,) = analysis.films.values()
        found = {joint.side.value: joint for joint in film.reading.anatomy.joints}
        for side in TRUTH[name]["sides"]:
            joint = found[side["side"]]
            off = np.hypot(*np.subtract(joint.center_px, side["head_center_rc"]))
            assert off < joint.radius_px / 3, name
            assert joint.radius_mm == pytest.approx(side["head_radius_mm"], rel=0.15)


def test_nothing_is_found_where_nothing_grew_far_from_a_hip(analyses):
    for analysis in analyses.values():
        for finding in analysis.result.findings:
            assert finding.area_mm2 > 0
            assert finding.long_axis_mm >= finding.short_axis_mm


def test_a_dataset_in_memory_gives_the_same_as_the_file(analyzer, analyses):
    path = SAMPLES[1]
    in_memory = analyzer.analyze(pydicom.dcmread(path))
    from_file = analyses[path.name].result
    assert in_memory.findings == from_file.findings
    assert in_memory.severity == from_file.severity


def test_the_command_line_writes_result_mask_and_picture(tmp_path, capsys):
    assert main(["analyze", str(SAMPLES[4]), "--out", str(tmp_path), "--masks", "--overlays"]) == 0
    line = json.loads(capsys.readouterr().out)
    folder = Path(line["result"]).parent
    assert folder.name == line["study_uid"]
    uid = str(pydicom.dcmread(SAMPLES[4], stop_before_pixels=True).SOPInstanceUID)
    dataset = pydicom.dcmread(SAMPLES[4], stop_before_pixels=True)
    mask = cv2.imread(str(folder / f"{uid}.ho.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (dataset.Rows, dataset.Columns)
    assert mask.dtype == np.uint8
    assert (folder / f"{uid}.overlay.png").stat().st_size > 50_000


@pytest.mark.parametrize("name", ["RG1_UNCR.dcm", "RG3_UNCR.dcm", "RG3_J2KR.dcm"])
def test_a_chest_and_a_tibia_are_refused_by_name(analyzer, name):
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip("pydicom-data is not installed")
    result = analyzer.analyze(path)
    assert result.status == "refused"
    assert ("chest" if "RG1" in name else "lower leg") in str(result.reason)
    assert result.findings == ()


@pytest.mark.skipif(REAL_FILMS is None, reason="HO_IMAGING_TEST_FILMS names no folder of real films")
def test_nothing_is_flagged_on_real_films_without_ectopic_bone(analyzer):
    results = analyzer.analyze_all(REAL_FILMS)
    assert results
    assert {result.status for result in results} <= {"done", "refused", "failed"}
    assert [result.images[0].path for result in results if result.findings] == []
