"""A batch that is stopped, starved and lied to: every study ends exactly once, and nothing is done twice."""

import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from kept_results import keep_results
from PIL import Image

from ho_imaging.batch import BatchOptions, Settings, run_batch, summarise
from ho_imaging.batch.ledger import hold_folder
from ho_imaging.errors import HOImagingError, ModelError, UsageError, WriteError

CHEST = Settings(region="chest")
"""Films that are called chests are refused before any model is needed, so a study takes milliseconds."""

WORKERS = """
import os, time
from pathlib import Path
from ho_imaging.batch.work import Outcome
from ho_imaging.messages import Message

def told(text):
    return Message("unclassified", problem=text, remedy="")

def _note(job):
    with (Path(job.out_dir) / "tries.txt").open("a") as stream:
        stream.write(job.study.images[0].path.name + "\\n")

def steady(job):
    _note(job)
    time.sleep(0.02)
    row = {"study_uid": job.study.study_uid, "status": "done"}
    return Outcome(job.study.study_uid, "done", None, rows={"study": row})

def killed_by_07(job):
    _note(job)
    if job.study.images[0].path.name == "07.png":
        os.kill(os.getpid(), 9)
    return steady(job)

def hangs_on_03(job):
    _note(job)
    if job.study.images[0].path.name == "03.png":
        time.sleep(60)
    return steady(job)

def no_space(job):
    return Outcome(job.study.study_uid, "stopped", told("cannot be written: No space left on device"))

def fails(job):
    _note(job)
    row = {"study_uid": job.study.study_uid, "status": "failed"}
    return Outcome(job.study.study_uid, "failed", told("is damaged"), rows={"study": row})

def share_gone(job):
    return Outcome(job.study.study_uid, "failed", told("cannot be read"), again=True)
"""


@pytest.fixture
def functions(importable):
    """Stand-ins for the work of one study, in a module that worker processes can import."""
    return importable(WORKERS)


def states(out):
    with sqlite3.connect(out / "ledger.sqlite") as db:
        return dict(db.execute("SELECT study_uid, state FROM studies"))


def tries(out):
    lines = (out / "tries.txt").read_text().split()
    return {name: lines.count(name) for name in set(lines)}


def inputs(out):
    """Status, study and reason of each input by its name; none is there twice."""
    rows = pq.read_table(out / "inputs.parquet").to_pylist()
    found = {Path(row["path"]).name: (row["status"], row["study_uid"], row["reason"]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_input_ends_once_and_the_tables_agree(films, tmp_path):
    (films / "torn.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL")
    out = tmp_path / "out"
    counts = run_batch([films], out, CHEST, BatchOptions(workers=2))
    assert (counts.done, counts.refused, counts.failed) == (0, 12, 1)
    table = pq.read_table(out / "studies.parquet").to_pylist()
    assert len(table) == 12
    with (out / "studies.csv").open(newline="") as stream:
        assert [row["study_uid"] for row in csv.DictReader(stream)] == [row["study_uid"] for row in table]
    inputs = pq.read_table(out / "inputs.parquet").to_pylist()
    assert sorted(Path(row["path"]).name for row in inputs) == sorted(path.name for path in films.iterdir())
    run = json.loads((out / "run.json").read_text())
    assert run["studies"] == {"refused": 12}
    assert run["inputs"] == {"refused": 12, "failed": 1}
    assert len(list(out.glob("studies/*/result.json"))) == 12


def test_the_same_command_again_does_nothing_again(films, tmp_path, functions):
    out = tmp_path / "out"
    assert run_batch([films], out, CHEST, BatchOptions(workers=2), function=functions.steady).done == 12
    for uid in states(out):
        (out / "studies" / uid).mkdir(parents=True, exist_ok=True)
        (out / "studies" / uid / "result.json").write_text("{}")
    again = run_batch([films], out, CHEST, BatchOptions(workers=2), function=functions.steady)
    assert (again.done, again.analysed) == (12, 0)
    assert set(tries(out).values()) == {1}


def test_a_changed_file_setting_or_lost_result_is_done_again_and_nothing_else(films, tmp_path, functions):
    out = tmp_path / "out"
    run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.steady)
    keep_results(out)
    os.utime(films / "05.png", ns=(1, 1))
    assert run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.steady).analysed == 1
    assert tries(out)["05.png"] == 2
    next(out.glob("studies/*/result.json")).unlink()
    assert run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.steady).analysed == 1
    keep_results(out)
    other = Settings(region="hand")
    assert run_batch([films], out, other, BatchOptions(workers=0), function=functions.steady).analysed == 12
    keep_results(out)
    again = BatchOptions(workers=0, again=True)
    assert run_batch([films], out, other, again, function=functions.steady).analysed == 12


