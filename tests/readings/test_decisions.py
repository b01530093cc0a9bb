"""What readers decide is kept at once, and applies to a result as a list of steps says it should."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pydantic import ValidationError

from ho_imaging import simulation
from ho_imaging.errors import ReadError, UsageError, WriteError
from ho_imaging.readings.apply_decisions import review_state
from ho_imaging.readings.decision_history import active_decisions, until_commit
from ho_imaging.readings.decision_values import MIMICS
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.schema import (
    EvidenceResult,
    FindingResult,
    SeverityResult,
    SideResult,
    SoftwareResult,
    StudyResult,
    StudySeverityResult,
)

STUDY, FILM = "1.2.3", "1.2.3.4"
SQUARE = [[[10.0, 20.0], [30.0, 20.0], [30.0, 40.0], [10.0, 40.0]]]
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def decide(action, target=None, value=None, *, reader="AB", after=0.0, reason=None, **more):
    return Decision(
        reader=reader, study_uid=STUDY, image_uid=FILM, action=action, target=target, value=value or {},
        reason=reason, at=START + timedelta(seconds=after), **more,
    )  # fmt: skip


def regrade(to, before="II", reason="a bridge", side="left"):
    return decide("regrade", value={"side": side, "system": "brooker", "from": before, "to": to}, reason=reason)


def finding(name):
    return FindingResult(
        id=name, sop_instance_uid=FILM, side="left", confidence=0.9, mean_probability=0.8, area_px=400.0,
        area_mm2=100.0, long_axis_px=28.0, long_axis_mm=14.0, short_axis_px=28.0, short_axis_mm=14.0,
        long_axis_ends_xy_px=((10, 20), (30, 40)), short_axis_ends_xy_px=((30, 20), (10, 40)), centroid_xy_px=(20, 30),
        contours_xy_px=(((10, 20), (30, 20), (30, 40), (10, 40)),), density_ratio=None, nearest_bone="femur",
        distance_to_bone_mm=1.0, distance_to_joint_mm=5.0, distance_to_joint_radii=1.0, periarticular=True,
        joined_to=(),
    )  # fmt: skip


@pytest.fixture
def result():
    evidence = EvidenceResult(
        sop_instance_uid=FILM, statement={"code": "spurs_alone"}, finding_ids=("F1",),
        joined_to={"pelvis": (), "femur": ("F1",)},
        gap_px=30.0, gap_mm=15.0, gap_ends_xy_px=((2, 1), (4, 3)), spacing_basis="calibrated",
    )  # fmt: skip
    sides = [
        SideResult(side=s, system="brooker", grade=g, alternatives=(), score=10.0, category="mild", evidence=evidence)
        for s, g in (("right", "0"), ("left", "II"))
    ]
    return StudyResult(
        study_uid=STUDY, status="done", images=(), findings=(finding("F1"), finding("F2"), finding("F3")),
        severity=SeverityResult(sides=tuple(sides), study=StudySeverityResult(grade="II", score=10.0, category="mild")),
        software=SoftwareResult(name="ho_imaging", version="0"),
    )  # fmt: skip


def by_id(state):
    return {found.id: found for found in state.findings}


def test_what_was_kept_is_read_as_it_was(tmp_path):
    store = ReviewStore(tmp_path / "reviews")
    kept = [
        decide("open"),
        decide("add", "R1", {"outline_xy_px": SQUARE}),
        regrade("III", reason="Brücke über dem Hals"),
    ]
    for decision in kept:
        store.append(decision)
    other = decide("reject", "F1", reader="Dr. Müller / Haus 2")
    store.append(other)
    again = ReviewStore(tmp_path / "reviews")
    assert again.read(STUDY, "AB") == kept
    assert again.read(STUDY, other.reader) == [other]
    assert sorted(d.id for d in again.read(STUDY)) == sorted(d.id for d in [*kept, other])
    assert again.readers(STUDY) == ["AB", other.reader]
    assert again.studies() == [STUDY]
    assert again.read("9.9") == []
    assert ReviewStore(tmp_path / "nowhere").studies() == []
    assert (tmp_path / "reviews" / STUDY / "AB.jsonl").read_text().count("\n") == 3


@pytest.mark.parametrize("name", ["../../up", "a/b", "a_b", "..", "con\\x", "x" * 90, "Ä"])
def test_a_readers_name_stays_inside_the_store_and_is_not_mixed_with_another(tmp_path, name):
    store = ReviewStore(tmp_path / "in" / "reviews")
    store.append(decide("accept", "F1", reader=name))
    store.append(decide("reject", "F1", reader=re.sub("[^A-Za-z0-9]", "_", name) + "_"))
    assert [d.action for d in store.read(STUDY, name)] == ["accept"]
    assert {path.parent for path in tmp_path.rglob("*.jsonl")} == {tmp_path / "in" / "reviews" / STUDY}


def test_a_study_whose_uid_is_no_uid_keeps_its_name(tmp_path):
    store = ReviewStore(tmp_path)
    store.append(Decision(reader="AB", study_uid="../../etc", action="open"))
    assert store.studies() == ["../../etc"]
    assert len(list(tmp_path.glob("uid-*/AB.jsonl"))) == 1


def test_a_torn_line_costs_that_line_only(tmp_path, caplog):
    store = ReviewStore(tmp_path)
    first, third = decide("accept", "F1"), decide("reject", "F2")
    store.append(first)
    path = store.path(STUDY, "AB")
    whole = decide("note", reason="ü").to_line().encode()
    for cut in (1, len(whole) // 2, len(whole) - 3):
        path.write_bytes(first.to_line().encode() + whole[:cut])
        caplog.clear()
        assert store.read(STUDY, "AB") == [first]
        assert "line 2 was torn" in caplog.text
    store.append(third)
    assert store.read(STUDY, "AB") == [first, third]


@pytest.mark.parametrize("first", [1, 3, 6])
def test_a_file_merged_from_copies_says_what_its_longest_copy_says(tmp_path, result, caplog, first):
    store = ReviewStore(tmp_path)
    made = [
        decide("open"),
        decide("reject", "F1"),
        decide("add", "R1", {"outline_xy_px": SQUARE}),
        decide("accept", "F1"),
        decide("close", value={"seconds": 60.0}),
        decide("reject", "F2"),
    ]
    for decision in made:
        store.append(decision)
    before = review_state(result, store.read(STUDY, "AB"))
    with store.path(STUDY, "AB").open("a") as file:
        file.writelines(decision.to_line() for decision in made[:first])
    assert store.read(STUDY, "AB") == made
    assert review_state(result, store.read(STUDY, "AB")) == before
    assert by_id(before)["F1"].status == "accepted"
    assert f"({first} left out)" in caplog.text


def test_nodules_that_two_copies_gave_one_name_are_both_kept(tmp_path, caplog):
    store = ReviewStore(tmp_path)
    other = [[[x + 50.0, y] for x, y in SQUARE[0]]]
    for outline in (SQUARE, other):
        store.append(decide("add", "R1", {"outline_xy_px": outline}))
    kept = store.read(STUDY, "AB")
    assert [decision.value["outline_xy_px"] for decision in kept] == [SQUARE, other]
    assert kept[0].target == "R1"
    assert re.fullmatch("R-[0-9a-f]{6}", kept[1].target)
    assert "two nodules were added as R1" in caplog.text


def test_a_whole_line_that_is_no_decision_is_named(tmp_path):
    store = ReviewStore(tmp_path)
    store.append(decide("accept", "F1"))
    path = store.path(STUDY, "AB")
    later = json.loads(path.read_text()) | {"colour": "red"}
    path.write_text(path.read_text() + json.dumps(later) + "\n")
    with pytest.raises(ReadError, match=r"AB\.jsonl: line 2 is not a decision: colour") as caught:
        store.read(STUDY, "AB")
    assert "version that wrote it" in str(caught.value)


def test_a_killed_writer_leaves_whole_lines(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from ho_imaging.readings.decisions import Decision\nfrom ho_imaging.readings.review_store import ReviewStore\n"
        f"store = ReviewStore(Path({str(tmp_path)!r}))\n"
        "while True:\n"
        f"    d = Decision(reader='AB', study_uid={STUDY!r}, action='note', reason='x' * 500)\n"
        "    store.append(d)\n    print(d.id, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        told = [process.stdout.readline().strip() for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        told += [line.strip() for line in process.stdout.read().splitlines()]
    kept = [decision.id for decision in ReviewStore(tmp_path).read(STUDY, "AB")]
    assert kept[: len(told)] == told  # all that was said to be kept is
    assert len(kept) <= len(told) + 1


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="could not be kept"):
        ReviewStore(tmp_path / "file").append(decide("accept", "F1"))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"action": "reclassify", "value": {"mimic": "ghost"}}, "mimic is not one"),
        ({"action": "add", "value": {}}, "no outline"),
        ({"action": "add", "value": {"outline_xy_px": [[[0, 0], [1, 1]]]}}, "fewer than three"),
        ({"action": "add", "value": {"outline_xy_px": [[[0, 0], [1, 1], [0, float("nan")]]]}}, "finite number"),
        ({"action": "add", "value": {"outline_xy_px": SQUARE}, "image_uid": None}, "names no film"),
        ({"action": "accept", "target": None}, "names no nodule"),
        ({"action": "regrade", "value": {"side": "left", "system": "brooker", "from": "I", "to": "II"}}, "reason"),
        (
            {
                "action": "measure",
                "value": {"from_xy_px": [0, 0], "to_xy_px": [1, 1], "length_mm": "5", "basis": "none"},
            },
            "length_mm",
        ),
        ({"action": "undo", "value": {}}, "names no decision"),
        ({"action": "close", "value": {"seconds": -1}}, "duration"),
        ({"action": "burn"}, "action"),
        ({"reader": " "}, "printable"),
        ({"reader": "a\nb"}, "printable"),
        ({"at": START.astimezone(timezone(timedelta(hours=2)))}, "UTC"),
        ({"at": START.replace(tzinfo=None)}, "timezone"),
        ({"whatever": 1}, "Extra"),
    ],
)
def test_what_is_no_decision_is_refused(change, problem):
    plain = {"reader": "AB", "study_uid": STUDY, "image_uid": FILM, "action": "accept", "target": "F1"}
    with pytest.raises(ValidationError, match=problem):
        Decision(**(plain | change))


def test_decisions_apply_in_their_order(result):
    hole = [[[12.0, 22.0], [14.0, 22.0], [14.0, 24.0]]]
    state = review_state(
        result,
        [
            decide("open"),
            decide("accept", "F1"),
            decide("reclassify", "F2", {"mimic": "phlebolith"}),
            decide("reshape", "F3", {"outline_xy_px": SQUARE + hole}),
            decide("add", "R1", {"outline_xy_px": SQUARE}),
            decide("add", "R2", {"outline_xy_px": SQUARE}),
            decide("reject", "R2"),
            decide("reject", "F1"),
            regrade("III"),
            regrade("IV", before="III", reason="bridged on the second look"),
            decide("accept", "F9", grounds="9" * 32),
        ],
    )
    findings = by_id(state)
    assert {name: found.status for name, found in findings.items()} == {
        "F1": "rejected", "F2": "mimic", "F3": "accepted", "R1": "added", "R2": "rejected",
    }  # fmt: skip
    assert findings["F2"].mimic == "phlebolith"
    assert findings["F3"].reshaped
    assert not findings["F1"].reshaped
    assert [list(map(list, ring)) for ring in findings["F3"].outline_xy_px] == SQUARE + hole
    # (row, column) in the result is (x, y) = (column, row) here: the first point of the square lies at row 20.
    assert findings["F1"].outline_xy_px[0][0] == (10.0, 20.0)
    assert findings["F1"].outline_xy_px[0][1] == (30.0, 20.0)
    assert state.grades == {"right": ("0", None), "left": ("IV", "bridged on the second look")}
    assert not state.committed
    assert [decision.target for decision in state.left_out] == ["F9"]


def test_undo_and_redo(result):
    accept, reject, shape = (
        decide("accept", "F1"),
        decide("reject", "F1"),
        decide("reshape", "F1", {"outline_xy_px": SQUARE}),
    )
    steps = [accept, reject, shape, decide("undo", value={"undoes": shape.id})]
    assert by_id(review_state(result, steps))["F1"].status == "rejected"
    steps.append(decide("undo", value={"undoes": reject.id}))
    assert by_id(review_state(result, steps))["F1"].status == "accepted"
    steps.append(decide("undo", value={"undoes": accept.id}))
    assert by_id(review_state(result, steps))["F1"].status == "unseen"
    steps.append(decide("redo", value={"redoes": accept.id}))
    assert by_id(review_state(result, steps))["F1"].status == "accepted"
    assert active_decisions(steps) == [accept]


def test_a_commitment_stands(result):
    add, commit, accept = decide("add", "R1", {"outline_xy_px": SQUARE}), decide("commit"), decide("accept", "F1")
    steps = [decide("open"), add, commit, accept, decide("undo", value={"undoes": commit.id})]
    assert review_state(result, steps).committed
    assert until_commit(steps) == steps[:3]
    before = by_id(review_state(result, until_commit(steps)))
    assert (before["F1"].status, before["R1"].status) == ("unseen", "added")


def test_time_at_the_film(result):
    steps = [
        decide("open", after=0), decide("accept", "F1", after=30), decide("close", value={"seconds": 42.5}, after=60),
        decide("open", after=1000), decide("reject", "F1", after=1010),  # the kernel died: ten seconds are known of
        decide("open", after=5000), decide("close", value={"seconds": 7.0}, after=5020),
    ]  # fmt: skip
    assert review_state(result, steps).seconds == pytest.approx(42.5 + 10.0 + 7.0)


def test_nothing_decided_leaves_the_result(result):
    state = review_state(result, [])
    assert {found.status for found in state.findings} == {"unseen"}
    assert state.grades["left"] == ("II", None)
    assert (state.seconds, state.committed) == (0.0, False)


def test_readers_are_not_mixed(result):
    with pytest.raises(UsageError, match="2 readers"):
        review_state(result, [decide("open"), decide("open", reader="CD")])
    with pytest.raises(UsageError, match="another study"):
        review_state(result.model_copy(update={"study_uid": "7.7"}), [decide("open")])


def test_every_mimic_that_is_simulated_can_be_named():
    drawn = set()
    for path in Path(simulation.__file__).parent.glob("*mimics*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Mimic" and call.args:
                drawn |= {a.value for a in call.args[:1] if isinstance(a, ast.Constant)}
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "_ossicle":
                drawn |= {a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    assert len(drawn) > 10
    assert drawn <= set(MIMICS)
