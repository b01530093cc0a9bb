"""The whole way: simulated studies with truth, through the program, to figures and a page."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ho_imaging import Analyzer
from ho_imaging.errors import ReadError, UsageError
from ho_imaging.simulation.hip_scene import HipPlan
from ho_imaging.simulation.studies import write_study
from ho_imaging.training.evaluate import Alarm, FilmRecord, Lesion, SideRecord, evaluate_studies
from ho_imaging.training.evaluation_page import write_page
from ho_imaging.training.evaluation_tables import markdown_tables
from ho_imaging.training.figures import CLEAR, confusion, figures, film_froc, quadratic_kappa
from ho_imaging.training.scoring import sensitivity_at
from ho_imaging.training.truth import list_studies, read_truth
from ho_imaging.vocabulary import Region, View


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    for seed, grades in ((21, ("I", "III")), (22, ("0", "0"))):
        write_study(folder, seed, HipPlan(pixel_mm=0.8, region=Region.PELVIS, view=View.AP, grades=grades))
    return folder


def test_studies_are_evaluated_film_by_film_and_gone_on_with(tmp_path, studies):
    records = evaluate_studies(Analyzer(), studies, tmp_path / "films.jsonl")
    assert [record.study for record in records] == ["study_000021", "study_000022"]
    for record in records:
        truth = read_truth(studies / record.study)
        assert record.has_ho == bool((truth.nodules > 0).any())
        assert {side.side: side.truth for side in record.sides} == {s["side"]: s["brooker"] for s in truth.sides}
        assert record.dice["pelvis"] > 0.7
        assert sum(row[0] for row in record.reliability) > 10_000
    before = (tmp_path / "films.jsonl").read_text()
    assert evaluate_studies(Analyzer("no-such-model"), studies, tmp_path / "films.jsonl") == records
    assert (tmp_path / "films.jsonl").read_text() == before
    # Killed while it wrote the second film's line: that film alone is evaluated again.
    (tmp_path / "films.jsonl").write_text(before[:-300])
    assert evaluate_studies(Analyzer(), studies, tmp_path / "films.jsonl") == records
    assert (tmp_path / "films.jsonl").read_text() == before


def test_truth_that_does_not_fit_is_named(tmp_path, studies):
    with pytest.raises(UsageError, match="no studies"):
        list_studies(tmp_path)
    broken = tmp_path / "study_1"
    (broken / "truth").mkdir(parents=True)
    (broken / "truth" / "truth.json").write_text('{"rows": 3}')
    with pytest.raises(ReadError, match=r"truth\.json"):
        read_truth(broken)


def lesion(score, *, contrast=5.0, length=12.0):
    return Lesion(
        score=score, area_mm2=80.0, long_axis_mm=length, contrast_to_noise=contrast, maturity=0.5, kind="island",
        found_area_mm2=None if score is None else 88.0, found_long_axis_mm=None if score is None else 12.0,
    )  # fmt: skip


def film(name, lesions=(), alarms=(), sides=(), **changes):
    values = {
        "study": name, "status": "done", "reason": None, "region": "hip", "view": "ap", "implant": False,
        "fat_mm": 20.0, "mimics": ("phlebolith",), "has_ho": bool(lesions), "findings": len(lesions),
        "score": max([0.0, *(le.score or 0.0 for le in lesions), *(a.score for a in alarms)]),
        "lesions": lesions, "alarms": alarms, "sides": sides, "dice": {"ho": 0.8} if lesions else {},
        "reliability": ((90, 0.9, 1),) + ((0, 0.0, 0),) * 8 + ((10, 9.5, 8),),
    }  # fmt: skip
    return FilmRecord(**(values | changes))


RECORDS = [
    film("a", (lesion(0.9), lesion(None, contrast=0.4)), (), (SideRecord(side="left", truth="I", found="I"),)),
    film("b", (lesion(0.6), lesion(None)), (Alarm(score=0.7, mimics=("phlebolith",), reported=True),),
         (SideRecord(side="left", truth="III", found="II"),), stated=((0.95, True), (0.95, False), (0.55, True))),
    film("c", (), (Alarm(score=0.3),), (SideRecord(side="left", truth="0", found=None),)),
    film("d", (lesion(None, length=3.0),), status="refused", dice={}, reliability=()),
]  # fmt: skip


def test_figures_worked_by_hand():
    found = figures(RECORDS)
    assert found["films_by_status"] == {"done": 3, "refused": 1, "failed": 0}
    # Five nodules; one is faint and one is short: three are clear, two of those are found.
    assert (found["lesions"], found["lesions_clear"]) == (5, 3)
    assert sensitivity_at(film_froc(RECORDS), 0.0) == pytest.approx(1 / 5)
    assert found["sensitivity"]["0.25"] == pytest.approx(2 / 5)
    assert found["sensitivity_clear"]["0.25"] == pytest.approx(2 / 3)
    assert found["area_error"] == {"nodules": 2, "median_ratio": 1.1, "median_relative_error": 0.1}
    # Stated against true, weighted by pixels: 0.9 * |0.01 - 1/90| + 0.1 * |0.95 - 0.8|.
    assert found["pixel_ece"] == pytest.approx(0.9 * abs(0.01 - 1 / 90) + 0.1 * 0.15, abs=1e-3)
    # Two findings stated at 0.95, one of them a nodule; one at 0.55 that is one.
    assert found["finding_confidence"]["ece"] == pytest.approx(2 / 3 * 0.45 + 1 / 3 * 0.45)
    assert found["finding_confidence"]["mean_true"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["false_alarms_per_mimic"]["phlebolith"] == {
        "films": 3,
        "false_alarms_per_film": pytest.approx(1 / 3, abs=1e-4),
        "reported_per_film": pytest.approx(1 / 3, abs=1e-4),
    }
    assert found["reported_false_alarms_per_film"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["brooker"]["sides_not_graded"] == 1
    json.dumps(found, allow_nan=False)


def test_kappa_against_scikit_learns_definition():
    """Quadratic kappa of a table from Cohen's own formula, weights written out."""
    table = np.array([[5, 1, 0], [1, 4, 2], [0, 1, 6]])
    n = table.sum()
    expected = np.outer(table.sum(1), table.sum(0)) / n
    observed = sum(table[i, j] * (i - j) ** 2 for i in range(3) for j in range(3))
    chance = sum(expected[i, j] * (i - j) ** 2 for i in range(3) for j in range(3))
    assert quadratic_kappa(table) == pytest.approx(1 - observed / chance)
    assert quadratic_kappa(np.diag([3, 4, 5])) == 1.0
    assert np.trace(confusion(RECORDS)) == 1


def test_clear_nodules_are_contrasty_and_not_tiny():
    assert CLEAR(lesion(0.5, contrast=2.0, length=5.0))
    assert not CLEAR(lesion(0.5, contrast=1.9))
    assert not CLEAR(lesion(0.5, length=4.9))


def test_the_page_stands_alone(tmp_path):
    page = write_page(tmp_path, "toy <1>", figures(RECORDS), RECORDS)
    text = page.read_text()
    assert "toy &lt;1&gt;" in text
    assert "http" not in text
    assert text.count("data:image/png;base64,") == 2
    assert {path.name for path in tmp_path.iterdir()} == {"index.html", "froc.png", "reliability.png"}


def test_tables_hold_the_figures_and_are_markdown():
    found = {"model": "toy 1", **figures(RECORDS)}
    text = markdown_tables(found)
    assert "| films (nodules, of which clear) | 4 (5, 3) |" in text
    assert "| sensitivity at 1/8, 1/4, 1/2, 1 false alarms a film, every nodule | 0.20, 0.40, 0.40, 0.40 |" in text
    assert "| refused | 1 of 4 |" in text
    assert "phlebolith 0.33 (3 films)" in text
    for table in text.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
