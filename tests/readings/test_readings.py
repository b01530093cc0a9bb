"""Readings measured, compared and put in a reader's list; the truth is drawn by hand on one schematic film."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ho_imaging.errors import ReadError, UsageError
from ho_imaging.readings.agreement import agreement, agreements, bland_altman, plot_bland_altman
from ho_imaging.readings.compare import disagreements, grade_distance, outline_dice
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.film_truth import film_truth
from ho_imaging.readings.grounds import grounds_of
from ho_imaging.readings.plan import ReadingPlan, read_plan, write_plan
from ho_imaging.readings.readings import MODEL, model_reading, reader_reading
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.readings.reviewed_result import reviewed_result
from ho_imaging.results.counting import counted_findings
from ho_imaging.results.schema import (
    EvidenceResult,
    FindingResult,
    ImageResult,
    ModelResult,
    SeverityResult,
    SideResult,
    SoftwareResult,
    StudyResult,
    StudySeverityResult,
)
from ho_imaging.review.worklist import open_worklist
from ho_imaging.statistics.agreement import kappa, quadratic_kappa

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def square(left, top, side):
    return [[[left, top], [left + side, top], [left + side, top + side], [left, top + side]]]


def finding(name, left, top, side, *, on="left", joined=()):
    ring = [(x, y) for x, y in square(left, top, side)[0]]
    return FindingResult(
        id=name, sop_instance_uid="film", side=on, confidence=0.9, mean_probability=0.8, area_px=float(side**2),
        area_mm2=side**2 * 0.25, long_axis_px=side * 2**0.5, long_axis_mm=side * 2**0.5 / 2, short_axis_px=side,
        short_axis_mm=side / 2, long_axis_ends_xy_px=(ring[0], ring[2]), short_axis_ends_xy_px=(ring[1], ring[3]),
        centroid_xy_px=(left + side / 2, top + side / 2), contours_xy_px=(tuple(ring),), density_ratio=0.8,
        nearest_bone="femur", distance_to_bone_mm=1.0, distance_to_joint_mm=48.0, distance_to_joint_radii=2.0,
        periarticular=True, joined_to=joined,
    )  # fmt: skip


def study(uid="1.2.3", *, left="II", right="0", score=40.0, alternatives=(), chance=0.8, findings=None):
    """A pelvis of 400 x 300 px at 0.5 mm; the patient's right is on the left of the film."""
    found = (finding("F1", 250, 100, 20), finding("F2", 260, 200, 10)) if findings is None else findings
    image = ImageResult(
        sop_instance_uid="film", status="done", path="/nowhere/film.dcm", rows=300, columns=400, region="pelvis",
        measured_spacing_mm=(0.5, 0.5), measured_basis="calibrated", sides=("right", "left"),
    )  # fmt: skip

    def side(name, grade, points, ids):
        evidence = EvidenceResult(
            sop_instance_uid="film", statement={"code": "islands"}, finding_ids=ids,
            joined_to={"pelvis": (), "femur": ids[:1]},
            gap_px=None, gap_mm=15.0 if ids else None, gap_ends_xy_px=None, spacing_basis="calibrated",
        )  # fmt: skip
        return SideResult(
            side=name, system="brooker", grade=grade, alternatives=alternatives if ids else (), score=points,
            category="moderate" if ids else "none", evidence=evidence,
            probabilities={grade: chance} if grade else {},
        )  # fmt: skip

    ids = tuple(f.id for f in found)
    worst = StudySeverityResult(grade=left, system="brooker", score=score, category="moderate" if ids else "none")
    return StudyResult(
        study_uid=uid, status="done", images=(image,), findings=found, software=SoftwareResult(name="h", version="0"),
        severity=SeverityResult(sides=(side("right", right, 0.0, ()), side("left", left, score, ids)), study=worst),
        model=ModelResult(name="toy", version="1", sha256="a" * 64),
    )  # fmt: skip


