"""The program's process ends at once, and nothing that it said or meant to do at its end is lost."""

import subprocess
import sys

_PROGRAM = """
import atexit, sys, threading, time
from ho_imaging.cli.ending import end_process

class Slow:
    def __del__(self):
        print("taken down")

kept = Slow()
atexit.register(print, "at the end")
print("x" * 300_000)
if "thread" in sys.argv:
    threading.Thread(target=lambda: (time.sleep(0.3), print("the other thread"))).start()
if "closed" in sys.argv:
    sys.stdout.close()
end_process(3)
sys.exit(4)
"""


def ended(*how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *how], capture_output=True, text=True, check=False, timeout=120
    )


def test_all_is_written_and_done_and_nothing_is_taken_down() -> None:
    process = ended()
    assert process.returncode == 3
    assert process.stdout.split() == ["x" * 300_000, "at", "the", "end"]
    assert process.stderr == ""


def test_a_thread_at_work_is_waited_for() -> None:
    process = ended("thread")
    assert process.returncode == 4
    assert process.stdout.splitlines()[1:] == ["the other thread", "at the end", "taken down"]


def test_where_nothing_can_be_written_python_ends_the_process() -> None:
    assert ended("closed").returncode not in {0, 3}


def test_the_exit_status_is_that_of_the_command(tmp_path: object) -> None:
    command = [sys.executable, "-m", "ho_imaging", "schema"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert process.returncode == 0
    assert process.stdout.rstrip().endswith("}")
    command = [sys.executable, "-m", "ho_imaging", "analyze", f"{tmp_path}/none.dcm", "--out", f"{tmp_path}/out"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert process.returncode == 2
    assert "none.dcm" in process.stderr
