"""The batch on a real Dask scheduler with two worker processes, one of which is killed on the way."""

import csv
import os
import threading
import time
from pathlib import Path

import pytest

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.errors import UsageError

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
    assert "its worker died" in given_up["reason"]
    assert not list((tmp_path / "out").rglob(".trying"))


def test_no_scheduler_is_said(films, tmp_path):
    with pytest.raises(UsageError, match="no Dask scheduler"):
        run_batch([films], tmp_path / "out", CHEST, BatchOptions(dask="tcp://127.0.0.1:1"))
