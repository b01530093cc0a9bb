"""Disks, folders, names, files and neighbours that misbehave: every input ends once, and the rest is not touched."""

import copy
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pydicom
import pytest
from pictures import picture
from pydicom.uid import ExplicitVRLittleEndian

import ho_imaging.batch.work
from ho_imaging.batch import BatchOptions, Settings, run_batch, summarise
from ho_imaging.errors import HOImagingError

SAMPLE = Path(__file__).parents[2] / "sample_data" / "01_no_ectopic_bone.dcm"
CHEST = Settings(region="chest")
"""Films that are called chests are refused before any model is needed, so a study takes milliseconds."""

HERE = BatchOptions(workers=0)


@pytest.fixture(scope="module")
def film() -> pydicom.Dataset:
    """A small film in Explicit VR Little Endian."""
    dataset = pydicom.dcmread(SAMPLE)
    pixels = dataset.pixel_array[::8, ::8].copy()
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    dataset["PixelData"].is_undefined_length = False
    return dataset


@pytest.fixture
def put(film, tmp_path):
    """Write films of a study of their own each; gives the folder."""
    folder = tmp_path / "films"
    folder.mkdir()

    def write(number: int, name: str | bytes, **changes: object) -> Path:
        again = copy.copy(film)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(again, keyword, f"1.2.{len(keyword)}.{number + 1}")
        for keyword, value in changes.items():
            setattr(again, keyword, value)
        stream = BytesIO()
        again.save_as(stream)
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stream.getvalue())
        return path

    return write


def inputs(out: Path) -> dict[str, tuple[str, str]]:
    rows = pq.read_table(out / "inputs.parquet").to_pylist()
    assert len(rows) == len({row["path"] for row in rows}), "an input ended twice"
    return {row["path"]: (row["status"], row["reason"]) for row in rows}


def damage(data: bytes, kind: int, rng: random.Random) -> bytes:
    """Damage a file the way transfers, disks and senders do."""
    values = bytearray(data)
    rows_at = data.index(b"\x28\x00\x10\x00US\x02\x00") + 8
    if kind == 0:  # cut off
        return data[: rng.randrange(200, len(data) - 2000)]
    if kind == 1:  # huge sizes declared
        values[rows_at : rows_at + 2] = b"\xff\xff"
        columns_at = data.index(b"\x28\x00\x11\x00US\x02\x00") + 8
        values[columns_at : columns_at + 2] = b"\xff\xff"
    elif kind == 2:  # a length that reaches beyond the end, though all pixels are there
        at = data.index(b"\xe0\x7f\x10\x00O") + 8
        values[at : at + 4] = b"\xf0\xff\xff\x7f"
    elif kind == 3:  # a length inside the header
        values[rows_at - 2 : rows_at] = b"\x00\x40"
    else:  # bits flipped all over the header
        for _ in range(300):
            values[rng.randrange(140, 1400)] ^= 1 << rng.randrange(8)
    return bytes(values)


def test_a_tenth_of_the_films_is_damaged_and_the_others_do_not_notice(put, tmp_path):
    rng = random.Random(3)
    whole = [put(number, f"{number:03d}.dcm") for number in range(50)]
    broken = [path for number, path in enumerate(whole) if number % 10 == 4]
    for kind, path in enumerate(broken):
        path.write_bytes(damage(path.read_bytes(), kind, rng))
    out = tmp_path / "out"
    counts = run_batch([tmp_path / "films"], out, CHEST, HERE)
    ended = inputs(out)
    assert set(ended) == {str(path) for path in whole}
    assert {ended[str(path)][0] for path in whole if path not in broken} == {"refused"}
    assert all("chest" in ended[str(path)][1] for path in whole if path not in broken)
    readable = broken.pop(2)
    assert "chest" in ended[str(readable)][1]
    assert {ended[str(path)][0] for path in broken} == {"failed"}
    assert all(ended[str(path)][1] for path in broken), "a failure has no reason"
    assert (counts.refused, counts.failed) == (46, 4)
    assert json.loads((out / "run.json").read_text())["inputs"] == {"refused": 46, "failed": 4}


