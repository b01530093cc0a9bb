"""Views of a result: a line, a small table, data frames; nothing of the patient."""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pydicom
import pytest

import ho_imaging
from ho_imaging import Analyzer, ReadError, TooLargeError, UsageError
from ho_imaging.outputs import mask, plot
from ho_imaging.results.folder import OutputFolder
from ho_imaging.results.schema import FindingResult, SideResult

ROOT = Path(__file__).parent.parent.parent
SAMPLE = ROOT / "sample_data" / "03_spurs_wide_gap.dcm"
SECRETS = ("Doe", "PID-4711", "19700102", "secret_folder")


@pytest.fixture
def analysis(fake_network, tmp_path):
    dataset = pydicom.dcmread(SAMPLE)
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Doe^Jane", "PID-4711", "19700102"
    path = tmp_path / "secret_folder" / "film.dcm"
    path.parent.mkdir()
    dataset.save_as(path)
    return Analyzer().analyze_films([path])


class Cells(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.cells = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag != "br":
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["td"]:
            self.cells[-1] += data


def test_every_part_of_a_result_shows_itself_in_short(analysis):
    result = analysis.result
    parts = [*result.images, *result.findings, *result.severity.sides, *result.severity.sides[0].systems]
    parts += [result.severity, result.severity.sides[0].evidence, ho_imaging.discover([result.images[0].path])]
    for part in parts:
        assert len(repr(part)) < 500, type(part)
        assert not any(secret in repr(part) for secret in SECRETS)
    assert repr(result.findings[0]).startswith("FindingResult(id='F1', side='right', area_mm2=")


def test_a_comparison_shows_itself_in_a_line_and_a_table():
    def side(name, verdict, later):
        return {"side": name, "verdict": verdict, "statement": {"code": "file_empty"}, "earlier_grade": "I",
                "later_grade": "II", "earlier_mm2": 100.0, "later_mm2": later}  # fmt: skip

    interval = {"earlier_study_uid": "1.2", "later_study_uid": "1.3", "days": 90, "verdict": "spreading",
                "sides": [side("right", "spreading", 400.0), side("left", "stable", 100.0)]}  # fmt: skip
    result = ho_imaging.ProgressionResult(verdict="spreading", intervals=[interval], overall=interval)
    sides = "right spreading (100 to 400 mm²), left stable (100 to 100 mm²)"
    said = f"ProgressionResult(verdict='spreading', studies=2, days=90, sides='{sides}')"
    assert repr(result) == str(result) == said
    assert len(repr(result.intervals[0])) < 300
    assert len(repr(result.intervals[0].sides[0])) < 300
    cells = Cells(result._repr_html_()).cells
    assert cells[:5] == ["right", "spreading", "I to II", "100", "400"]
    nothing = ho_imaging.ProgressionResult(verdict="stable", intervals=(), overall=interval)
    assert repr(nothing) == "ProgressionResult(verdict='stable', studies=1)"
    assert Cells(nothing._repr_html_()).cells == []


def test_a_result_shows_itself_in_a_line_and_without_the_patient(analysis):
    result, (film,) = analysis.result, analysis.films.values()
    uid = result.study_uid
    said = f"study_uid='{uid}', status='done', sides='right I, left 0', findings=1)"
    assert repr(result) == str(result) == f"StudyResult({said}"
    assert repr(analysis) == f"StudyAnalysis({said}"
    assert [name for name, _ in result.__rich_repr__()] == ["study_uid", "status", "sides", "findings"]
    assert repr(film) == f"FilmAnalysis(sop_instance_uid='{result.images[0].sop_instance_uid}', findings=1)"
    shown = [repr(result), repr(analysis), repr(film), result._repr_html_(), analysis._repr_html_()]
    shown += [
        repr(film.reading.prepared.radiograph),
        repr(ho_imaging.discover([result.images[0].path]).studies[0].images),
    ]
    for text in shown[:6]:
        assert not any(secret in text for secret in SECRETS), text
        assert len(text) < 2000
    assert not any(secret in shown[6] for secret in SECRETS[:3])


def test_a_refused_result_says_why_and_a_hostile_uid_stays_a_text(analysis):
    refused = Analyzer(region="chest").analyze(SAMPLE)
    assert "status='refused', reason='" in repr(refused)
    assert "chest" in repr(refused)
    hostile = refused.model_copy(update={"study_uid": "<script>alert(1)</script>\n" + "x" * 10_000})
    assert "\n" not in repr(hostile)
    assert len(repr(hostile)) < 500
    assert "<script>" not in hostile._repr_html_()


def test_the_table_for_a_notebook_has_a_row_a_side(analysis):
    cells = Cells(analysis.result._repr_html_()).cells
    assert [cells[0], cells[2], cells[6], cells[8]] == ["right", "I", "left", "0"]
    assert len(cells) == 12


def test_data_frames_hold_what_the_result_does(analysis):
    result = analysis.result
    findings = result.to_dataframe("findings")
    assert list(findings.columns[:2]) == ["study_uid", "id"]
    assert findings["area_mm2"].tolist() == [finding.area_mm2 for finding in result.findings]
    assert {"side", "confidence", "long_axis_mm", "joined_to"} < set(findings.columns)
    assert not any("contour" in name for name in findings.columns)
    assert set(findings.columns) - {"study_uid"} < set(FindingResult.model_fields)
    sides = result.to_dataframe("sides")
    assert sides[["side", "grade", "score"]].to_numpy().tolist() == [
        [side.side, side.grade, side.score] for side in result.severity.sides
    ]
    assert {"system", "probability", "gap_mm"} < set(sides.columns)
    assert set(sides.columns) - {"study_uid", "probability", "gap_mm", "spacing_basis", "statement"} < set(
        SideResult.model_fields
    )
    refused = Analyzer(region="chest").analyze(SAMPLE)
    assert list(refused.to_dataframe("findings").columns) == list(findings.columns)
    assert list(refused.to_dataframe("sides").columns) == list(sides.columns)
    json.loads(findings.to_json())


def test_a_table_that_there_is_not_and_a_missing_pandas_are_said(analysis, monkeypatch):
    with pytest.raises(UsageError, match="use 'findings' or 'sides'"):
        analysis.result.to_dataframe("images")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"ho-imaging\[pandas\]"):
        analysis.result.to_dataframe()


