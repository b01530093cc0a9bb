"""A batch that is killed again and again: is any study given up that did no harm, and one that does, named?

    python benchmarks/kills.py [--kills 100] [--studies 60] [--workers 2 | --dask] [--share 0.33] [--stand-in]

Analyses simulated studies once undisturbed. Then, in series after series, it starts the same batch in another folder,
kills it with SIGKILL at a random moment and starts it again, until it comes to its end by itself, and until there were
enough kills. One study kills its worker each time (SIGSEGV). The tables must be those of the undisturbed batch to the
byte.

Most kills fall while studies are at work: after the first one was begun a random time passes, on average ``--share`` of
what the undisturbed batch worked. One kill in five falls while the batch starts. In turn the whole process group is
killed and the program alone, whose workers then have to end by themselves. With ``--dask`` the batch works on a Dask
scheduler of its own with two workers, which live on; in turn a worker is killed at work, then the program.

The program is forked from one that has loaded its libraries; its workers are new processes that load theirs.
``--stand-in`` takes a stand-in of the analysis in place of the released model: it loads for 2 s and works for 0.3 s
without the processor. Prints JSON; the exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.batch.work import Job, Outcome, work
from ho_imaging.pipeline import LOADING
from ho_imaging.stopwatch import stage

DEADLY = 7
"""The number of the study that kills its worker."""

TABLES = ("studies.csv", "findings.csv", "inputs.csv")

IN_START = 0.2
"""Share of the kills that fall while the batch starts."""

_loaded: list[bool] = []


def deadly(job: Job) -> Outcome:
    """Analyse a study, unless it is the one that kills its worker; note when it begins and ends."""
    note(job, "began")
    if job.study.images[0].path.stem == f"{DEADLY:03d}":
        os.kill(os.getpid(), signal.SIGSEGV)
    outcome = work(job)
    note(job, "ended")
    return outcome


def stand_in(job: Job) -> Outcome:
    """Take the time of an analysis, then refuse the film for its region, for which no model is needed."""
    if not _loaded:
        with stage(LOADING):
            time.sleep(2.0)
        _loaded.append(True)
    note(job, "began")
    time.sleep(0.3)
    return deadly(job)


def note(job: Job, what: str) -> None:
    """Append a line with this process and what it does, whole or not at all."""
    place = os.open(Path(job.out_dir).with_suffix(".notes"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(place, f"{os.getpid()} {what}\n".encode())
    os.close(place)


class Notes(NamedTuple):
    """Notes of a run so far: whether any study was begun, and the processes that have one at work."""

    begun: bool
    at_work: tuple[int, ...]


def notes(out: Path, since: int) -> Notes:
    """Read the notes below a batch's folder from a place in their file on."""
    path = out.with_suffix(".notes")
    lines = path.read_bytes()[since:].decode().splitlines() if path.exists() else []
    last = dict(line.split() for line in lines)
    at_work = (int(process) for process, what in last.items() if what == "began" and Path("/proc", process).exists())
    return Notes(bool(lines), tuple(at_work))


def size(out: Path) -> int:
    """Return the size of a batch's notes in bytes."""
    path = out.with_suffix(".notes")
    return path.stat().st_size if path.exists() else 0


def make_films(folder: Path, count: int) -> None:
    """Write small simulated pelves, a few patients in turn, each as a study of its own."""
    from cr_film import as_dicom  # noqa: PLC0415  (beside this script)

    from ho_imaging.simulation.film import StoredForm, make_film  # noqa: PLC0415
    from ho_imaging.simulation.hip_plan import HipPlan  # noqa: PLC0415
    from ho_imaging.simulation.hip_scene import sample_hip_scene  # noqa: PLC0415
    from ho_imaging.vocabulary import Region, View  # noqa: PLC0415

    films = []
    for seed in range(6):
        scene = sample_hip_scene(900 + seed, HipPlan(pixel_mm=0.6, region=Region.PELVIS, view=View.AP))
        film = make_film(scene, seed, form=StoredForm(12, "MONOCHROME2"))
        films.append((film.pixels / 4095.0).astype(np.float32))
    for number in range(count):
        made = as_dicom(films[number % len(films)], number, body_part="PELVIS", pixel_mm=0.6)
        made.save_as(folder / f"{number:03d}.dcm", enforce_file_format=True)


