"""The whole way: simulated studies with truth, through the program, to figures and a page."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from ho_imaging import Analyzer
from ho_imaging.errors import ReadError, UsageError
from ho_imaging.evaluation.evaluate import Alarm, FilmRecord, Lesion, SideRecord, evaluate_studies
from ho_imaging.evaluation.evaluation_page import write_page
from ho_imaging.evaluation.evaluation_tables import markdown_tables
from ho_imaging.evaluation.figures import CLEAR, confusion, figures, film_froc
from ho_imaging.evaluation.truth import list_studies, read_truth
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.studies import write_study
from ho_imaging.statistics.agreement import quadratic_kappa
from ho_imaging.statistics.detection import sensitivity_at
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


@pytest.fixture
def copied(tmp_path, studies):
    """Copies of the two studies, to spoil."""
    return shutil.copytree(studies, tmp_path / "copied")


@pytest.mark.parametrize("spoilt", ["film.dcm", "truth/pelvis.png", "truth/truth.json"])
def test_what_cannot_be_read_costs_one_film_and_is_tried_again(tmp_path, studies, copied, spoilt):
    out, place = tmp_path / "films.jsonl", copied / "study_000021" / spoilt
    if spoilt == "truth/truth.json":
        about = json.loads(place.read_text())
        del about["view"]
        place.write_text(json.dumps(about))
    else:
        place.unlink()
    failed, good = evaluate_studies(Analyzer(), copied, out)
    assert (failed.status, failed.evaluated, failed.study) == ("failed", False, "study_000021")
    assert failed.reason
    assert str(copied) not in str(failed.reason), "a path may name the patient"
    assert good.status == "done"
    # Nothing is known of it: it is counted as failed, and is no film without ectopic bone.
    counted, alone = figures([failed, good]), figures([good])
    assert (counted.pop("films"), alone.pop("films")) == (2, 1)
    assert (counted.pop("films_by_status")["failed"], alone.pop("films_by_status")["failed"]) == (1, 0)
    assert counted == alone
    shutil.copyfile(studies / "study_000021" / spoilt, place)
    mended, same = evaluate_studies(Analyzer(), copied, out)
    assert (mended.status, same) == ("done", good)
    assert sorted(json.loads(line)["study"] for line in out.read_text().splitlines()) == [mended.study, same.study]


def test_a_film_is_evaluated_again_when_its_truth_was_corrected(tmp_path, copied):
    out, truth = tmp_path / "films.jsonl", copied / "study_000021" / "truth"
    before = evaluate_studies(Analyzer(), copied, out)
    assert before[0].lesions
    nodules = cv2.imread(str(truth / "nodules.png"), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(truth / "nodules.png"), np.zeros_like(nodules))
    after = evaluate_studies(Analyzer(), copied, out)
    assert (after[0].lesions, after[0].has_ho, after[1]) == ((), False, before[1])
    assert len(out.read_text().splitlines()) == 2
    # Records of earlier versions know nothing of their truth: they are taken as they are.
    old = [record.model_dump(exclude={"truth_digest", "only_open", "evaluated"}) for record in before]
    out.write_text("".join(json.dumps(values) + "\n" for values in old))
    kept = evaluate_studies(Analyzer("no-such-model"), copied, out)
    assert [record.lesions for record in kept] == [record.lesions for record in before]


def test_what_readers_left_open_costs_nothing(tmp_path, copied):
    """The same film, its nodules once false (nobody's), once open: all that is reported on them is forgiven."""
    truth = copied / "study_000021" / "truth"
    about = json.loads((truth / "truth.json").read_text())
    nodules = cv2.imread(str(truth / "nodules.png"), cv2.IMREAD_UNCHANGED)
    place = cv2.dilate((nodules > 0).astype(np.uint8) * np.uint8(255), np.ones((3, 3)))
    about["truth"] |= {"nodules": [], "readers": ["A", "B"]}
    cv2.imwrite(str(truth / "nodules.png"), np.zeros_like(nodules))

    def evaluated(left_open):
        cv2.imwrite(str(truth / "ignore.png"), left_open)
        (truth / "truth.json").write_text(json.dumps(about))
        return evaluate_studies(Analyzer(), copied, tmp_path / "films.jsonl", limit=1)[0]

    false, forgiven = evaluated(np.zeros_like(place)), evaluated(place)
    assert false.findings == len(false.stated) > 0
    assert not any(right for _, right in false.stated)
    assert any(alarm.reported for alarm in false.alarms)
    assert (forgiven.findings, forgiven.stated, forgiven.has_ho, forgiven.only_open) == (0, (), False, True)
    assert not any(alarm.reported for alarm in forgiven.alarms)
    assert forgiven.score < false.score
    assert (false.only_open, false.has_ho) == (False, False)


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


def test_the_more_plainly_a_nodule_shows_the_better_it_is_found():
    """Contrasts 4, 0.4 | 4, 4 | none | 4 but 3 mm: found are the first of film a and the first of film b."""
    every, long, half, one, two = figures(RECORDS)["by_visibility"]
    assert [row["lesions"] for row in (every, long, half, one, two)] == [5, 4, 3, 3, 3]
    assert [row["films"] for row in (every, long, half, one, two)] == [3, 2, 2, 2, 2]
    # No alarm scores above 0.7, so at 1/8 film only the nodule at 0.9 is found, from 1/4 on the one at 0.6, too.
    assert two["cpm"] == pytest.approx((1 / 3 + 6 * 2 / 3) / 7, abs=1e-4)
    assert two["dice_ho_mean"] == long["dice_ho_mean"] == figures(RECORDS)["dice_ho_mean"]
    row = "| 2 and over, 5 mm and over | 3 | 2 |"
    assert row in markdown_tables({"model": "toy 1", **figures(RECORDS)})


def test_without_contrast_nothing_is_said_of_it():
    reviewed = [film("a", (lesion(0.9, contrast=None),))]
    *_, half, one, two = figures(reviewed)["by_visibility"]
    for row in (half, one, two):
        assert (row["lesions"], row["films"], row["cpm"], row["study_auroc"], row["dice_ho_mean"]) == (
            0,
            0,
            None,
            None,
            None,
        )


def test_a_film_whose_nodules_are_open_is_neither_with_nor_without_ectopic_bone():
    unsure = film("e", (), (Alarm(score=0.95),), only_open=True, findings=1, reliability=())
    found, more = figures(RECORDS), figures([*RECORDS, unsure])
    for name in ("study_auroc", "study_auroc_clear"):
        assert more[name]["value"] == found[name]["value"]
    assert more["films_without_ho_with_findings"] == found["films_without_ho_with_findings"] == 0.0


def test_films_without_a_nodule_say_nothing_of_sensitivity():
    negatives = [film(name, (), (Alarm(score=0.3),), findings=1) for name in "abc"]
    for records in (negatives, [], [film("a", evaluated=False, status="failed")]):
        found = figures(records)
        assert set(found["sensitivity"].values()) | set(found["sensitivity_clear"].values()) == {None}
        for name in ("cpm", "cpm_clear", "sensitivity_clear_at_half_a_false_alarm", "study_auroc"):
            assert found[name] == {"value": None, "low": None, "high": None}
        json.dumps(found, allow_nan=False)
        assert "| the same, every nodule |  |" in markdown_tables(found)
    assert figures(negatives)["films_without_ho_with_findings"] == 1.0


def test_nodules_of_unknown_contrast_are_grouped_by_length_alone(tmp_path):
    reviewed = [film("a", (lesion(0.9, contrast=None), lesion(0.8, contrast=None, length=4.0)))]
    found = figures(reviewed)
    groups = {row["group"]: row["lesions"] for row in found["subgroups"]}
    assert not any(count for name, count in groups.items() if name.startswith("contrast"))
    assert (groups["10 to 20 mm"], groups["under 5 mm"], found["lesions_clear"]) == (1, 1, 1)
    assert "| films (nodules, of which clear, that is 5 mm and over) | 1 (2, 1) |" in markdown_tables(found)
    page = write_page(tmp_path, "toy", found, reviewed).read_text()
    assert "clear (5 mm and over)" in page
    assert "contrast-to-noise of 2" not in page
    assert "clear (contrast-to-noise of 2 and over, 5 mm and over)" in (
        write_page(tmp_path, "toy", figures(RECORDS), RECORDS).read_text()
    )


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