def test_a_study_that_kills_its_worker_is_given_up_after_two_tries_alone(films, tmp_path, functions):
    out = tmp_path / "out"
    counts = run_batch([films], out, CHEST, BatchOptions(workers=2), function=functions.killed_by_07)
    assert (counts.done, counts.failed) == (11, 1)
    assert tries(out)["07.png"] == 3  # once beside others
    failed = [row for row in pq.read_table(out / "studies.parquet").to_pylist() if row["status"] == "failed"]
    assert "given up after 2 tries alone: its worker was killed (SIGKILL)" in failed[0]["reason"]
    ended = inputs(out)
    assert sorted(ended) == sorted(path.name for path in films.iterdir())
    assert ended.pop("07.png") == ("failed", failed[0]["study_uid"], failed[0]["reason"])
    assert {status for status, _, _ in ended.values()} == {"done"}
    assert json.loads((out / "run.json").read_text())["inputs"] == {"done": 11, "failed": 1}
    assert run_batch([films], out, CHEST, BatchOptions(workers=2), function=functions.killed_by_07).analysed <= 11
    assert tries(out)["07.png"] == 3


def test_a_study_that_never_ends_is_ended(films, tmp_path, functions):
    out = tmp_path / "out"
    options = BatchOptions(workers=2, limit_s=1.5)
    counts = run_batch([films], out, CHEST, options, function=functions.hangs_on_03)
    assert (counts.done, counts.failed) == (11, 1)


def test_a_full_disk_ends_the_batch_and_costs_no_study(films, tmp_path, functions):
    out = tmp_path / "out"
    with pytest.raises(HOImagingError, match="No space"):
        run_batch([films], out, CHEST, BatchOptions(workers=2), function=functions.no_space)
    assert set(states(out).values()) <= {"pending", "running"}
    assert run_batch([films], out, CHEST, BatchOptions(workers=2), function=functions.steady).done == 12


def test_failures_are_tried_again_when_asked_or_when_a_share_was_gone(films, tmp_path, functions):
    out = tmp_path / "out"
    assert run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.share_gone).failed == 12
    assert run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.steady).done == 12


def test_a_failure_may_be_tried_again_any_number_of_times(films, tmp_path, functions):
    out, again = tmp_path / "out", BatchOptions(workers=0, retry_failed=True)
    for _ in range(6):
        assert run_batch([films], out, CHEST, again, function=functions.fails).failed == 12
    assert set(tries(out).values()) == {6}
    assert run_batch([films], out, CHEST, again, function=functions.steady).done == 12


