"""The whole way in real JupyterLab and Notebook: decide, kill the kernel, open again; the decisions are there."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.inputs import open_study
from ho_imaging.review.session import ReviewSession

pytestmark = pytest.mark.slow

STUDY, FILM = "1.2.3", "1.2.3.1"


@pytest.fixture
def server(batch, tmp_path):
    """A Jupyter server on loopback with a notebook that opens the review: gives its address and token."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed (Debian: chromium, chromium-driver)")
    pytest.importorskip("jupyterlab")
    home = tmp_path / "home"
    work = tmp_path / "work"
    for folder in (home, work):
        folder.mkdir()
    code = [
        "import os, pathlib\n",
        "pathlib.Path('pid').write_text(str(os.getpid()))\n",
        "from ho_imaging.review import review\n",
        f"review({str(batch)!r}, reader='AB')",
    ]
    cell = {"cell_type": "code", "execution_count": None, "id": "a", "metadata": {}, "outputs": [], "source": code}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (work / "read.ipynb").write_text(json.dumps(notebook))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    # Nothing of the user's own settings, and nothing fetched: no news, no list of extensions.
    environment = os.environ | {
        "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "run"), "IPYTHONDIR": str(home / "ipython"),
    }  # fmt: skip
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={work}", "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly", "--ServerApp.port_retries=0",
    ]  # fmt: skip
    with (tmp_path / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, (tmp_path / "jupyter.log").read_text()
                assert time.monotonic() < end, "the server did not start"
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}", token
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Notebook:
    """A notebook in a browser, with a review in its first cell."""

    def __init__(self, browser, server, place):
        self.browser = browser
        self.server = server
        self.place = place

    def js(self, code):
        return self.browser.execute_script(f"return {code}")

    def until(self, code, seconds=90):
        end = time.monotonic() + seconds
        while not self.js(f"Boolean({code})"):
            if time.monotonic() > end and os.environ.get("HO_SCREENSHOTS"):
                self.browser.save_screenshot(f"{os.environ['HO_SCREENSHOTS']}/failed.png")
            assert time.monotonic() < end, f"never came true: {code}"
            time.sleep(0.1)

    def open(self):
        address, token = self.server
        self.browser.get(f"{address}/{self.place}/read.ipynb?token={token}")
        self.until("window.jupyterapp && document.querySelector('.jp-Notebook .jp-CodeCell')")
        self.until("!document.querySelector('#jupyterlab-splash')")
        self.until(
            "jupyterapp.shell.currentWidget?.sessionContext?.isReady && "
            "jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.connectionStatus === 'connected' && "
            "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"
        )

    def run(self):
        self.js("jupyterapp.commands.execute('notebook:run-all-cells') && 1")
        self.js("(window.review = undefined) || 1")
        self.until(
            "window.review = [...document.querySelectorAll('*')].map((e) => e.hoReview)"
            ".filter((r) => r && !r.left).at(-1)"
        )
        self.until("review.state && review.panes.current.film")
        time.sleep(0.5)
        box = self.js("(({ top, bottom }) => [top, bottom])(review.root.getBoundingClientRect())")
        assert box[0] >= 0, box
        assert box[1] <= self.js("innerHeight"), box  # whole in the pane, without scrolling
        self.js("review.root.focus() || 1")

    def keys(self, *keys):
        for key in keys:
            self.browser.switch_to.active_element.send_keys(key)

    def drag(self, start, end, button=0):
        from selenium.webdriver import ActionChains  # noqa: PLC0415

        top = self.browser.find_element("css selector", ".ho-pane-current .ho-top")
        middle = self.js("[review.panes.current.width / 2, review.panes.current.height / 2]")
        points = [self.js(f"review.panes.current.view.toScreen({list(point)})") for point in (start, end)]
        a, b = [(round(x - middle[0]), round(y - middle[1])) for x, y in points]
        chain = ActionChains(self.browser, duration=50)
        chain.move_to_element_with_offset(top, *a).click_and_hold().move_to_element_with_offset(top, *b).release()
        chain.perform()


