"""The batch on a real Dask scheduler with two worker processes, one of which is killed on the way."""

import csv
import os
import threading
import time
from pathlib import Path

import pytest

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.batch.cluster import _work
from ho_imaging.batch.pool import Died
from ho_imaging.batch.work import Job, work
from ho_imaging.errors import UsageError
from ho_imaging.pipeline import LOADING
from ho_imaging.reading import discover
from ho_imaging.stopwatch import stage

distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")

CHEST = Settings(region="chest")

SLOW = """
import os, time
from ho_imaging.batch.work import Outcome, work

def slow(job):
    time.sleep(0.1)
    return work(job)

def killed_by_one(job):
    if job.study.images[0].path.name == "07.png":
        os.kill(os.getpid(), 9)
    return work(job)
"""


@pytest.fixture
def films(make_films):
    return make_films(24)


@pytest.fixture
def cluster(tmp_path, importable):
    """A scheduler and two workers in processes of their own, with a module that they can import."""
    functions = importable(SLOW)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
    ) as running:
        yield running, functions


def results(out):
    return {path.parent.name: path.read_bytes() for path in out.glob("studies/*/result.json")}


def test_a_cluster_gives_the_same_results_with_a_worker_killed_on_the_way(films, tmp_path, cluster):
    running, functions = cluster
    here, there = tmp_path / "here", tmp_path / "there"
    run_batch([films], here, CHEST, BatchOptions(workers=0))

    def kill_one():
        time.sleep(0.8)
        os.kill(next(iter(running.workers.values())).pid, 9)  # its nanny starts another

    killer = threading.Thread(target=kill_one)
    killer.start()
    options = BatchOptions(dask=running.scheduler_address)
    counts = run_batch([films], there, CHEST, options, function=functions.slow)
    killer.join()
    assert (counts.refused, counts.failed) == (24, 0)
    assert results(there) == results(here)
    assert (there / "studies.csv").read_text() == (here / "studies.csv").read_text()


def test_a_study_that_kills_its_worker_is_given_up(films, tmp_path, cluster):
    running, functions = cluster
    options = BatchOptions(dask=running.scheduler_address)
    counts = run_batch([films], tmp_path / "out", CHEST, options, function=functions.killed_by_one)
    assert (counts.refused, counts.failed) == (23, 1)
    with (tmp_path / "out" / "inputs.csv").open(newline="") as stream:
        ended = {Path(row["path"]): row for row in csv.DictReader(stream)}
    assert ended.keys() == set(films.iterdir())
    (given_up,) = (row for row in ended.values() if row["status"] != "refused")
    assert given_up["status"] == "failed"
    assert given_up["reason"] == "given up after 2 tries alone: its worker died"
    assert not list((tmp_path / "out").rglob(".trying"))


def test_no_scheduler_is_said(films, tmp_path, monkeypatch):
    monkeypatch.setattr("ho_imaging.batch.cluster._CONNECT", "1s")
    with pytest.raises(UsageError, match="no Dask scheduler"):
        run_batch([films], tmp_path / "out", CHEST, BatchOptions(dask="tcp://127.0.0.1:1"))


@pytest.fixture
def job(tmp_path, films):
    (study, *_) = discover([films]).studies
    return Job(study, str(tmp_path / "out"), CHEST, None, "")


def fails_if_begun(job):
    raise AssertionError("it was begun")


def dies_loading(job):
    with stage(LOADING):
        raise SystemExit


def test_on_a_worker_only_deaths_of_this_trial_count_and_none_while_the_model_is_loaded(job, monkeypatch):
    """A scheduler begins a task of a worker that died by itself; the same is to be given up only alone."""
    monkeypatch.setattr("ho_imaging.batch.cluster._model_here", lambda name, _: name)

    def begin(function, trial, *, alone):
        return _work(function, job, {}, trial, alone=alone)

    def die(job):
        raise SystemExit

    for _ in range(5):  # earlier runs on a cluster that was switched off
        with pytest.raises(SystemExit):
            begin(die, f"earlier {_}", alone=True)
    for trial in ("side by side", "alone"):
        with pytest.raises(SystemExit):
            begin(dies_loading, trial, alone=False)
    with pytest.raises(SystemExit):
        begin(die, "side", alone=False)
    assert isinstance(begin(fails_if_begun, "side", alone=False), Died)
    for _ in range(2):
        with pytest.raises(SystemExit):
            begin(die, "alone", alone=True)
    outcome = begin(fails_if_begun, "alone", alone=True)
    assert (outcome.status, str(outcome.reason)) == ("failed", "given up after 2 tries alone: its worker died")
    assert begin(work, "another", alone=True).status == "refused"
    assert not list(Path(job.out_dir).rglob(".trying"))