def test_the_mask_is_on_the_grid_of_the_image_and_labels_are_numbers_of_findings(analysis):
    result = analysis.result
    (finding,) = result.findings
    labels = mask(analysis)
    dataset = pydicom.dcmread(SAMPLE, stop_before_pixels=True)
    assert (labels.shape, labels.dtype) == ((dataset.Rows, dataset.Columns), np.uint16)
    assert np.unique(labels).tolist() == [0, 1]
    assert finding.id == "F1"
    assert np.count_nonzero(labels) == pytest.approx(finding.area_px, rel=0.02)
    # The fake network draws its nodule at known places of the picture.
    found = analysis.films[finding.sop_instance_uid].reading.findings[0]
    np.testing.assert_allclose(np.argwhere(labels).mean(axis=0), found.centroid_px, atol=1.0)
    assert np.array_equal(mask(result, finding.sop_instance_uid), labels)
    third = result.model_copy(update={"findings": (finding.model_copy(update={"id": "F3"}),)})
    assert np.unique(mask(third)).tolist() == [0, 3]


def test_an_image_that_there_is_not_is_said(analysis, fake_network):
    with pytest.raises(UsageError, match=r"image 1\.2\.3 was not analysed"):
        mask(analysis, "1.2.3")
    with pytest.raises(UsageError, match="no image was analysed"):
        plot(Analyzer(region="chest").analyze(SAMPLE))
    two = Analyzer(region="pelvis").analyze_films([_noise(0), _noise(1)]).result
    with pytest.raises(UsageError, match="2 images were analysed"):
        mask(two)
    image = analysis.result.images[0].model_copy(update={"rows": 1_000_000, "columns": 1_000_000})
    with pytest.raises(TooLargeError):
        mask(analysis.result.model_copy(update={"images": (image,)}))


def _noise(seed):
    pixels = np.random.default_rng(seed).random((300, 360))
    return ho_imaging.reading.radiograph_from_array(pixels, laterality="B")


def test_the_plot_shows_image_outlines_and_grades(analysis):
    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    ax = plot(analysis)
    labels = mask(analysis)
    assert ax.get_images()[0].get_array().shape == labels.shape
    rows, columns = np.nonzero(labels)
    drawn = ax.lines[0].get_xydata()
    assert drawn[:, 0].min() == pytest.approx(columns.min(), abs=1)
    assert drawn[:, 1].max() == pytest.approx(rows.max(), abs=1)
    assert "right: brooker I" in ax.get_title()
    assert "Not a medical device" in ax.get_xlabel()
    ax.figure.canvas.draw()
    pyplot.close(ax.figure)
    figure, other = pyplot.subplots()
    before = pyplot.get_fignums()
    assert plot(analysis.result, ax=other, image=SAMPLE) is other
    assert pyplot.get_fignums() == before
    pyplot.close(figure)
    gone = analysis.result.images[0].model_copy(update={"path": "not/there.dcm"})
    alone = plot(analysis.result.model_copy(update={"images": (gone,)}))
    assert not alone.get_images()
    assert alone.lines
    pyplot.close(alone.figure)
    with pytest.raises(UsageError, match="not the one that was analysed"):
        plot(analysis, image=ROOT / "sample_data" / "01_no_ectopic_bone.dcm")


def test_a_batch_is_read_when_it_is_asked_for(analysis, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="holds no results"):
        ho_imaging.read_batch(out)
    with pytest.raises(TypeError, match="is not a path"):
        ho_imaging.read_batch(None)
    for number in range(3):
        uid = f"1.2.{number}"
        path = OutputFolder(out).study(uid).result
        path.parent.mkdir(parents=True)
        path.write_text(analysis.result.model_copy(update={"study_uid": uid}).to_json())
    results = ho_imaging.read_batch(str(out))
    assert (len(results), repr(results)) == (3, "BatchResults(3 studies)")
    assert [result.study_uid for result in results] == ["1.2.0", "1.2.1", "1.2.2"]
    assert results[-1].findings == analysis.result.findings
    assert [result.study_uid for result in results[1:]] == ["1.2.1", "1.2.2"]
    results.paths[1].write_text("{}")
    assert results[0].study_uid == "1.2.0"
    with pytest.raises(ReadError, match=r"1\.2\.1"):
        results[1]
