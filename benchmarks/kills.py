"""A batch that is killed again and again: is any study given up that did no harm, and one that does, named?

    python benchmarks/kills.py [--kills 100] [--series 4] [--studies 60] [--workers 2] [--between 0.2 8] [--stand-in]

Analyses simulated studies once undisturbed. Then, in each series, it starts the same batch again and again in another
folder and kills it with SIGKILL at random moments, in turn the whole process group and the program alone, whose workers
then have to end by themselves; last the batch runs to its end. One study kills its worker each time (SIGSEGV). The
tables must be those of the undisturbed batch to the byte.

The program is forked from one that has loaded its libraries, so that few kills come before any work; its workers are
new processes that load theirs. ``--stand-in`` takes a stand-in of the analysis in place of the released model: it loads
for 2 s and works for 0.3 s without the processor. Prints JSON; the exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from ho_imaging.batch import BatchOptions, Settings, run_batch
from ho_imaging.batch.ledger import Ledger
from ho_imaging.batch.work import Job, Outcome, work
from ho_imaging.pipeline import LOADING
from ho_imaging.stopwatch import stage

DEADLY = 7
"""The number of the study that kills its worker."""

TABLES = ("studies.csv", "findings.csv", "inputs.csv")

_loaded: list[bool] = []


def deadly(job: Job) -> Outcome:
    """Analyse a study, unless it is the one that kills its worker."""
    if job.study.images[0].path.stem == f"{DEADLY:03d}":
        os.kill(os.getpid(), signal.SIGSEGV)
    return work(job)


def stand_in(job: Job) -> Outcome:
    """Take the time of an analysis, then refuse the film for its region, for which no model is needed."""
    if not _loaded:
        with stage(LOADING):
            time.sleep(2.0)
        _loaded.append(True)
    time.sleep(0.3)
    return deadly(job)


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


def states(out: Path) -> dict[str, int]:
    """Count the studies of a ledger by state."""
    if not (out / "ledger.sqlite").exists():
        return {}
    ledger = Ledger(out / "ledger.sqlite")
    try:
        return dict(Counter(state.state for state in ledger.states().values()))
    finally:
        ledger.close()


def analyse(films: Path, out: Path, options: argparse.Namespace) -> int:
    """Be the program that is killed; return its exit status."""
    settings = Settings(region="chest") if options.stand_in else Settings()
    counts = run_batch(
        [films], out, settings, BatchOptions(workers=options.workers), function=stand_in if options.stand_in else deadly
    )
    return 0 if counts.all_done else 1


def run_to_the_end(films: Path, out: Path, options: argparse.Namespace) -> tuple[int, float]:
    """Run a batch until it ends by itself; return how often that took a start, and the seconds."""
    began = time.monotonic()
    starts = 1
    # Without workers the study that kills its process ends the program, once.
    while wait(start(films, out, options)) not in {0, 1}:
        starts += 1
    return starts, time.monotonic() - began


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def main() -> int:
    """Kill, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--series", type=int, default=4)
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--between", type=float, nargs=2, default=(0.2, 8.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--stand-in", action="store_true")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    lived_on, all_same = [], True
    with tempfile.TemporaryDirectory() as name:
        films, calm = Path(name) / "films", Path(name) / "calm"
        films.mkdir()
        make_films(films, options.studies)
        starts, seconds = run_to_the_end(films, calm, options)
        tell({"undisturbed": True, "starts": starts, "seconds": round(seconds, 1), **ended(calm)})
        for series in range(options.series):
            killed, kills = Path(name) / f"killed{series}", 0
            while kills < -(-options.kills // options.series):
                number = start(films, killed, options)
                time.sleep(rng.uniform(*options.between))
                if os.waitpid(number, os.WNOHANG)[0]:
                    break  # it came to its end before
                lived_on.append(kill(number, group=kills % 2 == 0))
                kills += 1
            before = states(killed)
            starts, seconds = run_to_the_end(films, killed, options)
            same = all((calm / table).read_bytes() == (killed / table).read_bytes() for table in TABLES)
            all_same &= same
            tell({
                "series": series, "kills": kills, "before_the_last_run": before, "starts": starts,
                "seconds": round(seconds, 1), "tables_same": same, **ended(killed),
            })  # fmt: skip
    tell({
        "analysis": "stand-in" if options.stand_in else "released model", "workers": options.workers,
        "kills": len(lived_on), "longest_life_after_a_kill_s": round(max(lived_on), 2), "tables_same": all_same,
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