def test_results_lost_again_and_again_are_made_again(films, tmp_path, functions):
    for _ in range(6):
        counts = run_batch([films], tmp_path / "out", CHEST, BatchOptions(workers=0), function=functions.steady)
        assert (counts.done, counts.failed) == (12, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_disk_that_is_full_for_days_costs_no_study(films, tmp_path, functions, workers):
    out, options = tmp_path / "out", BatchOptions(workers=workers)
    for _ in range(4):
        with pytest.raises(HOImagingError, match="No space"):
            run_batch([films], out, CHEST, options, function=functions.no_space)
    assert run_batch([films], out, CHEST, options, function=functions.steady).done == 12


@pytest.mark.parametrize("options", [{"limit": 1}, {"since": 4e9}, {"limit": 0}])
def test_what_a_run_does_not_take_up_stays_in_tables_and_exit_status(films, tmp_path, functions, options):
    out = tmp_path / "out"
    run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.fails)
    again = BatchOptions(workers=0, retry_failed=True, **options)
    counts = run_batch([films], out, CHEST, again, function=functions.steady)
    taken = options.get("limit", 0)
    assert (counts.done, counts.failed, counts.all_done) == (taken, 12 - taken, False)
    assert len(pq.read_table(out / "studies.parquet").to_pylist()) == 12


def test_shards_of_another_cut_do_not_count_a_study_twice(films, tmp_path, functions):
    out = tmp_path / "out"
    for parts, function in ((2, functions.fails), (3, functions.steady)):
        for part in range(1, parts + 1):
            run_batch([films], out, CHEST, BatchOptions(workers=0, shard=(part, parts)), function=function)
        time.sleep(1.1)  # the ledger notes whole seconds
    table = pq.read_table(out / "studies.parquet").to_pylist()
    assert len(table) == len({row["study_uid"] for row in table}) == 12
    assert {row["status"] for row in table} == {"done"}


@pytest.mark.parametrize("wrong", [{"workers": -1}, {"limit": -1}])
def test_numbers_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UsageError, match="-1"):
        BatchOptions(**wrong)


def test_a_device_that_is_not_there_is_said_before_the_first_film(films, tmp_path):
    with pytest.raises(ModelError, match="device"):
        run_batch([films], tmp_path / "out", Settings(region="chest", device="cuda:99"), BatchOptions(workers=2))
    assert not (tmp_path / "out" / "ledger.sqlite").exists()


PELVIS = Settings(
    region="pelvis", laterality="bilateral", view="ap", spacing_mm=(0.5, 0.5), outputs=("dicom", "overlays")
)
HERE = BatchOptions(workers=0)
SAMPLE = Path(__file__).parents[2] / "sample_data" / "07_one_hip_islands.dcm"


def test_nothing_of_an_earlier_result_stays_beside_a_new_one(fake_network, tmp_path):
    """A script that sends what lies in dicom/ must not send the grade of last week."""
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    shutil.copy(SAMPLE, films)
    assert run_batch([films], out, PELVIS, HERE).done == 1
    (folder,) = (out / "studies").iterdir()
    (folder / "report.html").write_text("of the first result")
    (folder / "notes.txt").write_text("somebody's own")
    assert len(list(folder.glob("dicom/*.dcm"))) == 4
    assert len(list(folder.glob("*.overlay.png"))) == 1
    assert run_batch([films], out, replace(PELVIS, outputs=()), replace(HERE, again=True)).done == 1
    left = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert left == {".json", ".jpg", ".txt"}


def test_a_film_that_no_object_can_refer_to_keeps_its_result(fake_network, tmp_path, caplog):
    """A picture whose name says nothing, beside a film that gives objects."""
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    shutil.copy(SAMPLE, films / "b.dcm")
    Image.fromarray((np.random.default_rng(0).random((700, 860)) * 255).astype(np.uint8)).save(
        films / "a", format="PNG"
    )
    counts = run_batch([films], out, PELVIS, HERE)
    assert (counts.done, counts.failed) == (2, 0)
    assert "no DICOM object" in caplog.text
    assert len(list(out.glob("studies/*/dicom/*.dcm"))) == 4
    assert (out / "studies.csv").exists()


def test_what_stumbles_over_a_header_costs_the_objects_alone(fake_network, tmp_path, monkeypatch, caplog):
    def stumble(*_, **__):
        raise AttributeError("Doe^Jane is wrong")

    monkeypatch.setattr("ho_imaging.outputs.dicom.write.to_dicom", stumble)
    counts = run_batch([SAMPLE], tmp_path / "out", PELVIS, HERE)
    assert counts.done == 1
    assert "AttributeError" in caplog.text
    assert "Doe" not in caplog.text