def start(films: Path, out: Path, options: argparse.Namespace) -> int:
    """Start the batch in a process group of its own; return its number."""
    number = os.fork()
    if number:
        return number
    status = 70
    try:
        os.setsid()
        log = os.open(out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        status = analyse(films, out, options)
    finally:
        os._exit(status)


def wait(number: int) -> int:
    """Wait for the end of a batch; return its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def kill(number: int, *, group: bool) -> float:
    """Kill the program, with its workers or without; return the seconds until none of them is left."""
    started = time.monotonic()
    (os.killpg if group else os.kill)(number, signal.SIGKILL)
    wait(number)
    while _alive(number):
        time.sleep(0.02)
        if time.monotonic() - started > 120.0:
            raise SystemExit(f"workers of the process {number} live on without it")
    return time.monotonic() - started


def _alive(group: int) -> bool:
    """Return whether a process group has a process that is not merely waiting to be reaped."""
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = place.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(process_group) == group and state != "Z":
            return True
    return False


def analyse(films: Path, out: Path, options: argparse.Namespace) -> int:
    """Be the program that is killed; return its exit status."""
    settings = Settings(region="chest") if options.stand_in else Settings()
    # Dask's workers find the functions in a module, not in a program that they do not run.
    here = importlib.import_module("kills") if options.dask else sys.modules[__name__]
    counts = run_batch(
        [films],
        out,
        settings,
        BatchOptions(workers=options.workers, dask=options.address),
        function=here.stand_in if options.stand_in else here.deadly,
    )
    return 0 if counts.all_done else 1


@contextmanager
def dask_cluster(folder: Path) -> Iterator[str]:
    """Start a Dask scheduler and two workers in processes of their own; yield the address."""
    file = folder / "scheduler.json"
    shared = ["--scheduler-file", str(file), "--no-dashboard"]
    environment = os.environ | {"PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}

    def begin(kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = (folder / f"{kind}.log").open("wb")
        command = [sys.executable, "-m", "dask", kind, *shared, *arguments]
        return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)

    started = [begin("scheduler", "--port", "0", "--host", "127.0.0.1")]
    try:
        while not file.exists():
            time.sleep(0.1)
        started.append(begin("worker", "--nworkers", "2", "--nthreads", "1", "--local-directory", str(folder)))
        yield str(json.loads(file.read_text())["address"])
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run_to_the_end(films: Path, out: Path, options: argparse.Namespace) -> tuple[int, float, float]:
    """Run a batch until it ends by itself.

    Returns how often that took a start, and the seconds before and after the first study was begun.
    """
    began = time.monotonic()
    first, since, starts = None, size(out), 0
    while True:
        number, starts = start(films, out, options), starts + 1
        while not (ended := os.waitpid(number, os.WNOHANG))[0]:
            time.sleep(0.05)
            if first is None and notes(out, since).begun:
                first = time.monotonic()
        # Without workers the study that kills its process ends the program, once.
        if os.waitstatus_to_exitcode(ended[1]) in {0, 1}:
            end = time.monotonic()
            first = end if first is None else first
            return starts, first - began, end - first


def wait_for_a_moment(
    number: int, out: Path, since: int, rng: random.Random, spans: tuple[float, float], share: float
) -> int | None:
    """Wait for the random moment of the next kill; return the exit status of a batch that ends before."""
    in_start = rng.random() < IN_START
    left = rng.uniform(0.0, spans[0] if in_start else 2.0 * share * spans[1])
    before = time.monotonic()
    while left > 0.0:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(min(0.02, left))
        now = time.monotonic()
        if in_start or notes(out, since).begun:
            left -= now - before
        before = now
    return None


def series(
    films: Path, out: Path, options: argparse.Namespace, rng: random.Random, spans: tuple[float, float], most: int
) -> tuple[Counter[str], list[float]]:
    """Kill a batch until it ends by itself, ``most`` times at most.

    Returns where the kills fell, and how long workers lived on after each.
    """
    fell: Counter[str] = Counter()
    lived_on: list[float] = []
    while len(lived_on) < most:
        since = size(out)
        number = start(films, out, options)
        status = wait_for_a_moment(number, out, since, rng, spans, options.share)
        if status in {0, 1}:
            return fell, lived_on
        if status is not None:
            if options.workers != 0 or status != -signal.SIGSEGV:
                raise SystemExit(f"a batch ended by itself with status {status}: see {out.with_suffix('.log')}")
            fell["by the study itself"] += 1
            continue
        found, turn = notes(out, since), len(lived_on) % 2 == 0
        if options.dask and turn and found.at_work:
            with suppress(ProcessLookupError):  # it may just have died by its study
                os.kill(rng.choice(found.at_work), signal.SIGKILL)
            time.sleep(rng.uniform(0.0, 1.0))
        lived_on.append(kill(number, group=turn))
        fell["studies at work" if found.at_work else "between studies" if found.begun else "while it started"] += 1
    run_to_the_end(films, out, options)
    return fell, lived_on


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def main() -> int:
    """Kill, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=0.33)
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no series after so many")
    parser.add_argument("--stand-in", action="store_true")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    began = time.monotonic()
    lived_on: list[float] = []
    fell: Counter[str] = Counter()
    all_same, number = True, 0
    with tempfile.TemporaryDirectory() as name:
        films, calm = Path(name) / "films", Path(name) / "calm"
        films.mkdir()
        make_films(films, options.studies)
        with dask_cluster(Path(name)) if options.dask else nullcontext() as options.address:
            starts, *spans = run_to_the_end(films, calm, options)
            tell({"undisturbed": True, "starts": starts, "to_first_study_s": round(spans[0], 1),
                  "then_s": round(spans[1], 1), **ended(calm)})  # fmt: skip
            while len(lived_on) < options.kills and time.monotonic() - began < 60.0 * options.minutes:
                killed = Path(name) / f"killed{number}"
                found, lived = series(films, killed, options, rng, (spans[0], spans[1]), options.kills - len(lived_on))
                same = all((calm / table).read_bytes() == (killed / table).read_bytes() for table in TABLES)
                all_same &= same
                lived_on += lived
                fell += found
                tell({"series": number, "kills": len(lived), "fell": found, "tables_same": same, **ended(killed)})
                number += 1
    tell({
        "analysis": "stand-in" if options.stand_in else "released model",
        "workers": "dask" if options.dask else options.workers, "series": number, "kills": len(lived_on), "fell": fell,
        "longest_life_after_a_kill_s": round(max(lived_on, default=0.0), 2), "tables_same": all_same,
        "minutes": round((time.monotonic() - began) / 60.0, 1),
    })  # fmt: skip
    return 0 if all_same else 1


def ended(out: Path) -> dict[str, object]:
    """Return what a batch gave up or failed at, by film, and how many nodules it found."""
    inputs = read_table(out / "inputs.csv")
    return {
        "failed": {Path(row["path"]).stem: row["reason"] for row in inputs if row["status"] == "failed"},
        "nodules": len(read_table(out / "findings.csv")),
    }


def tell(found: dict[str, object]) -> None:
    """Print a line of JSON."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
