"""What is written to standard error: one form, and no words of a library."""

import json
import logging
import subprocess
import sys
import warnings

import pytest

from ho_imaging import logs
from ho_imaging.errors import ReadError

SECRET = "Doe^Jane"


def lines(capsys):
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize("name", ["pydicom", "highdicom.sr", "pynetdicom.dimse", "PIL.TiffImagePlugin", "urllib3", "x"])
def test_no_words_of_a_library_are_written(capsys, as_json, level, name):
    logs.set_up(logs.LogSettings(level, as_json=as_json))
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger(name).critical("value %s", SECRET, exc_info=True)
    written = lines(capsys)
    assert written
    assert SECRET not in "".join(written)
    assert name in "".join(written)
    if as_json:
        (line,) = (json.loads(line) for line in written)
        assert "ValueError" in line["trace"]


@pytest.mark.parametrize("as_json", [True, False])
def test_warnings_are_written_on_request_only_and_without_their_words(capsys, as_json):
    for level in (logging.INFO, logging.DEBUG):
        logs.set_up(logs.LogSettings(level, as_json=as_json))
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(f"Invalid value {SECRET}", UserWarning, stacklevel=1)
        written = lines(capsys)
        assert bool(written) == (level == logging.DEBUG)
        assert SECRET not in "".join(written)
        assert not written or "UserWarning at test_logs.py" in "".join(written)
        assert not as_json or all(json.loads(line) for line in written)


def test_our_own_words_are_written_and_those_of_our_errors(capsys):
    logs.set_up(logs.LogSettings(logging.DEBUG, as_json=True))
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise ReadError("cannot be read", path="film.dcm", remedy="send it again") from error
    except ReadError:
        logging.getLogger("ho_imaging.reading").debug("film %d", 3, exc_info=True)
    (line,) = (json.loads(line) for line in lines(capsys))
    assert line["message"] == "film 3"
    assert "film.dcm: cannot be read" in line["trace"]
    assert "KeyError" in line["trace"]
    assert SECRET not in line["trace"]


def test_progress_is_a_line_of_json_where_logs_are(capsys):
    logs.set_up(logs.LogSettings(as_json=True))
    logs.say("1 done")
    logs.set_up(logs.LogSettings())
    logs.say("2 done")
    first, second = lines(capsys)
    assert json.loads(first)["message"] == "1 done"
    assert second == "2 done"


WORKER = f"""
import logging, warnings
from ho_imaging.batch.work import Outcome

def work(job):
    warnings.warn("Invalid value {SECRET}")
    logging.getLogger("pydicom").critical("value {SECRET}")
    logging.getLogger("ho_imaging.batch").warning("study %s is odd", job)
    return Outcome(str(job), "done", None)
"""

PARENT = """
import logging, sys
from stand_in import work
from ho_imaging import logs
from ho_imaging.batch.pool import Pool

if __name__ == "__main__":
    logs.set_up(logs.LogSettings(logging.DEBUG, as_json=True))
    jobs = ["1.2.3"]
    pool = Pool(1, 1, work, limit_s=60)
    list(pool.run(lambda: jobs.pop() if jobs else None))
    pool.close()
"""


def test_a_worker_writes_as_its_parent_does(tmp_path):
    (tmp_path / "stand_in.py").write_text(WORKER)
    (tmp_path / "parent.py").write_text(PARENT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "parent.py")], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    written = [json.loads(line) for line in done.stderr.splitlines()]
    messages = [line["message"] for line in written]
    assert "study 1.2.3 is odd" in messages
    assert any(message.startswith("py.warnings: UserWarning at stand_in.py") for message in messages)
    assert SECRET not in done.stderr


def test_a_line_of_json_stays_one_without_control_characters():
    line = json.dumps({"path": "a\n\x1b[1m\x9b\u202eü"}, ensure_ascii=False)
    assert json.loads(logs.one_line(line)) == json.loads(line)
    assert not set(logs.one_line(line)) & set("\n\x1b\x9b\u202e")
