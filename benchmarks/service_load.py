"""Load the service: several senders at once, kills of the service, an archive that goes away, a disk that fills up.

    python benchmarks/service_load.py --studies 40 --senders 4 --kills 2 --absences 1 --fills 1

Every film has to be answered, every study has to come back, and none under two identifiers; the exit status is 1
otherwise. Prints one JSON object: percentiles of the seconds from the first try to send a study to its stored result,
peak memory and descriptors. Without ``--film`` the analysis is replaced by one that takes no time, so that what is
measured is the service; with it each study is that film under identifiers of its own, analysed in earnest.
``--fills`` needs the right to mount a small file system; without it they are left out, and that is said.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ho_imaging.batch.work import Job, Outcome
from ho_imaging.outputs.dicom.identity import stable_uid
from ho_imaging.reading.own import MANUFACTURER, MODEL_NAME
from ho_imaging.results.folder import folder_name

logger = logging.getLogger("service_load")

_ROOT = "1.2.826.0.1.3680043.8.498.77"
_DISK_MB = 64


def no_work(job: Job) -> Outcome:
    """Leave one object for a study, the same for the same films."""
    study = job.study
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
    uid = stable_uid("load", study.study_uid, *sorted(image.sop_instance_uid for image in study.images))
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = uid
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = study.study_uid, f"{study.study_uid}.9", "SR"
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    place = Path(job.out_dir) / "studies" / folder_name(study.study_uid) / "dicom"
    place.mkdir(parents=True, exist_ok=True)
    made.save_as(place / "part", enforce_file_format=True)
    (place / "part").replace(place / f"sr-{uid}.dcm")
    return Outcome(study.study_uid, "done", None)


def serve(config: Path, *, in_earnest: bool) -> None:
    """Serve until TERM; the body of the process that is killed."""
    from ho_imaging.pacs.config import load_serve_config  # noqa: PLC0415
    from ho_imaging.pacs.service import Service  # noqa: PLC0415

    service = Service(load_serve_config(config), function=None if in_earnest else no_work)
    ended = threading.Event()

    def end(*_: object) -> None:
        ended.set()
        service.interrupt()

    signal.signal(signal.SIGTERM, end)
    service.start()
    ended.wait()
    service.stop()


class Archive:
    """Takes what it is sent, notes when, and can go away."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.objects: dict[str, set[str]] = {}
        self.times: Counter[str] = Counter()
        self.port = 0
        self._server: Any = None
        self.come()

    def come(self) -> None:
        """Listen, at the port of the first time."""
        from pynetdicom import AE, AllStoragePresentationContexts, evt  # noqa: PLC0415

        entity = AE("ARCHIVE")
        entity.supported_contexts = AllStoragePresentationContexts
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store)]
        self._server = entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)
        self.port = self._server.server_address[1]

    def go(self) -> None:
        """Be away: connections are refused."""
        self._server.shutdown()

    def _store(self, event: Any) -> int:
        found = event.dataset
        study, uid = str(found.StudyInstanceUID), str(found.SOPInstanceUID)
        self.first.setdefault(study, time.monotonic())
        self.objects.setdefault(study, set()).add(uid)
        self.times[uid] += 1
        return 0x0000


def films(count: int, path: Path | None) -> list[Dataset]:
    """Make the films, one a study."""
    made = []
    for number in range(count):
        film = Dataset() if path is None else pydicom.dcmread(path)
        if path is None:
            film.file_meta = FileMetaDataset()
            film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            film.SOPClassUID = DigitalXRayImageStorageForPresentation
            film.Modality, film.PatientID, film.PatientName = "DX", f"LOAD-{number}", "Load^Test"
            film.Rows = film.Columns = 512
            film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
            film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
            film.PixelData = np.zeros((512, 512), "<u2").tobytes()
        film.StudyInstanceUID, film.SeriesInstanceUID = f"{_ROOT}.{number + 1}", f"{_ROOT}.{number + 1}.1"
        film.SOPInstanceUID = f"{_ROOT}.{number + 1}.1.1"
        film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
        film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
        made.append(film)
    return made


class Sender(threading.Thread):
    """A modality: sends its films one association each, and again what is not answered with success."""

    def __init__(self, port: int, mine: list[Dataset]) -> None:
        super().__init__(daemon=True)
        self._port, self._left = port, list(mine)
        self.begun: dict[str, float] = {}
        self.answers: Counter[str] = Counter()

    def run(self) -> None:
        """Send until nothing is left."""
        while self._left:
            film = self._left[0]
            self.begun.setdefault(str(film.StudyInstanceUID), time.monotonic())
            status = self._send(film)
            self.answers["none" if status is None else f"{status:04x}"] += 1
            if status == 0x0000:
                self._left.pop(0)
            else:
                time.sleep(0.5)

    def _send(self, film: Dataset) -> int | None:
        from pynetdicom import AE  # noqa: PLC0415

        entity = AE("LOAD")
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
        entity.add_requested_context(film.SOPClassUID, film.file_meta.TransferSyntaxUID)
        association = entity.associate("127.0.0.1", self._port, ae_title="HO_IMAGING")
        if not association.is_established:
            return None
        try:
            return association.send_c_store(film).get("Status")  # type: ignore[no-any-return]
        except (RuntimeError, ValueError):
            return None
        finally:
            association.release()


