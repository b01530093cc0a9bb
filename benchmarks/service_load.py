"""Load the service: several senders at once, kills of service and archive, an archive that is away, a full disk.

    python benchmarks/service_load.py --studies 40 --kills 2 --archive-kills 2 --absences 1 --fills 1
    python benchmarks/service_load.py --studies 1000 --films sample_data/0[78]*.dcm --most-waiting 8 --disk-mb 96 \
        --kills 10 --archive-kills 10 --terms 3 --absences 2 --absence-s 60 --fills 2

Every film has to be answered with success in the end, and every object of every study has to be in the archive, once;
the exit status is 1 otherwise. Without ``--films`` the analysis is replaced by one that takes no time, so that what is
measured is the service. With them each study is one of these films under identifiers of its own, analysed in earnest,
and the objects that belong to it are those that a call of `to_dicom` makes before the service starts.

Service and archive are processes of their own, killed with SIGKILL at random moments; the archive notes each object in
a file before it answers. The disk stays full until a film has been refused for want of room (A700): delivered studies
give way before that, so a small disk gets there sooner. Prints one JSON object: seconds from the first try to send a
study, and from the answer to its film, to its last object stored; how long TERM takes; the most memory and descriptors;
the machine's mean load. ``--fills`` needs the right to mount a small file system; without it they are left out, and
that is said.
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
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import BasicTextSRStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ho_imaging.batch.work import Job, Outcome
from ho_imaging.outputs.dicom.identity import stable_uid
from ho_imaging.reading.own import MANUFACTURER, MODEL_NAME
from ho_imaging.results.folder import folder_name

logger = logging.getLogger("service_load")

Disturbance = tuple[float, Callable[[], None]]

_ROOT = "1.2.826.0.1.3680043.8.498.77"
_LOOK_EVERY_S, _SAY_EVERY_S = 1.0, 60.0
_NO_ROOM = "a700"
_MOST_FULL_S, _MOST_STOPPING_S = 180.0, 90.0


def no_work(job: Job) -> Outcome:
    """Leave one object for a study, the same for the same films."""
    study = job.study
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
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
    """Serve until TERM, as the command does; the body of one process that is killed."""
    from ho_imaging.cli.serve import serve_until_told  # noqa: PLC0415
    from ho_imaging.pacs.config import load_serve_config  # noqa: PLC0415
    from ho_imaging.pacs.service import Service  # noqa: PLC0415

    serve_until_told(Service(load_serve_config(config), function=None if in_earnest else no_work))
    os._exit(0)


def archive(port: int, log: Path) -> None:
    """Take whatever is sent and note it before the answer; the body of the other process that is killed."""
    from pynetdicom import AE, AllStoragePresentationContexts, evt  # noqa: PLC0415

    stream = log.open("a", buffering=1)

    def store(event: Any) -> int:
        found = event.dataset
        stream.write(f"{time.time()} {found.StudyInstanceUID} {found.SOPClassUID} {found.SOPInstanceUID}\n")
        return 0x0000

    entity = AE("ARCHIVE")
    entity.supported_contexts = AllStoragePresentationContexts
    entity.start_server(("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, store)])


class Films:
    """The films to send, one a study: ``paths`` in turn, or one of nothing but zeros."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def make(self, number: int) -> Dataset:
        """Make the film of a study."""
        film = pydicom.dcmread(self._paths[number % len(self._paths)]) if self._paths else _empty_film()
        film.PatientID = f"LOAD-{number}"
        film.StudyInstanceUID, film.SeriesInstanceUID = f"{_ROOT}.{number + 1}", f"{_ROOT}.{number + 1}.1"
        film.SOPInstanceUID = f"{_ROOT}.{number + 1}.1.1"
        film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
        film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
        return film

    def expected(self) -> list[Counter[str]]:
        """Return how many objects of each SOP class belong to a study, for each of the films."""
        if not self._paths:
            return [Counter((str(BasicTextSRStorage),))]
        from ho_imaging import Analyzer  # noqa: PLC0415
        from ho_imaging.outputs import to_dicom  # noqa: PLC0415

        analyzer = Analyzer()
        return [
            Counter(str(made.SOPClassUID) for made in to_dicom(analyzer.analyze_films([self.make(number)])))
            for number in range(len(self._paths))
        ]


def _empty_film() -> Dataset:
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID, film.Modality, film.PatientName = DigitalXRayImageStorageForPresentation, "DX", "Load^Test"
    film.Rows = film.Columns = 512
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.PixelData = np.zeros((512, 512), "<u2").tobytes()
    return film