def test_films_with_one_sop_instance_uid_are_analysed_once_and_the_other_is_named(put, tmp_path):
    first = put(1, "a.dcm")
    second = put(1, "b.dcm")
    third = put(2, "c.dcm")
    out = tmp_path / "out"
    run_batch([tmp_path / "films"], out, CHEST, HERE)
    ended = inputs(out)
    assert "chest" in ended[str(first)][1]
    assert ended[str(second)] == ("refused", f"same SOP Instance UID as {first}: the first one is used")
    assert "chest" in ended[str(third)][1]
    assert len(list(out.glob("studies/*/result.json"))) == 2


def test_copies_of_one_sop_instance_uid_that_name_two_patients_refuse_their_study_alone(put, tmp_path):
    first = put(1, "a.dcm")
    second = put(1, "b.dcm", PatientID="another")
    third = put(2, "c.dcm")
    out = tmp_path / "out"
    counts = run_batch([tmp_path / "films"], out, CHEST, HERE)
    ended = inputs(out)
    assert set(ended) == {str(first), str(second), str(third)}
    for path in (first, second):
        status, reason = ended[str(path)]
        assert status == "refused"
        assert reason.startswith(
            f"images of two patients in one study: Patient ID differs between {first} and {second} ("
        )
        assert "another" not in reason
    assert "chest" in ended[str(third)][1]
    assert (counts.refused, counts.failed) == (2, 0)


def test_names_in_every_alphabet_of_any_length_and_no_alphabet_at_all(put, tmp_path):
    names = [
        "Röntgen Hüfte.dcm".encode(), "股関節.dcm".encode(), "تصوير.dcm".encode(), "🦴".encode(), b"new\nline.dcm",
        b"\xff\xfe no text.dcm", b"quote\".dcm", b"-rf", b"a" * 251 + b".dcm", "ü".encode() * 127,
        b"C:\\IMAGES\\IM0001",
    ]  # fmt: skip
    paths = [put(number, name) for number, name in enumerate(names)]
    nested = put(99, b"/".join([b"d" * 200] * 5) + b"/film")
    out = tmp_path / "out"
    counts = run_batch([tmp_path / "films"], out, CHEST, HERE)
    assert (counts.refused, counts.failed) == (len(names) + 1, 0)
    shown = {str(path).encode("utf-8", "replace").decode() for path in (*paths, nested)}
    assert set(inputs(out)) == shown
    assert (out / "inputs.csv").read_text(encoding="utf-8")
    assert run_batch([tmp_path / "films"], out, CHEST, HERE).analysed == 0


def test_a_dicomdir_with_windows_paths_is_left_alone_and_its_films_are_found(put, tmp_path, film):
    put(1, "DICOM/IM000001")
    put(2, "DICOM/PAT2/IM000002")
    record = pydicom.Dataset()
    record.OffsetOfTheNextDirectoryRecord = record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.RecordInUseFlag, record.DirectoryRecordType = 0xFFFF, "IMAGE"
    record.add_new("ReferencedFileID", "LO", "DICOM\\IM000001")
    absolute = copy.deepcopy(record)
    absolute.add_new("ReferencedFileID", "LO", "C:/DICOM/../../etc/passwd")
    directory = pydicom.Dataset()
    directory.file_meta = copy.deepcopy(film.file_meta)
    directory.file_meta.MediaStorageSOPClassUID = pydicom.uid.MediaStorageDirectoryStorage
    directory.FileSetID = "CD"
    directory.DirectoryRecordSequence = [record, absolute]
    directory.save_as(tmp_path / "films" / "DICOMDIR", enforce_file_format=True)
    out = tmp_path / "out"
    counts = run_batch([tmp_path / "films"], out, CHEST, HERE)
    assert (counts.refused, counts.failed) == (2, 0)  # a disc's directory is no film that anybody waits for
    assert "DICOMDIR" in inputs(out)[str(tmp_path / "films" / "DICOMDIR")][1]
    assert len(list(out.glob("studies/*/result.json"))) == 2