class Served:
    """The service in a process of its own; keeps the most memory and descriptors that were seen."""

    def __init__(self, config: Path, *, in_earnest: bool) -> None:
        self._command = [sys.executable, __file__, "--serve", str(config), *(["--in-earnest"] if in_earnest else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self.most_mb, self.most_descriptors = 0.0, 0
        self.start()

    def start(self) -> None:
        """Begin to serve."""
        self._process = subprocess.Popen(self._command, start_new_session=True)

    def kill(self) -> None:
        """End it and its workers in the middle of their work."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def look(self) -> None:
        """Note memory and descriptors of the service's own process."""
        assert self._process is not None
        place = Path(f"/proc/{self._process.pid}")
        try:
            pages = int((place / "statm").read_text().split()[1])
            self.most_descriptors = max(self.most_descriptors, len(list((place / "fd").iterdir())))
        except OSError:
            return
        self.most_mb = max(self.most_mb, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)

    def end(self, port: int) -> float:
        """Stop it with TERM when it listens and is idle; return how many seconds that takes."""
        assert self._process is not None
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        time.sleep(2.0)
        begun = time.monotonic()
        self._process.terminate()
        try:
            self._process.wait(60)
        finally:
            if self._process.poll() is None:
                self.kill()
        return time.monotonic() - begun


def _disturbances(options: argparse.Namespace, served: Served, archive: Archive, disk: Path | None) -> list[Any]:
    def kill() -> None:
        served.kill()
        time.sleep(1.0)
        served.start()

    def absence() -> None:
        archive.go()
        time.sleep(options.absence_s)
        archive.come()

    def fill() -> None:
        assert disk is not None
        subprocess.run(["fallocate", "-l", f"{_DISK_MB}m", str(disk / "of others")], check=False, capture_output=True)
        with (disk / "of others").open("ab", buffering=0) as stream:
            try:
                while stream.write(bytes(2**16)):
                    pass
            except OSError:
                logger.info("the disk is full")
        time.sleep(options.absence_s)
        (disk / "of others").unlink()

    return [*[kill] * options.kills, *[absence] * options.absences, *([fill] * options.fills if disk else [])]


def run(options: argparse.Namespace, place: Path, disk: Path | None) -> dict[str, Any]:
    """Run the load; return what was measured."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    archive, spool = Archive(), (disk or place) / "spool"
    config = place / "serve.toml"
    config.write_text(
        f"[listen]\nport = {port}\n[accept]\nfree_gb = {0.004 if disk else 0}\n"
        f'[spool]\nfolder = "{spool}"\nquiet_s = 0.5\nreserve_mb = 8\n'
        f'[[send]]\nkind = "dimse"\nname = "archive"\nae_title = "ARCHIVE"\nhost = "127.0.0.1"\nport = {archive.port}\n'
    )
    served = Served(config, in_earnest=options.film is not None)
    made = films(options.studies, options.film)
    senders = [Sender(port, made[lane :: options.senders]) for lane in range(options.senders)]
    todo = _disturbances(options, served, archive, disk)
    random.Random(options.seed).shuffle(todo)
    total, begun = len(todo), time.monotonic()
    for sender in senders:
        sender.start()
    try:
        while len(archive.first) < options.studies and time.monotonic() - begun < options.limit_s:
            served.look()
            done = len(archive.first) / options.studies
            if todo and done >= (total - len(todo) + 1) / (total + 1):
                todo.pop()()
            time.sleep(0.2)
        seconds = time.monotonic() - begun
        for disturbance in todo:  # none is left out
            disturbance()
        time.sleep(2.0)
    finally:
        stopped_s = served.end(port)
        archive.go()
    first_tries = {study: moment for sender in senders for study, moment in sender.begun.items()}
    waits = sorted(archive.first[study] - moment for study, moment in first_tries.items() if study in archive.first)
    answers = sum((sender.answers for sender in senders), Counter[str]())
    return {
        "studies": options.studies,
        "lost": options.studies - len(archive.first),
        "doubled": sum(len(uids) > 1 for uids in archive.objects.values()),
        "sent_again_under_the_same_uid": sum(self_times - 1 for self_times in archive.times.values()),
        "answers": dict(answers),
        "disturbances": total,
        "seconds": round(seconds, 1),
        "p50_s": round(float(np.percentile(waits, 50)), 2) if waits else None,
        "p95_s": round(float(np.percentile(waits, 95)), 2) if waits else None,
        "most_mb": round(served.most_mb, 1),
        "most_descriptors": served.most_descriptors,
        "term_s": round(stopped_s, 2),
    }


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--kills", type=int, default=2, help="of the service")
    parser.add_argument("--absences", type=int, default=1, help="of the archive")
    parser.add_argument("--absence-s", type=float, default=5.0, help="how long it, or room on the disk, is away")
    parser.add_argument("--fills", type=int, default=1, help="of the disk")
    parser.add_argument("--film", type=Path, help="a DICOM film to analyse in earnest")
    parser.add_argument("--limit-s", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-earnest", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    if options.serve is not None:
        logging.getLogger().setLevel(logging.WARNING)
        serve(options.serve, in_earnest=options.in_earnest)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        place, disk = Path(folder), None
        if options.fills:
            disk = place / "disk"
            disk.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(disk)]
            if subprocess.run(command, check=False, capture_output=True).returncode != 0:
                logger.warning("no right to mount a small file system: the disk is not filled")
                disk = None
        try:
            found = run(options, place, disk)
        finally:
            if disk is not None:
                subprocess.run(["umount", "-l", str(disk)], check=False)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0 if found["lost"] == found["doubled"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