class Sender(threading.Thread):
    """A modality: sends its films one association each, and again what is not answered with success.

    ``may_begin``: whether the next film may be begun, ``None`` where no further one is to be.
    """

    def __init__(
        self, port: int, films: Films, numbers: Sequence[int], *, pause_s: float, may_begin: Callable[[], bool | None]
    ) -> None:
        super().__init__(daemon=True)
        self._port, self._films, self._left = port, films, list(numbers)
        self._pause_s, self._may_begin = pause_s, may_begin
        self._chance = random.Random(self._left[0] if self._left else 0)
        self.begun: dict[int, float] = {}
        self.answered: dict[int, float] = {}
        self.answers: Counter[str] = Counter()

    def run(self) -> None:
        """Send until nothing is left, or it is time to stop."""
        while self._left and (may := self._may_begin()) is not None:
            if not may:
                time.sleep(0.2)
                continue
            number = self._left.pop(0)
            film = self._films.make(number)
            self.begun[number] = time.time()
            while (status := self._send(film)) != 0x0000:
                self.answers["none" if status is None else f"{status:04x}"] += 1
                time.sleep(0.5)
            self.answers["0000"] += 1
            self.answered[number] = time.time()
            if self._pause_s:
                time.sleep(self._chance.expovariate(1.0 / self._pause_s))

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


class Process:
    """A part in a process, and a session, of its own."""

    def __init__(self, *arguments: str) -> None:
        self._command = [sys.executable, __file__, *arguments]
        self.lock = threading.Lock()
        """Held by whoever ends or starts it."""
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Begin."""
        self._process = subprocess.Popen(self._command, start_new_session=True)

    @property
    def running(self) -> subprocess.Popen[bytes]:
        """The process."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """End it and its children in the middle of their work."""
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.running.poll() is not None

    def end(self, port: int) -> float:
        """Stop it with TERM when it listens; return how many seconds that takes."""
        for _ in range(600):
            if listens(port):
                break
            time.sleep(0.2)
        begun = time.monotonic()
        self.running.terminate()
        try:
            self.running.wait(_MOST_STOPPING_S)
        except subprocess.TimeoutExpired:
            logger.warning("TERM did not end it within %.0f s", _MOST_STOPPING_S)
            self.kill()
        return time.monotonic() - begun


class Watch:
    """Keeps the most memory and descriptors that a process was seen to have, and the machine's mean load."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.most_mb, self.most_mb_with_workers, self.most_descriptors = 0.0, 0.0, 0
        self.loads: list[float] = []

    def look(self) -> None:
        """Look once."""
        self.loads.append(os.getloadavg()[0])
        pid, total = self._process.running.pid, 0.0
        for place in Path("/proc").glob("[0-9]*"):
            try:
                session = int((place / "stat").read_text().rpartition(")")[2].split()[3])
                if session != pid:
                    continue
                mb = int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
                if place.name == str(pid):
                    self.most_mb = max(self.most_mb, mb)
                    self.most_descriptors = max(self.most_descriptors, len(list((place / "fd").iterdir())))
            except OSError:  # it has just ended
                continue
            total += mb
        self.most_mb_with_workers = max(self.most_mb_with_workers, total)


class Stored:
    """What the archive noted, study by study."""

    def __init__(self, log: Path, expected: Sequence[Counter[str]]) -> None:
        self._log, self._expected, self._read = log, expected, 0
        self.objects: dict[int, dict[str, str]] = {}
        """SOP class by SOP Instance UID, of each study."""
        self.complete: dict[int, float] = {}
        """When the last object of a study came for the first time."""
        self.repeated = 0
        """Objects that came again under the same UID: what an answer that got lost costs."""

    def read(self) -> None:
        """Read what has been noted since the last time."""
        with self._log.open() as stream:
            stream.seek(self._read)
            text = stream.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            moment, study, sop_class, uid = line.split()
            number = int(study.rpartition(".")[2]) - 1
            found = self.objects.setdefault(number, {})
            self.repeated += uid in found
            found[uid] = sop_class
            if number not in self.complete and not self.missing(number):
                self.complete[number] = float(moment)

    def missing(self, number: int) -> int:
        """Return how many objects of a study are not there."""
        return (self._of(number) - Counter(self.objects.get(number, {}).values())).total()

    def doubled(self, number: int) -> int:
        """Return how many objects a study has beyond those that belong to it."""
        return (Counter(self.objects.get(number, {}).values()) - self._of(number)).total()

    def _of(self, number: int) -> Counter[str]:
        return self._expected[number % len(self._expected)]