def test_links_that_lead_in_circles_or_nowhere(put, tmp_path):
    put(1, "a/film.dcm")
    films = tmp_path / "films"
    (films / "a" / "up").symlink_to(films, target_is_directory=True)
    (films / "self").symlink_to("self")
    (films / "one").symlink_to("other")
    (films / "other").symlink_to("one")
    (films / "gone").symlink_to(tmp_path / "nowhere")
    out = tmp_path / "out"
    run_batch([films], out, CHEST, HERE)
    ended = inputs(out)
    assert "chest" in ended[str(films / "a" / "film.dcm")][1]
    for name in ("self", "one", "other", "gone"):
        assert ended[str(films / name)][0] == "failed"
    assert len(ended) == 5


@pytest.mark.parametrize("times", [1, 5])
def test_a_file_that_changes_while_it_is_read_is_read_again(put, tmp_path, monkeypatch, times):
    path = put(1, "film.dcm")
    put(2, "quiet.dcm")
    real = ho_imaging.batch.work._analyzer
    changes = []

    class Writing:
        """Somebody writes to the file while it is analysed."""

        def __init__(self, settings):
            self.analyzer = real(settings)

        def analyze_study(self, study, **facts):
            analysis = self.analyzer.analyze_study(study, **facts)
            if study.images[0].path == path and len(changes) < times:
                changes.append(1)
                with path.open("ab") as stream:
                    stream.write(b"\0\0")
            return analysis

    monkeypatch.setattr("ho_imaging.batch.work._analyzer", Writing)
    out = tmp_path / "out"
    run_batch([tmp_path / "films"], out, CHEST, HERE)
    status, reason = inputs(out).get(str(path), (None, None))
    if times == 1:
        assert "chest" in reason
    else:
        studies = {row["study_uid"]: row for row in pq.read_table(out / "studies.parquet").to_pylist()}
        assert "keep changing" in studies["1.2.16.2"]["reason"]
        monkeypatch.setattr("ho_imaging.batch.work._analyzer", real)
        run_batch([tmp_path / "films"], out, CHEST, HERE)
        status, reason = inputs(out)[str(path)]
    assert status == "refused"
    assert len(changes) == (1 if times == 1 else 2)


AS_NOBODY = """
import os, sys
from pathlib import Path
from ho_imaging.batch import BatchOptions, Settings, run_batch
chest, here = Settings(region="chest"), BatchOptions(workers=0)
warm, films, out = map(Path, sys.argv[1:4])
run_batch([warm], out.parent / "warm_out", chest, here)  # loads all modules while it may
if os.geteuid() == 0:
    os.seteuid(65534)
counts = run_batch([films], out, chest, here)
print(counts.refused, counts.failed)
"""