def test_limit_and_shards_share_the_work(films, tmp_path, functions):
    out = tmp_path / "out"
    part = run_batch([films], out, CHEST, BatchOptions(workers=0, limit=5), function=functions.steady)
    assert (part.analysed, part.left) == (5, 7)
    assert not part.all_done
    sharded = tmp_path / "sharded"
    done = [
        run_batch([films], sharded, CHEST, BatchOptions(workers=0, shard=(i, 3)), function=functions.steady).done
        for i in (1, 2, 3)
    ]
    assert sum(done) == 12
    assert set(tries(sharded).values()) == {1}
    assert summarise(sharded)["studies"] == {"done": 12}


def test_since_leaves_out_what_is_older(films, tmp_path, functions):
    for path in films.iterdir():
        os.utime(path, (1_000_000, 1_000_000))
    os.utime(films / "02.png", (2_000_000, 2_000_000))
    counts = run_batch(
        [films], tmp_path / "out", CHEST, BatchOptions(workers=0, since=1_500_000), function=functions.steady
    )
    assert counts.analysed == 1


def test_a_second_run_on_the_same_folder_is_told(films, tmp_path):
    out = tmp_path / "out"
    with hold_folder(out, "ledger"), pytest.raises(UsageError, match="another run"):
        run_batch([films], out, CHEST)


def test_results_below_the_input_are_not_read_as_films(films, functions):
    out = films / "out"
    assert run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.steady).done == 12
    keep_results(out)
    Image.fromarray(np.zeros((80, 90), np.uint8)).save(next((out / "studies").iterdir()) / "1.overlay.png")
    assert run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.steady).analysed == 0


COMMAND = [sys.executable, "-m", "ho_imaging", "-q", "analyze", "--region", "chest", "--workers", "2"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 24))])
def test_kill_9_at_any_moment_and_again_finishes(films, tmp_path, seed):
    """Each seed kills the whole program four times at random moments."""
    rng = random.Random(seed)
    for number in range(30):
        shutil.copy(films / f"{number % 12:02d}.png", films / f"copy{number:02d}.png")
        with (films / f"copy{number:02d}.png").open("ab") as stream:
            stream.write(bytes([number]))  # another file, another study
    out = tmp_path / "out"
    for _ in range(4):
        process = subprocess.Popen(
            [*COMMAND, str(films), "--out", str(out)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(rng.uniform(0.3, 4.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run([*COMMAND, str(films), "--out", str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr  # all are refused: chests
    table = pq.read_table(out / "studies.parquet").to_pylist()
    assert len(table) == len({row["study_uid"] for row in table}) == 42
    assert {row["status"] for row in table} == {"refused"}
    assert len(list(out.glob("studies/*/result.json"))) == 42


def test_a_folder_that_cannot_be_written_is_said(films, tmp_path):
    out = tmp_path / "file"
    out.write_text("not a folder")
    with pytest.raises(UsageError, match="is a file"):
        run_batch([films], out, CHEST)
    if os.geteuid() != 0:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        with pytest.raises(WriteError):
            run_batch([films], locked / "out", CHEST)


def test_the_page_holds_no_script_from_a_file(films, tmp_path, functions):
    out = tmp_path / "out"
    run_batch([films], out, CHEST, BatchOptions(workers=0), function=functions.steady)
    with sqlite3.connect(out / "ledger.sqlite") as db:
        rows = json.dumps({"study": {"study_uid": "1", "status": "done", "reason": "</script><script>alert(1)"}})
        db.execute("UPDATE studies SET rows = ?", (rows,))
    summarise(out)
    page = (out / "index.html").read_text()
    assert "</script><script>alert" not in page
    assert page.count("<script") == 2


def test_a_summary_of_no_batch_says_so(tmp_path):
    with pytest.raises(UsageError, match="no batch"):
        summarise(tmp_path)