class Reader:
    """Writes a reader's decisions, a minute apart."""

    def __init__(self, name, result, store=None, *, blinded=False):
        self.name, self.result, self.store, self.made = name, result, store, []
        self.does("open", value={"blinded": blinded})

    def does(self, action, target=None, *, value=None, reason=None):
        decision = Decision(
            reader=self.name, study_uid=self.result.study_uid, image_uid="film", action=action, target=target,
            value=value or {}, reason=reason, at=START + timedelta(minutes=len(self.made)), model=self.result.model,
            grounds=None if target is None else grounds_of(self.result, action, target=target),
        )  # fmt: skip
        self.made.append(decision)
        if self.store is not None:
            self.store.append(decision)
        return self

    def draws(self, name, outline):
        return self.does("reshape" if name.startswith("F") else "add", name, value={"outline_xy_px": outline})

    def grades(self, side, grade):
        return self.does("regrade", value={"side": side, "system": "brooker", "from": None, "to": grade}, reason="seen")

    def commits(self, seconds=60.0):
        return self.does("commit").does("close", value={"seconds": seconds})

    @property
    def reading(self):
        return reader_reading(self.result, self.made)


# What a reading is


def test_a_reader_who_only_accepts_reads_what_the_model_reads():
    result = study()
    mine = Reader("A", result).does("accept", "F1").does("accept", "F2").commits(75.0).reading
    model = model_reading(result)
    assert (mine.area_mm2, mine.long_axis_mm, mine.burden) == (model.area_mm2, model.long_axis_mm, model.burden)
    assert mine.grades == model.grades == {"right": "0", "left": "II"}
    assert (mine.committed, mine.seconds) == (True, 75.0)
    assert mine.area_mm2 == 125.0
    assert outline_dice(mine, model) == 1.0


def test_drawn_nodules_are_measured_and_given_a_side():
    ring = square(40, 50, 30)
    hole = square(45, 55, 10)
    mine = Reader("A", study()).draws("R1", [*ring, *hole]).draws("F1", square(250, 100, 40)).commits().reading
    added = next(nodule for nodule in mine.nodules if nodule.id == "R1")
    assert added.area_mm2 == pytest.approx((900 - 100) / 4)
    assert added.long_axis_mm == pytest.approx(30 * 2**0.5 / 2)
    assert added.side == "right"
    reshaped = next(nodule for nodule in mine.nodules if nodule.id == "F1")
    assert (reshaped.area_mm2, reshaped.side, reshaped.drawn) == (400.0, "left", True)


def test_a_rejected_spur_takes_its_gap_and_its_burden_along():
    result = study()
    alone = Reader("A", result).does("reject", "F1").commits().reading
    assert [item.id for item in alone.not_bone] == ["F1"]
    # By the published formula, a head of 48 mm (48 mm are 2 radii), one nodule of 25 mm² at 0.8 of cortex, no gap.
    head = math.pi * 24.0**2
    area, extent = 25.0 / head, 10 * 2**0.5 / 2 / 48.0
    points = 35 * (1 - math.exp(-area)) + 25 * (1 - math.exp(-extent)) + 10 * (1 - math.exp(-1 / 3))
    points += 10 * (1 - math.exp(-0.8 * area))
    assert alone.burdens["left"] == pytest.approx(points, abs=0.05)
    nothing = Reader("A", result).does("reject", "F1").does("reclassify", "F2", value={"mimic": "clips"}).reading
    assert nothing.burdens["left"] == 0.0
    assert (nothing.area_mm2, nothing.long_axis_mm) == (0.0, 0.0)
    assert {item.id: item.mimic for item in nothing.not_bone} == {"F1": None, "F2": "clips"}


@pytest.mark.parametrize("change", ["reject", "add", "reshape"])
def test_a_grade_that_is_left_on_other_nodules_has_nothing_else_of_the_models(change):
    result = study(alternatives=("III",))
    untouched = Reader("A", result).does("accept", "F1").does("accept", "F2").commits().reading
    assert reviewed_result(result, untouched).severity.sides == result.severity.sides
    reader = Reader("A", result)
    changed = {
        "reject": lambda: reader.does("reject", "F2"),
        "add": lambda: reader.draws("R1", square(300, 100, 20)),
        "reshape": lambda: reader.draws("F2", square(260, 200, 12)),
    }[change]()
    right, left = reviewed_result(result, changed.commits().reading).severity.sides
    assert right == result.severity.sides[0]
    assert (left.grade, left.probabilities, left.alternatives, left.possible) == ("II", {}, (), None)
    assert [system.grade for system in left.systems] == ["II"]
    assert str(left.evidence.statement) == "The grade of the model; A changed nodules of this side and left it."


