"""Ctrl-C: it is said how far the batch came, the tables hold what is done, and the same command goes on."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.batch.ledger import Ledger
from ho_imaging.errors import WriteError

CHEST = Settings(region="chest")

WORK = """
import time
from pathlib import Path
from ho_imaging.batch.work import work

def steady(job):
    time.sleep(0.3)
    return work(job)

def interrupted_at_03(job):
    if job.study.images[0].path.name == "03.png":
        raise KeyboardInterrupt
    return work(job)
"""

COMMAND = """
import functools, signal, sys
# Whoever runs the tests in the background of a shell has interrupts ignored, and what they start with them.
signal.signal(signal.SIGINT, signal.default_int_handler)
import {module} as stand_ins
import ho_imaging.batch
from ho_imaging.cli import main
ho_imaging.batch.run_batch = functools.partial(ho_imaging.batch.run_batch, function=stand_ins.steady)
sys.exit(main(sys.argv[1:]))
"""


def by_status(out):
    rows = pq.read_table(out / "studies.parquet").to_pylist()
    counts = {row["status"]: 0 for row in rows}
    for row in rows:
        counts[row["status"]] += 1
    return counts


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="child processes are found as Linux lists them")
@pytest.mark.parametrize(("workers", "moment"), [("0", "at work"), ("2", "at work"), ("2", "starting")])
def test_an_interrupt_is_said_and_the_same_command_goes_on(films, tmp_path, importable, workers, moment):
    out = tmp_path / "out"
    command = [
        sys.executable, "-c", COMMAND.format(module=importable(WORK).__name__),
        "analyze", str(films), "--out", str(out), "--region", "chest", "--workers", workers,
    ]  # fmt: skip
    # As a terminal does it: to every process of the group.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if moment == "starting":
            while process.poll() is None and len(children.read_text().split()) < 3:
                time.sleep(0.02)
            # Workers first: they would have the time to complain before they are ended.
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGINT)
            time.sleep(0.3)
        else:
            for _ in range(3):
                process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _, talk = process.communicate(timeout=300)
    assert process.returncode == 130, talk
    assert "Traceback" not in talk, talk
    said = re.search(r"WARNING interrupted after (\d+) of 12 studies; run the same command again to resume", talk)
    assert said, talk
    with sqlite3.connect(out / "ledger.sqlite") as db:
        (done,) = db.execute("SELECT count(*) FROM studies WHERE state = 'refused'").fetchone()
    assert abs(int(said[1]) - done) <= 1  # it may come just as a study was noted
    assert (done >= 3) == (moment == "at work")
    assert by_status(out) == {"pending": 12 - done} | ({"refused": done} if done else {})
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1, again.stderr  # all are refused: chests
    assert len(again.stdout.splitlines()) == 12 - done
    assert by_status(out) == {"refused": 12}


def test_an_interrupt_in_python_says_how_far_it_came(films, tmp_path, importable):
    out, here = tmp_path / "out", BatchOptions(workers=0)
    functions = importable(WORK)
    with pytest.raises(KeyboardInterrupt, match="after 3 of 12 studies"):
        run_batch([films], out, CHEST, here, function=functions.interrupted_at_03)
    assert by_status(out) == {"refused": 3, "pending": 9}
    # What is still to be done is not forgotten over another input either.
    other = tmp_path / "other"
    other.mkdir()
    (films / "11.png").rename(other / "11.png")
    assert run_batch([other], out, CHEST, here).refused == 1
    assert by_status(out) == {"refused": 4, "pending": 8}
    assert run_batch([films], out, CHEST, here).analysed == 8


def test_an_interrupt_amid_a_note_costs_that_note_alone(tmp_path):
    class Interrupted(list):
        def __iter__(self):
            raise KeyboardInterrupt

    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.begin({})
    with pytest.raises(KeyboardInterrupt):
        ledger.plan([("1.2", "x", 0)], Interrupted(), ())
    ledger.release()
    assert list(ledger.rows()) == []
    ledger.close()


def test_tables_that_cannot_be_written_do_not_hide_the_interrupt(films, tmp_path, importable, monkeypatch, caplog):
    def full(_):
        raise WriteError("cannot be written: No space left on device")

    monkeypatch.setattr("ho_imaging.batch.run.write_tables", full)
    with pytest.raises(KeyboardInterrupt, match="after 3 of 12"):
        run_batch(
            [films], tmp_path / "out", CHEST, BatchOptions(workers=0), function=importable(WORK).interrupted_at_03
        )
    assert "No space" in caplog.text


def test_a_command_that_is_told_to_end_leaves_nothing_of_standard_input(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ho_imaging", "-q", "analyze", "-", "--out", str(out), "--anonymous"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdin.write("the beginning of a film")
        process.stdin.flush()
        while process.poll() is None and not list(out.glob("standard_input/*")):
            time.sleep(0.02)
        process.terminate()
        _, talk = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in talk) == (143, False), talk
    assert not out.exists()
