"""A service in a process of its own that is killed while others send to it."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

from .conftest import STAND_IN, wait_for

SERVE = """
import signal, sys, threading, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ho_imaging.pacs.config import load_serve_config
from ho_imaging.pacs.service import Service
import stand_ins
if __name__ == "__main__":
    service = Service(load_serve_config(Path(sys.argv[1])), function=stand_ins.stand_in)
    service.start()
    print("ready", flush=True)
    while True:
        time.sleep(1)
        service.check()
"""


@contextmanager
def served_through_kills(tmp_path, port, destination, left, sender, shares=(0.3, 0.6)):
    """Serve at ``port`` with a stand-in for the analysis, run ``sender(lane)`` for each lane of ``left``, and kill.

    The service is killed and started again when each of ``shares`` of what was left is sent. Senders take what was
    taken off ``left``; when it is empty the body runs, with the service still up.
    """
    (tmp_path / "stand_ins.py").write_text(STAND_IN)
    (tmp_path / "serve.py").write_text(SERVE)
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in destination.items())
    (tmp_path / "serve.toml").write_text(
        f'[listen]\nport = {port}\n[spool]\nfolder = "{tmp_path}/spool"\nquiet_s = 0.5\n[[send]]\n{lines}'
    )

    def start():
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "serve.py"), str(tmp_path / "serve.toml"), str(tmp_path)],
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        return process

    total = sum(map(len, left.values()))
    process = start()
    lanes = [threading.Thread(target=sender, args=(lane,)) for lane in left]
    for lane in lanes:
        lane.start()
    for after in shares:
        wait_for(lambda after=after: sum(map(len, left.values())) < total * (1 - after))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process = start()
    for lane in lanes:
        lane.join(600)
    assert not any(left.values())
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