def test_folders_and_files_that_may_not_be_read_are_named_and_the_rest_is_done(put, tmp_path):
    put(1, "open/film.dcm")
    put(2, "closed/film.dcm")
    put(3, "locked.dcm")
    # pytest keeps its own folders closed to others.
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        films, out, warm = place / "films", place / "out", place / "warm"
        shutil.copytree(tmp_path / "films", films)
        shutil.copytree(films / "open", warm)
        out.mkdir()
        if os.geteuid() == 0:
            os.chown(out, 65534, 65534)
        (films / "closed").chmod(0)
        (films / "locked.dcm").chmod(0)
        command = [sys.executable, "-c", AS_NOBODY, str(warm), str(films), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        (films / "closed").chmod(0o700)
        (films / "locked.dcm").chmod(0o600)
        assert done.stdout.split() == ["1", "2"], done.stderr
        ended = inputs(out)
        assert "Permission denied" in ended[str(films / "closed")][1]
        assert "cannot be read" in ended[str(films / "locked.dcm")][1]
        # Once they may be read, the same command does what was left.
        counts = run_batch([films], out, CHEST, HERE)
        assert (counts.refused, counts.failed, counts.analysed) == (3, 0, 2)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize("left_kb", [0, 30, 90, 150, 250])
def test_a_disk_that_fills_up_ends_the_batch_and_costs_no_study(put, tmp_path, small_disk, left_kb):
    for number in range(20):
        put(number, f"{number:02d}.dcm")
    filler = small_disk / "filler"
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(bytes(free - 1024 * left_kb))
    out = small_disk / "out"
    with pytest.raises(HOImagingError, match=r"No space|full|space"):
        run_batch([tmp_path / "films"], out, CHEST, HERE)
    for path in out.glob("studies/*/result.json"):
        json.loads(path.read_text())  # what is there is whole
    filler.unlink()
    counts = run_batch([tmp_path / "films"], out, CHEST, HERE)
    assert (counts.refused, counts.failed) == (20, 0)
    assert len(inputs(out)) == 20
    assert not list(out.rglob("*.part"))


SLEEPY = """
import time
from ho_imaging.batch.work import work

def sleepy(job):
    time.sleep(1.0)
    return work(job)
"""

SLOW_RUN = """
import sys
from pathlib import Path
import {module} as stand_ins
from ho_imaging.batch import BatchOptions, Settings, run_batch
chest, here = Settings(region="chest"), BatchOptions(workers=0)
run_batch([sys.argv[1]], Path(sys.argv[2]), chest, here, function=stand_ins.sleepy)
"""


def test_the_second_of_two_runs_is_told_and_the_first_goes_on(put, tmp_path, importable):
    for number in range(15):
        put(number, f"{number:02d}.dcm")
    films, out = tmp_path / "films", tmp_path / "out"
    module = importable(SLEEPY).__name__
    first = subprocess.Popen([sys.executable, "-c", SLOW_RUN.format(module=module), str(films), str(out)])
    deadline = time.monotonic() + 60
    while not (out / "ledger.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    command = [sys.executable, "-m", "ho_imaging", "analyze", str(films), "--out", str(out), "--region", "chest"]
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    assert f"another run (process {first.pid})" in second.stderr
    assert second.stdout == ""
    assert summarise(out)["studies"]  # counting is allowed meanwhile
    assert first.wait() == 0
    assert len(inputs(out)) == 15


STARVED = """
import resource
from ho_imaging.batch.work import work

def starved(job):
    if job.study.images[0].path.name == "03.png":
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
        bytearray(1 << 30)
    return work(job)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits of memory are set as Linux counts it")
def test_a_study_that_takes_more_memory_than_there_is_costs_itself_alone(tmp_path, importable):
    films, out = tmp_path / "films", tmp_path / "out"
    films.mkdir()
    for number in range(8):
        picture(films / f"{number:02d}.png", number)
    options = BatchOptions(workers=2)
    counts = run_batch([films], out, CHEST, options, function=importable(STARVED).starved)
    assert (counts.refused, counts.failed) == (7, 1)
    (failed,) = [row for row in pq.read_table(out / "studies.parquet").to_pylist() if row["status"] == "failed"]
    assert "given up after 2 tries" in failed["reason"]
    assert "memory" in failed["reason"]


def test_the_time_of_each_stage_is_told(put, tmp_path):
    put(1, "film.dcm")
    out = tmp_path / "out"
    run_batch([tmp_path / "films"], out, CHEST, HERE)
    run = json.loads((out / "run.json").read_text())
    assert {"read", "write"} <= set(run["stage_seconds"])
    assert "network" not in run["stage_seconds"]  # refused before
    assert sum(run["stage_seconds"].values()) <= run["work_seconds"] + 0.2
