"""How a batch grows: processor time a study, memory and disk of everything but the analysis itself.

    python benchmarks/growth.py [--counts 10 100 1000] [--workers 0]

One simulated film is analysed; a stand-in then gives each study of the batch a result of its own with those findings.
What is measured is finding the files, the ledger, writing results, and the tables at the end. Each batch has a process
of its own. Prints a Markdown table. Linux only.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from cr_film import as_dicom

from ho_imaging.batch import BatchOptions, run_batch
from ho_imaging.batch.work import Job, Outcome, Settings, kept_rows
from ho_imaging.files.atomic import write_text
from ho_imaging.pipeline import Analyzer
from ho_imaging.results.folder import OutputFolder
from ho_imaging.results.schema import StudyResult
from ho_imaging.simulation.film import StoredForm, make_film
from ho_imaging.simulation.hip_plan import HipPlan
from ho_imaging.simulation.hip_scene import sample_hip_scene
from ho_imaging.vocabulary import Region, View

PIXEL_MM = 0.6
CORNER_PX = 128
"""Side of the films of the batch: nobody looks at their pixels."""

_template: list[StudyResult] = []


def stand_in(job: Job) -> Outcome:
    """Write the one result under the study's name."""
    uid = job.study.study_uid
    result = _template[0].model_copy(update={"study_uid": uid})
    place = OutputFolder(Path(job.out_dir)).study(uid)
    place.path.mkdir(parents=True, exist_ok=True)
    write_text(place.result, result.to_json())
    return Outcome(uid, "done", None, rows=kept_rows(result, place.path.name, job.identifiers))


def measure(template: Path, count: int, workers: int) -> dict[str, float]:
    """Run one batch in this process."""
    _template.append(StudyResult.model_validate_json(template.read_bytes()))
    with tempfile.TemporaryDirectory(dir=template.parent) as name:
        films, out = Path(name) / "films", Path(name) / "out"
        films.mkdir()
        corner = np.linspace(0.0, 1.0, CORNER_PX**2, dtype=np.float32).reshape(CORNER_PX, CORNER_PX)
        for number in range(count):
            made = as_dicom(corner, number, body_part="PELVIS", pixel_mm=PIXEL_MM)
            made.save_as(films / f"{number:06d}.dcm", enforce_file_format=True)
        # What a process begins with, its parent's memory, counts in its peak on Linux.
        Path("/proc/self/clear_refs").write_text("5")
        before = resource.getrusage(resource.RUSAGE_SELF)
        run_batch([films], out, Settings(), BatchOptions(workers=workers), function=stand_in)
        after = resource.getrusage(resource.RUSAGE_SELF)
        peak_kib = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "studies": count,
        "processor_ms_a_study": 1000.0 * processor_s / count,
        "peak_gib": peak_kib / 2**20,
        "kib_a_study": size / 1024 / count,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--template", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        sys.stdout.write(json.dumps(measure(options.template, options.one, options.workers)) + "\n")
        return
    with tempfile.TemporaryDirectory() as name:
        scene = sample_hip_scene(900, HipPlan(pixel_mm=PIXEL_MM, region=Region.PELVIS, view=View.AP))
        pixels = make_film(scene, 0, form=StoredForm(12, "MONOCHROME2")).pixels
        film = as_dicom((pixels / 4095.0).astype(np.float32), 0, body_part="PELVIS", pixel_mm=PIXEL_MM)
        template = Path(name) / "template.json"
        template.write_text(Analyzer().analyze(film).to_json(), encoding="utf-8")
        sys.stdout.write("| studies | processor ms a study | peak, GiB | KiB on disk a study |\n|---|---|---|---|\n")
        for count in options.counts:
            command = [sys.executable, __file__, "--one", str(count), "--template", str(template)]
            command += ["--workers", str(options.workers)]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            found = json.loads(printed.splitlines()[-1])
            sys.stdout.write(
                f"| {count:,} | {found['processor_ms_a_study']:.1f} | {found['peak_gib']:.3f} "
                f"| {found['kib_a_study']:.0f} |\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