def test_a_side_left_without_a_grade_does_not_take_that_of_the_other():
    result = study(left=None, right="0")
    mine = Reader("A", result).does("accept", "F1").does("accept", "F2").commits().reading
    assert reviewed_result(result, mine).severity.study.grade is None
    rejected = Reader("A", result).does("reject", "F1").does("reject", "F2").commits().reading
    assert reviewed_result(result, rejected).severity.study.grade == "0"


def on_films(*views, findings=()):
    """The study with further films of these views, ``film1`` and on, and their findings."""
    result = study()
    more = [
        result.images[0].model_copy(update={"sop_instance_uid": f"film{number}", "view": view})
        for number, view in enumerate(views, start=1)
    ]
    first = result.images[0].model_copy(update={"view": "ap"})
    return result.model_copy(update={"images": (first, *more), "findings": (*result.findings, *findings)})


def test_a_nodule_that_two_projections_show_adds_up_once():
    again = finding("F3", 100, 100, 20).model_copy(update={"sop_instance_uid": "film1"})
    result = on_films("lateral", findings=[again])
    assert [n.id for n in model_reading(result).nodules] == ["F1", "F2", "F3"]
    assert model_reading(result).area_mm2 == model_reading(study()).area_mm2 == 125.0
    # Fewer nodules are never a greater burden: that of the same reading of the one film.
    one, both = (Reader("A", given).does("reject", "F2").commits().reading for given in (study(), result))
    assert both.burdens["left"] == one.burdens["left"] < study().severity.sides[1].score
    drawn = Reader("A", result).does("reject", "F1").does("reject", "F2").commits().reading
    assert drawn.area_mm2 == 100.0  # the one that is left on the other projection


def test_a_nodule_counts_on_the_next_film_when_that_of_the_best_is_rejected():
    repeats = [
        finding(name, 250, 100, 20).model_copy(update={"sop_instance_uid": film, "same_as": "F1"})
        for name, film in (("F3", "film1"), ("F4", "film2"))
    ]
    result = on_films("ap", "ap", findings=repeats)
    assert model_reading(result).area_mm2 == 125.0
    mine = Reader("A", result).does("reject", "F1").commits().reading
    assert mine.area_mm2 == 125.0
    assert {n.id: n.same_as for n in mine.nodules} == {"F2": None, "F3": None, "F4": "F3"}
    reviewed = reviewed_result(result, mine)
    assert [found.id for found in counted_findings(reviewed)] == ["F2", "F3"]
    moved = Reader("A", result).draws("F1", square(50, 100, 20)).commits().reading  # to the patient's right
    assert moved.area_mm2 == 225.0


def test_a_blinded_reading_is_what_was_drawn_before_the_commitment():
    mine = Reader("A", study(), blinded=True).draws("R1", square(250, 100, 20)).grades("left", "I").commits()
    mine.does("accept", "F2").grades("left", "III")
    assert [nodule.id for nodule in mine.reading.nodules] == ["R1"]
    assert mine.reading.grades == {"right": None, "left": "I"}
    final = reader_reading(mine.result, mine.made, final=True)
    assert [nodule.id for nodule in final.nodules] == ["F2", "R1"]
    assert final.grades["left"] == "III"


# What two readings have in common


def test_dice_of_squares_that_overlap_by_half():
    result = study(findings=())
    one = Reader("A", result).draws("R1", square(100, 100, 20)).commits().reading
    half = Reader("B", result).draws("R1", square(110, 100, 20)).commits().reading
    assert outline_dice(one, half) == pytest.approx(0.5)
    none = Reader("C", result).commits().reading
    assert outline_dice(none, none) is None
    assert outline_dice(one, none) == 0.0


