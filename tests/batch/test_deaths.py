"""Who is to blame when a worker or the program dies: a study is given up only if it kills its worker alone, twice.

Studies are stood in for: what they do to their worker depends on the name of their film.
"""

import contextlib
import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from kept_results import keep_results

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.batch.ledger import Ledger
from ho_imaging.errors import HOImagingError

CHEST = Settings(region="chest")
HERE = BatchOptions(workers=0)

STUDIES = """
import os, signal, time
from pathlib import Path
from ho_imaging.batch.work import Outcome, work
from ho_imaging.errors import ModelError
from ho_imaging.pipeline import LOADING
from ho_imaging.stopwatch import stage
from ho_imaging.messages import Message

def told(text):
    return Message("unclassified", problem=text, remedy="")

def _name(job):
    return job.study.images[0].path.stem

def _note(job):
    with (Path(job.out_dir) / "tries.txt").open("a") as stream:
        stream.write(f"{_name(job)} {os.getpid()}\\n")

def ends(job):
    _note(job)
    row = {"study_uid": job.study.study_uid, "status": "done"}
    return Outcome(job.study.study_uid, "done", None, rows={"study": row})

def deadly(job):
    if _name(job) not in {"03", "05"}:
        return ends(job)
    _note(job)
    if _name(job) == "03":
        os._exit(5)
    os.kill(os.getpid(), signal.SIGSEGV)

def victim(job):
    '''The study of 04 takes the memory, that of 05, at work beside it, is killed for it; each waits for the other.'''
    at_work, killed = Path(job.out_dir) / "04 is at work", Path(job.out_dir) / "05 was killed"
    if _name(job) == "04":
        at_work.touch()
        _wait_for(killed)
    if _name(job) == "05" and not killed.exists():
        _wait_for(at_work)
        _note(job)
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return ends(job)

def _wait_for(path):
    until = time.monotonic() + 60.0
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)

def dies_loading(job):
    _note(job)
    with stage(LOADING):
        os.kill(os.getpid(), signal.SIGKILL)

def dies_loading_once(job):
    mark = Path(job.out_dir) / "died"
    with stage(LOADING):
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return ends(job)

def no_model(job):
    _note(job)
    raise ModelError("model x cannot be loaded (MemoryError)")

def stopped(job):
    return Outcome(job.study.study_uid, "stopped", told("cannot be written: No space left on device"))

def interrupted(job):
    raise KeyboardInterrupt

def leaves_damage(job):
    if "damage" in globals():
        _note(job)
        os.kill(os.getpid(), signal.SIGSEGV)
    if _name(job) == "02":
        globals()["damage"] = True
    return ends(job)

def kills_the_program(job):
    if _name(job) == "05":
        _note(job)
        os.kill(os.getpid(), signal.SIGKILL)
    return ends(job)

def hangs(job):
    _note(job)
    time.sleep(600)
"""

RUN = """
import sys
from pathlib import Path
import {module} as stand_ins
from ho_imaging.batch import BatchOptions, Settings, run_batch
if __name__ == "__main__":
    name, films, out, workers = sys.argv[1:]
    settings, options = Settings(region="chest"), BatchOptions(workers=int(workers))
    run_batch([films], Path(out), settings, options, function=getattr(stand_ins, name))
"""


@pytest.fixture
def studies(importable):
    return importable(STUDIES)


@pytest.fixture
def start(studies, tmp_path):
    """Start a batch in a process group of its own."""
    script = tmp_path / "run.py"
    script.write_text(RUN.format(module=studies.__name__))

    def run(function, films, out, workers):
        command = [sys.executable, str(script), function, str(films), str(out), str(workers)]
        return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)

    return run


def tries(out):
    """The films that were begun, in turn, and the process of each."""
    lines = (out / "tries.txt").read_text().split("\n")[:-1]
    return [tuple(line.split()) for line in lines]


def failed(out):
    """The reason of each film that failed, from the table of inputs."""
    with (out / "inputs.csv").open(newline="") as stream:
        return {Path(row["path"]).stem: row["reason"] for row in csv.DictReader(stream) if row["status"] == "failed"}


def set_states(out, begun, *, state="running", reason=None):
    """Leave the ledger as a run did that was killed with some studies at work."""
    with sqlite3.connect(out / "ledger.sqlite") as db:
        for uid, attempts in begun.items():
            db.execute(
                "UPDATE studies SET state = ?, attempts = ?, reason = ?, rows = NULL WHERE study_uid = ?",
                (state, attempts, reason, uid),
            )


def states(out):
    ledger = Ledger(out / "ledger.sqlite")
    try:
        return ledger.states()
    finally:
        ledger.close()


