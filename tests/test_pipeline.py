"""The stages strung together, with a network whose answer is known."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import numpy as np
import pydicom
import pytest
from PIL import Image

from ho_imaging import Analyzer, ReadError, UsageError
from ho_imaging.results.schema import RESEARCH_USE, StudyResult, json_schema

ROOT = Path(__file__).parent.parent


@pytest.fixture
def png(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "film.png"
    Image.fromarray((rng.random((700, 860)) * 60000).astype(np.uint16)).save(path)
    return path


def test_a_film_becomes_a_result_that_fits_its_schema(fake_network, png):
    result = Analyzer(region="pelvis", laterality="bilateral", view="ap", spacing_mm=(0.5, 0.5)).analyze(png)
    assert isinstance(result, StudyResult)
    assert result.status == "done"
    data = json.loads(result.to_json())
    jsonschema.validate(data, json_schema())
    assert data["schema_version"] == "2.1"
    assert data["research_use"] == RESEARCH_USE
    assert data["model"] == {"name": "fake", "version": "1", "sha256": "a" * 64, "site": None}
    image = data["images"][0]
    assert (image["region"], image["region_source"]) == ("pelvis", "caller")
    assert image["spacing_mm"] == [0.5, 0.5]
    assert image["spacing_basis"] == "assumed"
    (finding,) = data["findings"]
    assert finding["side"] == "right"
    assert finding["area_mm2"] == pytest.approx(0.06 * 700 * 0.06 * 860 * 0.25, rel=0.05)
    graded = {side["side"]: side["grade"] for side in data["severity"]["sides"]}
    assert graded == {"right": "I", "left": "0"}
    assert data["severity"]["study"]["grade"] == "I"
    assert StudyResult.from_json(result.to_json()) == result


def test_a_file_that_names_one_side_of_a_film_of_both_is_graded_by_what_it_shows(fake_network):
    dataset = pydicom.dcmread(ROOT / "sample_data" / "03_spurs_wide_gap.dcm")
    dataset.ImageLaterality = "L"
    result = Analyzer().analyze(dataset)
    assert {side.side: side.grade for side in result.severity.sides} == {"right": "I", "left": "0"}
    assert any(warning.code == "sides_by_place" for warning in result.warnings)
    dataset.ImageLaterality = "B"
    assert not any(warning.code == "sides_by_place" for warning in Analyzer().analyze(dataset).warnings)
    # Stored as seen from behind.
    dataset.PatientOrientation = ["R", "F"]
    mirrored = Analyzer().analyze(dataset)
    assert {side.side: side.grade for side in mirrored.severity.sides} == {"right": "0", "left": "I"}
    assert any("Patient Orientation" in str(warning) for warning in mirrored.warnings)


def test_sides_of_a_pa_film_without_orientation_are_said_to_be_taken(fake_network):
    """Most archives show PA films of the trunk as AP ones, and protocols that say PA by mistake are common."""
    dataset = pydicom.dcmread(ROOT / "sample_data" / "03_spurs_wide_gap.dcm")
    for keyword in ("ViewCodeSequence", "PatientOrientation"):
        dataset.pop(keyword, None)
    said = {}
    for view, orientation in (("AP", None), ("PA", None), ("PA", ["L", "F"])):
        dataset.ViewPosition, dataset.PatientOrientation = view, orientation
        said[view, orientation is None] = {warning.code for warning in Analyzer().analyze(dataset).warnings}
    assert {case for case, codes in said.items() if "sides_of_pa" in codes} == {("PA", True)}


def test_the_same_film_gives_the_same_bytes_by_path_bytes_and_thread(fake_network, png):
    analyzer = Analyzer(region="pelvis", laterality="bilateral")
    results = [analyzer.analyze(png) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        results += pool.map(analyzer.analyze, [png] * 4)
    assert len({result.to_json() for result in results}) == 1
    in_memory = analyzer.analyze(png.read_bytes())
    assert [f.model_dump() for f in in_memory.findings] == [f.model_dump() for f in results[0].findings]
    assert fake_network.loads == 1


def test_a_film_without_spacing_is_measured_by_its_femoral_heads(fake_network, png):
    result = Analyzer(region="pelvis", laterality="bilateral").analyze(png)
    assert result.images[0].spacing_mm is None
    assert any("femoral heads" in str(warning) for warning in result.warnings)
    # A head is 0.14 film heights across and 48 mm, so the film is 48 / 0.14 mm high; the nodule is 0.06 x 0.06 of it.
    mm_a_pixel = 48 / (0.14 * 700)
    assert result.findings[0].long_axis_mm == pytest.approx(np.hypot(0.06 * 700, 0.06 * 860) * mm_a_pixel, rel=0.06)


def test_out_of_scope_is_refused_with_its_reason(fake_network, png):
    by_tag = Analyzer(region="chest").analyze(png)
    assert by_tag.status == "refused"
    assert "chest" in str(by_tag.reason)
    assert by_tag.severity is None
    assert by_tag.findings == ()
    fake_network.scope = 0.1
    by_picture = Analyzer().analyze(png)
    assert by_picture.status == "refused"
    assert "does not look like a film of hip" in str(by_picture.reason)


def test_a_damaged_film_fails_and_the_study_goes_on(fake_network, png, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(png.read_bytes()[:2000])
    result = Analyzer(region="pelvis").analyze_films([broken, png]).result
    assert [image.status for image in result.images] == ["failed", "done"]
    assert result.status == "done"
    assert result.images[0].reason
    alone = Analyzer(region="pelvis").analyze(broken)
    assert (alone.status, alone.severity) == ("failed", None)


def test_a_folder_gives_a_result_for_every_film_and_skips_strays(fake_network, png, tmp_path):
    (tmp_path / "README.txt").write_text("about these films, more than sixteen bytes of it")
    (tmp_path / "empty.dcm").write_bytes(b"")
    results = Analyzer(region="pelvis").analyze_all(tmp_path)
    assert sorted(result.status for result in results) == ["done", "failed"]


def test_wrong_use_is_said(tmp_path):
    with pytest.raises(ReadError, match="does not exist"):
        Analyzer().analyze(tmp_path / "nowhere.dcm")
    with pytest.raises(UsageError):
        Analyzer(region="elbows")


def test_finding_ids_are_unique_over_the_films_of_a_study(fake_network, png, tmp_path):
    other = tmp_path / "other.png"
    Image.fromarray(np.asarray(Image.open(png))[::-1].copy()).save(other)
    result = Analyzer(region="pelvis", laterality="bilateral").analyze_films([png, other]).result
    assert [finding.id for finding in result.findings] == ["F1", "F2"]
    assert len({finding.sop_instance_uid for finding in result.findings}) == 2
    evidence = result.severity.sides[0].evidence
    named = {f.id for f in result.findings if f.sop_instance_uid == evidence.sop_instance_uid}
    assert set(evidence.finding_ids) <= named