def test_disagreements_in_words():
    result = study(findings=())
    one = Reader("A", result).draws("R1", square(100, 100, 20)).grades("left", "I").commits().reading
    other = Reader("B", result).draws("R1", square(116, 100, 20)).grades("left", "III").commits().reading
    assert disagreements(one, other) == ("left: I or III", "outlines: Dice 0.20")
    assert disagreements(one, other, grade_steps=3, least_dice=0.1) == ()
    none = Reader("C", result).grades("left", "I").commits().reading
    assert disagreements(one, none) == ("ectopic bone: yes or no",)


# Statistics against published worked examples


def test_kappa_of_a_worked_example():
    """Two readers of 50 proposals: both yes 20, both no 15, one yes 5, the other 10; kappa is 0.4."""
    assert kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)
    assert kappa(np.diag([3, 4])) == 1.0
    assert math.isnan(kappa(np.array([[7, 0], [0, 0]])))


def test_weighted_kappa_of_a_worked_example():
    """Quadratic weights on a table of three classes, summed by hand: 1 - sum(w o) / sum(w e)."""
    table = np.array([[11, 2, 1], [3, 8, 2], [0, 4, 9]])
    observed = 2 + 4 * 1 + 3 + 2 + 4
    rows, columns = (14, 13, 13), (14, 14, 12)
    expected = sum((i - j) ** 2 * rows[i] * columns[j] for i in range(3) for j in range(3)) / 40
    assert quadratic_kappa(table) == pytest.approx(1 - observed / expected)


WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_bland_and_altmans_own_example():
    """Peak expiratory flow by two meters, 17 subjects (Lancet 1986; i: 307-310), with the numbers of the paper."""
    found = bland_altman(WRIGHT, MINI)
    assert found.studies == 17
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    # The paper takes 2 standard deviations of 38.8 (-79.7 to 75.5); here it is 1.96.
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(38.8, abs=0.05)
    assert found.bias_interval == pytest.approx((-22.0, 17.8), abs=0.15)
    assert np.array(found.low_interval) - found.low == pytest.approx((-34.6, 34.6), abs=0.2)
    assert found.differences[0] == -18
    assert found.means[0] == 503


def test_few_studies_give_no_limits():
    assert math.isnan(bland_altman([], []).bias)
    assert bland_altman([3.0], [1.0]).bias == 2.0
    assert math.isnan(bland_altman([3.0], [1.0]).low)
    with pytest.raises(UsageError, match="pairs"):
        bland_altman([1.0], [1.0, 2.0])


def test_the_plot_draws_what_was_measured():
    pytest.importorskip("matplotlib").use("Agg")
    found = bland_altman(WRIGHT, MINI)
    ax = plot_bland_altman(found, title="flow", unit="l/min")
    (points,) = [item for item in ax.collections if len(item.get_offsets()) == 17]
    np.testing.assert_allclose(points.get_offsets(), np.column_stack([found.means, found.differences]))
    ends = [tuple(line.get_ydata()) for line in ax.lines]
    for value in (found.bias, found.low, found.high):
        assert (value, value) in ends
    for interval in (found.bias_interval, found.low_interval, found.high_interval):
        assert interval in ends