def by_film(out):
    """The study of each film."""
    rows = pq.read_table(out / "inputs.parquet").to_pylist()
    return {Path(row["path"]).stem: row["study_uid"] for row in rows}


def test_studies_that_kill_their_worker_are_given_up_with_how_and_no_other(films, tmp_path, studies):
    out = tmp_path / "out"
    counts = run_batch([films], out, CHEST, BatchOptions(workers=2), function=studies.deadly)
    assert (counts.done, counts.failed) == (10, 2)
    assert failed(out) == {
        "03": "given up after 2 tries alone: its worker ended (exit status 5)",
        "05": "given up after 2 tries alone: its worker was killed (SIGSEGV)",
    }
    begun = tries(out)
    last = [name for name, _ in begun][-4:]  # after all others
    assert last in [["03", "03", "05", "05"], ["05", "05", "03", "03"]]
    assert len({process for name, process in begun if name in {"03", "05"}}) == 6
    assert len(begun) == 10 + 6


def test_a_worker_killed_for_the_memory_of_another_costs_its_study_nothing(films, tmp_path, studies):
    out = tmp_path / "out"
    counts = run_batch([films], out, CHEST, BatchOptions(workers=2), function=studies.victim)
    assert (counts.done, counts.failed) == (12, 0)
    assert [name for name, _ in tries(out)].count("05") == 2


@pytest.fixture
def ended(films, tmp_path, studies):
    """A batch that has come to its end; tests set its ledger back."""
    out = tmp_path / "out"
    run_batch([films], out, CHEST, HERE, function=studies.ends)
    (out / "tries.txt").unlink()
    return out


@pytest.mark.parametrize("workers", [0, 2])
def test_studies_at_work_when_the_program_died_come_last_and_alone(films, ended, studies, workers):
    """However often; earlier versions gave up at 2 and 4, and their ledgers hold such numbers."""
    uids = by_film(ended)
    set_states(ended, dict.fromkeys(uids.values(), 0), state="pending")
    set_states(ended, {uids["00"]: 4, uids["01"]: 40, uids["02"]: 4})
    counts = run_batch([films], ended, CHEST, BatchOptions(workers=workers), function=studies.ends)
    assert (counts.done, counts.failed) == (12, 0)
    begun = tries(ended)
    assert [name for name, _ in begun[-3:]] == ["00", "02", "01"]  # who was begun most often is the very last
    (process,) = {process for _, process in begun[-3:]}
    assert process not in {process for _, process in begun[:-3]} | {str(os.getpid())}
    assert len(begun) == 12


def test_a_limit_leaves_the_suspects_for_later(films, ended, studies):
    uids = by_film(ended)
    set_states(ended, dict.fromkeys(uids.values(), 0), state="pending")
    set_states(ended, {uids["00"]: 1})
    run_batch([films], ended, CHEST, BatchOptions(workers=0, limit=11), function=studies.ends)
    assert "00" not in {name for name, _ in tries(ended)}


@pytest.mark.parametrize(
    ("reason", "again"),
    [
        ("was at work 4 times when the program was stopped", True),
        ("given up after 3 tries: its worker was killed (SIGKILL), as for want of memory", True),
        ("given up after 2 tries alone: its worker was killed (SIGSEGV)", False),
        ("is damaged", False),
    ],
)
def test_what_earlier_versions_gave_up_for_deaths_of_the_program_is_done(films, ended, studies, reason, again):
    uid = by_film(ended)["04"]
    set_states(ended, {uid: 4}, state="failed", reason=reason)
    keep_results(ended)
    counts = run_batch([films], ended, CHEST, HERE, function=studies.ends)
    assert (counts.analysed, counts.failed) == ((1, 0) if again else (0, 1))


def test_a_study_that_is_given_up_leaves_no_result_of_an_earlier_analysis(films, ended, studies):
    """Reports, outputs and reviews would show it as the present one."""
    keep_results(ended)
    place = ended / "studies" / by_film(ended)["03"]
    (place / "report.html").write_text("of the earlier analysis")
    run_batch([films], ended, CHEST, BatchOptions(workers=0, again=True), function=studies.ends)
    assert (place / "result.json").exists()  # the stand-in writes nothing, and nothing goes
    set_states(ended, {by_film(ended)["03"]: 1})
    counts = run_batch([films], ended, CHEST, BatchOptions(workers=0), function=studies.deadly)
    assert counts.failed == 1
    assert not (place / "result.json").exists()
    assert not (place / "report.html").exists()