@pytest.mark.parametrize("place", ["lab/tree", "notebooks"])
def test_what_was_decided_outlives_the_kernel(server, browser, batch, tmp_path, place):
    notebook = Notebook(browser, server, place)
    notebook.open()
    notebook.run()
    cells = notebook.js("document.querySelectorAll('.jp-Cell').length")
    # Window.
    low = notebook.js("review.panes.current.film.look.low")
    notebook.keys("w")
    notebook.drag((300, 300), (300, 200))
    assert notebook.js("review.panes.current.film.look.low") < low
    # A kernel that is only busy is no alarm, and the step is kept (at once where comms have a shell of their own).
    notebook.js(
        "(window.alarms = 0) || new MutationObserver(() => { alarms += !review.banner.hidden; })"
        ".observe(review.banner, { attributes: true }) || 1"
    )
    notebook.js(
        "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({ code: 'import time; time.sleep(8)' }) && 1"
    )
    # Accept, reject, brush, undo, grade: no key may reach the notebook (X would cut the cell, D D delete it).
    notebook.keys("j", "a")
    notebook.until("review.state.findings[0].status === 'accepted'")
    assert notebook.js("window.alarms") == 0
    notebook.keys("x")
    notebook.until("review.state.findings[1].status === 'rejected'")
    notebook.keys("f", "b")
    notebook.drag((120, 600), (170, 600))
    notebook.until("review.state.findings[2].reshaped")
    notebook.keys("n")
    notebook.drag((300, 500), (330, 500))
    notebook.until("review.state.findings.at(-1).id === 'R1'")
    notebook.keys("z")
    notebook.until("review.state.findings.at(-1).id !== 'R1'")
    notebook.keys("4", "a bridge, no gap", "\ue007")
    notebook.until("review.state.sides[1].grade === 'IV'")
    notebook.keys("d", "d")
    assert notebook.js("document.querySelectorAll('.jp-Cell').length") == cells
    reshaped = notebook.js("JSON.stringify(review.state.findings[2].outline)")
    if os.environ.get("HO_SCREENSHOTS"):
        browser.save_screenshot(f"{os.environ['HO_SCREENSHOTS']}/{place.replace('/', '_')}.png")
    # The kernel dies without a word.
    notebook.js("jupyterapp.commands.execute('docmanager:save') && 1")
    os.kill(int((tmp_path / "work" / "pid").read_text()), signal.SIGKILL)
    notebook.until("document.querySelector('.jp-Dialog')")  # "The kernel appears to have died."
    browser.find_element("css selector", ".jp-Dialog .jp-mod-accept").click()
    notebook.until("!document.querySelector('.jp-Dialog')")
    notebook.js("review.root.focus() || 1")
    notebook.keys("j", "x")
    notebook.until("!review.banner.hidden")
    assert notebook.js("review.state.findings[0].status") == "accepted"
    kept = ReviewStore(batch / "reviews").read(STUDY, "AB")
    assert [d.action for d in kept] == ["open", "accept", "reject", "reshape", "add", "undo", "regrade"]
    # Opened again in a new page, with a new kernel.
    browser.get("about:blank")
    saved = json.dumps(json.loads((tmp_path / "work" / "read.ipynb").read_text()))
    assert len(saved) < 200_000  # no pixels
    assert "contours" not in saved
    assert "0.91" not in saved
    notebook.open()
    notebook.run()
    state = notebook.js("review.state")
    assert [f["status"] for f in state["findings"]] == ["accepted", "rejected", "accepted", "unseen"]
    assert json.loads(reshaped) == state["findings"][2]["outline"]
    assert (state["sides"][1]["grade"], state["sides"][1]["reason"]) == ("IV", "a bridge, no gap")
    # And undo goes on from there.
    notebook.js("review.root.focus() || 1")
    notebook.keys("z")
    notebook.until("review.state.sides[1].grade === 'II'")
    fresh = ReviewSession(open_study(batch), "AB", ReviewStore(batch / "reviews"))
    assert fresh.state.grades["left"] == ("II", None)