def test_agreement_of_two_readers_and_the_model(tmp_path, caplog):
    store = ReviewStore(tmp_path / "reviews")
    readers = ("A", "B")
    grades = {"A": ["I", "II", "III", "0"], "B": ["I", "III", "III", "0"]}
    for number in range(4):
        result = study(f"1.2.{number}", left="I")
        folder = tmp_path / "studies" / result.study_uid
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(result.to_json())
        for name in readers:
            reader = Reader(name, result, store).grades("left", grades[name][number])
            if name == "B" and number == 0:
                reader.draws("F1", square(250, 100, 40))
            reader.commits(30.0 * (number + 1))
    Reader("C", result, store)  # has not committed: is in no comparison
    found = {(item.first, item.second): item for item in agreements(tmp_path)}
    assert set(found) == {("A", "B"), ("A", MODEL), ("B", MODEL)}
    assert "no result here" not in caplog.text
    Reader("A", study("1.2.9"), store).commits()  # whose result has gone
    assert len(agreements(tmp_path)) == 3
    assert "decisions on 1 studies that have no result here are left out, the first: 1.2.9" in caplog.text
    both = found["A", "B"]
    assert (both.studies, both.sides, both.not_graded) == (4, 8, 0)
    assert both.same_grade == 7 / 8
    table = np.array(both.table)
    assert table[0, 0] == 5
    assert (table[1, 1], table[2, 3], table[3, 3]) == (1, 1, 1)
    assert both.kappa.value == pytest.approx((7 / 8 - 28 / 64) / (1 - 28 / 64))
    assert both.kappa.low <= both.kappa.value <= both.kappa.high
    assert both.dice_studies == 4
    assert both.dice.value == 1.0
    # B's outline of one nodule of 100 mm² is 300 mm² larger on one study of four.
    assert both.measures["area_mm2"].bias == pytest.approx(-75.0)
    assert both.measures["area_mm2"].differences == (-300.0, 0.0, 0.0, 0.0)
    assert (both.seconds[0].median, both.seconds[0].count) == (75.0, 4)
    assert found["A", MODEL].seconds[1].count == 0
    json.dumps([item.to_dict() for item in found.values()], allow_nan=False)
    assert "quadratic-weighted kappa" in both._repr_html_()
    assert agreements(tmp_path)[0].to_dict() == both.to_dict()


def test_residual_limbs_are_compared_by_their_own_grades(tmp_path):
    store = ReviewStore(tmp_path / "reviews")
    grades = {"A": ["II", "none", "mild"], "B": ["II", "severe", "mild"]}
    for number in range(3):
        result = study(f"1.2.{number}", left="II")
        folder = tmp_path / "studies" / result.study_uid
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(result.to_json())
        for name in ("A", "B"):
            reader = Reader(name, result, store).grades("left", grades[name][number])
            if number > 0:
                reader = reader.grades("right", grades[name][number])
            reader.commits(10.0)
    readers = [item for item in agreements(tmp_path) if MODEL not in (item.first, item.second)]
    hips, limbs = readers
    assert (hips.studies, hips.sides, hips.same_grade) == (1, 2, 1.0)
    assert limbs.grades == ("none", "mild", "moderate", "severe")
    assert (limbs.studies, limbs.sides, limbs.same_grade) == (2, 4, 0.5)
    assert limbs.table[0][3] == 2


def test_steps_between_grades_of_a_residual_limb_are_counted():
    assert grade_distance("none", "severe") == 3
    assert grade_distance("mild", "mild") == 0
    assert grade_distance("0", "IV") == 4
    assert grade_distance("0", "mild") == 1
    assert grade_distance(None, "mild") is None


def test_readings_of_different_studies_are_no_pair():
    with pytest.raises(UsageError, match="pairs"):
        agreement([(model_reading(study("1")), model_reading(study("2")))])


# What becomes of a film's pixels


def test_where_readers_differ_the_truth_is_open():
    result = study()
    one = Reader("A", result).does("accept", "F1").does("reject", "F2").draws("R1", square(50, 50, 10)).commits()
    other = Reader("B", result).does("accept", "F1").does("accept", "F2").commits()
    truth = film_truth([one.reading, other.reading], "film", (300, 400), rim=False)
    assert truth.ho[105:115, 255:265].all()
    assert truth.is_open[203:207, 263:267].all()
    assert truth.is_open[53:57, 53:57].all()
    assert not truth.not_bone.any()
    assert (truth.ho.sum(), truth.ho[:, :240].sum()) == (pytest.approx(400, abs=45), 0)


def test_only_what_a_reader_drew_is_certain_to_its_edge():
    result = study()
    accepted = Reader("A", result).does("accept", "F1").does("reject", "F2").commits().reading
    truth = film_truth([accepted], "film", (300, 400))
    assert truth.is_open[110, [249, 250]].all()
    assert truth.ho[110, 252]
    assert not truth.ho[110, 250]
    assert truth.not_bone[205, 265]
    drawn = Reader("A", result).draws("F1", square(250, 100, 20)).does("reject", "F2").commits().reading
    assert not film_truth([drawn], "film", (300, 400)).is_open.any()
    left = Reader("A", result).does("accept", "F1").commits().reading
    assert film_truth([left], "film", (300, 400)).is_open[203:207, 263:267].all()  # nobody decided on F2