def test_a_run_killed_between_a_result_and_its_note_costs_nothing(films, ended, studies):
    keep_results(ended)
    before = (ended / "studies.csv").read_bytes()
    set_states(ended, {by_film(ended)["06"]: 1})
    counts = run_batch([films], ended, CHEST, HERE, function=studies.ends)
    assert (counts.analysed, counts.done) == (1, 12)
    assert (ended / "studies.csv").read_bytes() == before


@pytest.mark.parametrize("how", ["stopped", "interrupted"])
def test_what_was_at_work_when_a_run_ended_in_order_is_no_suspect(films, tmp_path, studies, how):
    out = tmp_path / "out"
    with pytest.raises((HOImagingError, KeyboardInterrupt)):
        run_batch([films], out, CHEST, HERE, function=getattr(studies, how))
    assert {state.attempts for state in states(out).values()} == {0}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_model_that_cannot_be_loaded_ends_the_batch_and_blames_no_study(films, tmp_path, studies, workers):
    out = tmp_path / "out"
    with pytest.raises(HOImagingError, match="model x cannot be loaded"):
        run_batch([films], out, CHEST, BatchOptions(workers=workers), function=studies.no_model)
    assert len(tries(out)) <= 2 * max(workers, 1)  # a worker has its next study before its last outcome is looked at
    assert {(state.state, state.attempts) for state in states(out).values()} == {("pending", 0)}


def test_workers_that_die_while_they_load_the_model_end_the_batch_and_blame_no_study(films, tmp_path, studies):
    out = tmp_path / "out"
    with pytest.raises(HOImagingError, match=r"workers cannot be started: .*SIGKILL.*fewer workers"):
        run_batch([films], out, CHEST, BatchOptions(workers=2), function=studies.dies_loading)
    assert len(tries(out)) <= 6
    assert {(state.state, state.attempts) for state in states(out).values()} == {("pending", 0)}


def test_a_worker_that_dies_once_while_it_loads_the_model_is_replaced(films, tmp_path, studies):
    out = tmp_path / "out"
    counts = run_batch([films], out, CHEST, BatchOptions(workers=2), function=studies.dies_loading_once)
    assert (counts.done, counts.failed) == (12, 0)
    assert len(tries(out)) == 12


def test_a_suspect_is_blamed_only_for_what_it_does_to_a_fresh_worker(films, ended, studies):
    """What 02 leaves behind in its process kills the next study there."""
    uids = by_film(ended)
    set_states(ended, {uids[name]: 1 for name in ("02", "03", "04")})
    keep_results(ended)
    counts = run_batch([films], ended, CHEST, HERE, function=studies.leaves_damage)
    assert (counts.done, counts.failed) == (12, 0)
    assert [name for name, _ in tries(ended)] == ["02", "03", "03", "04"]


def test_without_workers_a_study_that_kills_the_program_does_so_once(films, tmp_path, start):
    out = tmp_path / "out"
    first = start("kills_the_program", films, out, 0)
    assert first.wait() == -signal.SIGKILL
    second = start("kills_the_program", films, out, 0)
    assert second.wait() == 0
    assert list(failed(out)) == ["05"]
    assert "given up after 2 tries alone: its worker was killed (SIGKILL)" in failed(out)["05"]
    assert [name for name, _ in tries(out)].count("05") == 3


def test_workers_end_with_a_program_that_is_killed(films, tmp_path, start):
    """The next run may be given the same study."""
    out = tmp_path / "out"
    process = start("hangs", films, out, 2)
    try:
        wait_for(lambda: (out / "tries.txt").exists() and len(tries(out)) == 2)
        process.kill()
        process.wait()
        workers = [int(number) for _, number in tries(out)]
        wait_for(lambda: not any(is_running(worker) for worker in workers))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_term_of_all_processes_blames_no_study_however_often(films, ended, start, studies):
    """As a system sends it that is shut down: the worker may be told first. A suspect is tried alone, twice."""
    set_states(ended, {by_film(ended)["00"]: 1})
    keep_results(ended)
    for times in (1, 2):
        process = start("hangs", films, ended, 0)
        try:
            wait_for(lambda times=times: (ended / "tries.txt").exists() and len(tries(ended)) == times)
            ((_, worker),) = tries(ended)[times - 1 :]
            os.kill(int(worker), signal.SIGTERM)
            os.killpg(process.pid, signal.SIGTERM)
            assert process.wait() == -signal.SIGTERM
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    counts = run_batch([films], ended, CHEST, HERE, function=studies.ends)
    assert (counts.analysed, counts.done, counts.failed) == (1, 12, 0)


def is_running(process_id):
    """Whether there is such a process that is not merely waiting to be reaped."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen in time")