def listens(port: int) -> bool:
    """Return True if something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kill(process: Process, away_s: float) -> None:
    """Kill a process, and start it again after a while."""
    with process.lock:
        process.kill()
        time.sleep(away_s)
        process.start()


def terminate(process: Process, port: int, seconds: list[float]) -> None:
    """Stop a process with TERM, at work or not, and start it again; add how many seconds stopping took."""
    with process.lock:
        seconds.append(round(process.end(port), 2))
        process.start()


def fill(disk: Path, least_s: float, refused: Callable[[], int]) -> None:
    """Leave no room on a disk for a while, and until a film has been refused."""
    others, before, begun = disk / "of others", refused(), time.monotonic()
    with others.open("ab", buffering=0) as stream:
        while time.monotonic() - begun < (least_s if refused() > before else _MOST_FULL_S):
            try:
                while stream.write(bytes(2**16)):  # what the service frees is taken as well
                    pass
            except OSError:
                time.sleep(0.2)
    logger.info("the disk was full for %.0f s: %d films refused", time.monotonic() - begun, refused() - before)
    others.unlink()


def disturbances(seed: int, kinds: Iterable[tuple[int, Callable[[], None]]]) -> Iterator[Disturbance]:
    """Yield when each disturbance begins, as a part of the run, and what it does."""
    chance = random.Random(seed)
    for count, task in kinds:
        for _ in range(count):
            yield chance.uniform(0.03, 0.95), task


def may_begin(
    options: argparse.Namespace, begun: float, senders: Sequence[Sender], stored: Stored, *, is_full: bool
) -> bool | None:
    """Return True if the next film may be sent, ``None`` if no further one is to be."""
    if time.monotonic() - begun > options.send_for_s:
        return None
    if is_full:  # what waits may wait for room: a modality goes on sending
        return True
    return len(stored.complete) + int(options.most_waiting) > sum(len(sender.begun) for sender in senders)


def write_config(path: Path, port: int, spool: Path, pacs_port: int, *, small: bool) -> Path:
    """Write the configuration of the service; return its path."""
    path.write_text(
        f"[listen]\nport = {port}\n[accept]\nfree_gb = {0.012 if small else 0}\n"
        f'[spool]\nfolder = "{spool}"\nquiet_s = 0.5\nreserve_mb = 8\n'
        f'[[send]]\nkind = "dimse"\nname = "archive"\nae_title = "ARCHIVE"\nhost = "127.0.0.1"\nport = {pacs_port}\n'
    )
    return path


def run(options: argparse.Namespace, place: Path, disk: Path | None) -> dict[str, Any]:
    """Run the load; return what was measured."""
    films = Films(options.films)
    expected = films.expected()
    port, pacs_port, spool, log = free_port(), free_port(), (disk or place) / "spool", place / "stored.txt"
    log.touch()
    config = write_config(place / "serve.toml", port, spool, pacs_port, small=disk is not None)
    pacs = Process("--archive", str(log), "--port", str(pacs_port))
    service = Process("--serve", str(config), *(["--in-earnest"] if options.films else []))
    watch, stored = Watch(service), Stored(log, expected)
    terms: list[float] = []
    full = threading.Event()

    def fill_disk(folder: Path) -> None:
        full.set()
        fill(folder, options.absence_s, lambda: sum(sender.answers[_NO_ROOM] for sender in senders))
        full.clear()

    kinds: list[tuple[int, Callable[[], None]]] = [
        (options.kills, lambda: kill(service, 1.0)),
        (options.archive_kills, lambda: kill(pacs, 1.0)),
        (options.absences, lambda: kill(pacs, options.absence_s)),
        (options.terms, lambda: terminate(service, port, terms)),
    ]
    if disk is not None:
        kinds.append((options.fills, lambda: fill_disk(disk)))
    todo = sorted(disturbances(options.seed, kinds), key=lambda one: one[0])
    total, begun = len(todo), time.monotonic()

    senders = [
        Sender(
            port,
            films,
            range(lane, options.studies, options.senders),
            pause_s=options.pause_s,
            may_begin=lambda: may_begin(options, begun, senders, stored, is_full=full.is_set()),
        )
        for lane in range(options.senders)
    ]
    at_work: list[threading.Thread] = []
    said = begun
    for sender in senders:
        sender.start()
    try:
        while True:
            watch.look()
            stored.read()
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                logger.info("%d studies stored, %d disturbances to come", len(stored.complete), len(todo))
            elapsed, sent = time.monotonic() - begun, {number for sender in senders for number in sender.begun}
            done = max(len(stored.complete) / options.studies, elapsed / options.send_for_s)
            over = not any(sender.is_alive() for sender in senders) and sent <= stored.complete.keys()
            while todo and (over or todo[0][0] <= done):  # none is left out
                task = todo.pop(0)[1]
                at_work.append(threading.Thread(target=task, daemon=True))
                at_work[-1].start()
            if over or elapsed > options.limit_s:
                break
            time.sleep(_LOOK_EVERY_S)
        seconds = time.monotonic() - begun
        for thread in at_work:
            thread.join()
        time.sleep(5.0)  # for what would come twice
        stopped_s = service.end(port)
    finally:
        for process in (service, pacs):
            if not process.has_ended:
                process.kill()
    stored.read()
    return {
        "studies": len(sent),
        "objects": sum(map(len, stored.objects.values())),
        "films_not_answered": sum(number not in sender.answered for sender in senders for number in sender.begun),
        "objects_lost": sum(map(stored.missing, sent)),
        "objects_doubled": sum(map(stored.doubled, sent)),
        "objects_stored_again_under_the_same_uid": stored.repeated,
        "answers": dict(sum((sender.answers for sender in senders), Counter[str]())),
        "disturbances": total,
        "seconds": round(seconds, 1),
        "from_first_try_s": _spread(senders, stored, lambda sender: sender.begun),
        "from_answer_s": _spread(senders, stored, lambda sender: sender.answered),
        "most_mb": round(watch.most_mb, 1),
        "most_mb_with_workers": round(watch.most_mb_with_workers, 1),
        "most_descriptors": watch.most_descriptors,
        "term_idle_s": round(stopped_s, 2),
        "term_at_work_s": terms,
        "mean_load": round(float(np.mean(watch.loads)), 1),
    }


def _spread(
    senders: Sequence[Sender], stored: Stored, since: Callable[[Sender], dict[int, float]]
) -> dict[str, float] | None:
    """Return percentiles of the seconds to the last object stored."""
    begun = {number: moment for sender in senders for number, moment in since(sender).items()}
    waits = [stored.complete[number] - moment for number, moment in begun.items() if number in stored.complete]
    return {f"p{p}": round(float(np.percentile(waits, p)), 2) for p in (50, 95, 100)} if waits else None


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--pause-s", type=float, default=0.0, help="mean pause of a sender between two films")
    parser.add_argument("--send-for-s", type=float, default=86400.0, help="no film is begun after so long")
    parser.add_argument("--most-waiting", type=int, default=10**6, help="studies that are not stored yet")
    parser.add_argument("--kills", type=int, default=2, help="of the service")
    parser.add_argument("--archive-kills", type=int, default=2)
    parser.add_argument("--terms", type=int, default=1, help="of the service, which is started again")
    parser.add_argument("--absences", type=int, default=1, help="of the archive")
    parser.add_argument("--absence-s", type=float, default=5.0, help="how long it, or room on the disk, is away")
    parser.add_argument("--fills", type=int, default=1, help="of the disk")
    parser.add_argument("--disk-mb", type=int, default=64, help="size of the disk that is filled")
    parser.add_argument("--films", type=Path, nargs="+", default=[], help="DICOM films to analyse in earnest")
    parser.add_argument("--limit-s", type=float, default=86400.0, help="what has not ended after so long is lost")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--in-earnest", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--archive", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logger.setLevel(logging.INFO)
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    if options.serve is not None:
        serve(options.serve, in_earnest=options.in_earnest)
        return 0
    if options.archive is not None:
        archive(options.port, options.archive)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # nothing is left running or mounted
    with tempfile.TemporaryDirectory() as folder:
        place, disk = Path(folder), None
        if options.fills:
            disk = place / "disk"
            disk.mkdir()
            command = ["mount", "-t", "tmpfs", "-o", f"size={options.disk_mb}m", "tmpfs", str(disk)]
            if subprocess.run(command, check=False, capture_output=True).returncode != 0:
                logger.warning("no right to mount a small file system: the disk is not filled")
                disk = None
        try:
            found = run(options, place, disk)
        finally:
            if disk is not None:
                subprocess.run(["umount", "-l", str(disk)], check=False)
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    wrong = found["objects_lost"] or found["objects_doubled"] or found["films_not_answered"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