def test_a_nodule_smaller_than_a_pixel_of_the_grid_stays():
    reading = Reader("A", study(findings=())).draws("R1", square(100, 100, 2)).commits().reading
    truth = film_truth([reading], "film", (30, 40), lambda points: points / 10.0)
    assert np.argwhere(truth.ho).tolist() == [[10, 10]]


# The reader's list


@pytest.fixture
def batch(tmp_path):
    """Four studies, from none to severe, least certain in the middle; one that was refused."""
    kinds = {
        "1.2.0": study("1.2.0", left="0", score=0.0, findings=()),
        "1.2.1": study("1.2.1", left="I", score=20.0, alternatives=("II",), chance=0.5),
        "1.2.2": study("1.2.2", left="II", score=40.0, chance=0.9),
        "1.2.3": study("1.2.3", left="III", score=60.0, alternatives=("II",), chance=0.7),
    }
    for uid, result in kinds.items():
        folder = tmp_path / "studies" / uid
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(result.to_json())
    refused = tmp_path / "studies" / "1.2.9"
    refused.mkdir()
    no = StudyResult(study_uid="1.2.9", status="refused", images=(), software=SoftwareResult(name="h", version="0"))
    (refused / "result.json").write_text(no.to_json())
    return tmp_path, kinds, ReviewStore(tmp_path / "reviews")


def uids(rows):
    return [row.study_uid for row in rows]


def test_a_list_in_the_order_that_was_asked_for(batch):
    folder, kinds, store = batch
    Reader("A", kinds["1.2.0"], store).draws("R1", square(50, 50, 30)).commits(500.0)
    listed = open_worklist(folder, "A")
    assert uids(listed)[-1] == "1.2.0"
    assert uids(listed.by("severity"))[:3] == ["1.2.3", "1.2.2", "1.2.1"]
    assert uids(listed.by("certainty"))[0] == "1.2.1"
    assert uids(listed.by("disagreement"))[0] == "1.2.0"  # the model saw nothing there
    assert uids(listed.by("seconds"))[0] == "1.2.0"
    assert sorted(uids(listed.by("own"))) == sorted(kinds)
    assert uids(listed.by("own")) != uids(open_worklist(folder, "B").by("own"))
    assert uids(listed.where(uncertain=True)) == ["1.2.3", "1.2.1"]
    assert uids(listed.where(state="committed")) == uids(listed.where(disagreement=True)) == ["1.2.0"]
    assert uids(listed.where(grade="II")) == ["1.2.2"]
    with pytest.raises(UsageError, match="no order"):
        listed.by("beauty")


def test_progress_and_what_comes_next(batch):
    folder, kinds, store = batch
    Reader("A", kinds["1.2.3"], store).commits(40.0)
    Reader("A", kinds["1.2.2"], store).commits(60.0)
    Reader("A", kinds["1.2.0"], store).does("note", reason="later")
    listed = open_worklist(folder, "A")
    progress = listed.progress
    assert (progress.unread, progress.open, progress.committed, progress.total) == (1, 1, 2, 4)
    assert progress.median_seconds == 50.0
    assert listed.next.study_uid == "1.2.0"  # begun, so first
    Reader("A", kinds["1.2.0"], store).commits()
    assert listed.next.study_uid == "1.2.0"  # a list does not change by itself
    assert listed.refresh().next.study_uid == "1.2.1"


def test_a_blinded_list_says_nothing_of_the_model(batch):
    folder, kinds, store = batch
    write_plan(store.folder, ReadingPlan(readers=("A", "B"), readings_per_study=2, blinded=True))
    Reader("B", kinds["1.2.3"], store, blinded=True).grades("left", "I").commits()
    shown = {uid: next(row for row in open_worklist(folder, "A") if row.study_uid == uid) for uid in kinds}
    told = {"grade", "alternatives", "certainty", "score", "category", "findings", "area_mm2", "longest_mm"}
    rows = [{name: getattr(row, name) for name in told | {"disagreements"}} for row in shown.values()]
    assert all(row == rows[0] for row in rows)  # nothing tells one study from another
    before = uids(open_worklist(folder, "A"))
    assert "III" not in open_worklist(folder, "A")._repr_html_()
    assert uids(open_worklist(folder, "A").by("severity")) == sorted(kinds)
    # The order is the same whatever the model thinks.
    for uid, result in kinds.items():
        other = result.model_copy(update={"findings": (), "severity": None})
        (folder / "studies" / uid / "result.json").write_text(other.to_json())
    assert uids(open_worklist(folder, "A")) == before
    for uid, result in kinds.items():
        (folder / "studies" / uid / "result.json").write_text(result.to_json())

    Reader("A", kinds["1.2.3"], store, blinded=True).grades("left", "III").commits()
    row = next(row for row in open_worklist(folder, "A") if row.study_uid == "1.2.3")
    assert (row.grade, row.hidden, row.committed_by) == ("III", False, ("A", "B"))
    assert row.disagreements == ("left: I or III",)
    assert [r.study_uid for r in open_worklist(folder, "A") if not r.hidden] == ["1.2.3"]


def test_studies_on_which_readers_disagree_go_to_the_adjudicator(batch):
    folder, kinds, store = batch
    plan = ReadingPlan(readers=("A", "B", "C"), readings_per_study=2, adjudicator="J")
    write_plan(store.folder, plan)
    assert read_plan(store.folder) == plan
    assert len(open_worklist(folder, "J")) == 0
    for uid, grades in {"1.2.1": ("I", "I"), "1.2.2": ("II", "III")}.items():
        for name, grade in zip(plan.readers_of(uid), grades, strict=True):
            Reader(name, kinds[uid], store).grades("left", grade).commits()
    (row,) = open_worklist(folder, "J")
    assert (row.study_uid, row.disagreements) == ("1.2.2", ("left: II or III",))
    Reader("J", kinds["1.2.2"], store).grades("left", "III").commits()
    assert open_worklist(folder, "J").progress.committed == 1
    with pytest.raises(UsageError, match="is not a reader of this plan"):
        open_worklist(folder, "D")


def test_a_plan_shares_studies_evenly_and_for_good():
    plan = ReadingPlan(readers=("A", "B", "C"), readings_per_study=2)
    given = [plan.readers_of(f"1.2.{number}") for number in range(600)]
    assert all(len(set(names)) == 2 for names in given)
    for name in plan.readers:
        assert sum(name in names for names in given) == pytest.approx(400, abs=40)
    assert given[:10] == [plan.readers_of(f"1.2.{number}") for number in range(10)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"readings_per_study": 3}, "more readings"),
        ({"readers": ["A", "A"]}, "named twice"),
        ({"adjudicator": "A"}, "one of the readers"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_an_impossible_plan_is_named(tmp_path, changes, named):
    (tmp_path / "plan.json").write_text(json.dumps({"readers": ["A", "B"]} | changes))
    with pytest.raises(UsageError, match=named) as problem:
        read_plan(tmp_path)
    assert "plan.json" in str(problem.value)


def test_a_folder_without_results_and_a_damaged_result_are_named(tmp_path, batch):
    with pytest.raises(UsageError, match="holds no results"):
        open_worklist(tmp_path / "nowhere", "A")
    folder, _, _ = batch
    (folder / "studies" / "1.2.1" / "result.json").write_text("{}")
    with pytest.raises(ReadError, match=r"result\.json"):
        open_worklist(folder, "A")


def test_words_from_files_do_not_become_markup(batch):
    folder, _, _ = batch
    assert repr(open_worklist(folder, "A")) == "<Worklist of 'A': 0 of 4 studies committed>"
    listed = open_worklist(folder, "<script>alert(1)</script>")
    assert "<script>" not in listed._repr_html_()
