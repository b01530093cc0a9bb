"""How long a frame takes while a reader moves, zooms, windows and draws on a film of 4,000 x 5,000 pixels.

Opens the viewer in headless Chromium and drives it with pointer and wheel events, one a frame; a frame's time is the
time from one animation frame to the next, in which a pixel of each canvas is read back, so that its drawing is over.
A display's pace, 16.7 ms, is the least; "idle" draws nothing and says what a busy machine adds. Prints JSON.

    python benchmarks/review_frames.py [--rows 5000 --columns 4000 --frames 120]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "review"))

from review_page import make_result, open_browser, write_batch, write_film

from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.review.inputs import open_study
from ho_imaging.review.page_server import PageServer
from ho_imaging.review.room import ReadingRoom
from ho_imaging.review.session import ReviewSession

DRIVE = """
const [what, frames, done] = arguments;
const pane = review.panes.current, top_ = pane.top, box = top_.getBoundingClientRect();
const middle = [box.left + box.width / 2, box.top + box.height / 2];
const send = (type, x, y, more = {}) => top_.dispatchEvent(new PointerEvent(type, {
  clientX: x, clientY: y, pointerId: 1, bubbles: true, cancelable: true, button: 0, ...more }));
top_.setPointerCapture = () => {};
pane.fit();
review.choose(null, false);
if (what !== "zoom") { pane.view.zoomBy(0.5 / pane.view.zoom, pane.width / 2, pane.height / 2); }
if (what === "pan_whole_film") pane.fit();
const tool = ["window", "brush"].includes(what) ? what : "move";
review.run(tool);
if (tool === "brush") { review.run("new-nodule"); review.brush = 40; }
const times = [], paints = [];
pane.frames = paints;
let last = null, number = 0;
if (what !== "zoom") send("pointerdown", ...middle);
const step = () => {
  for (const canvas of [pane.base, pane.top]) canvas.getContext("2d").getImageData(5, 5, 1, 1);
  const now = performance.now();
  if (last !== null) times.push(now - last);
  last = now;
  if (number >= frames) {
    pane.frames = null;
    if (tool === "brush") pane.cancel(); else if (what !== "zoom") send("pointerup", ...middle);
    pane.cancel();
    done({ times, paints: paints.map(([a, b]) => b - a) });
    return;
  }
  number += 1;
  const angle = number / 12, reach = 60 + number;
  if (what === "zoom") {
    top_.dispatchEvent(new WheelEvent("wheel", { clientX: middle[0], clientY: middle[1], cancelable: true,
      deltaY: number <= frames / 2 ? -40 : 40 }));
  } else if (what !== "idle") {
    send("pointermove", middle[0] + reach * Math.cos(angle), middle[1] + reach * Math.sin(angle));
  }
  requestAnimationFrame(step);
};
setTimeout(() => requestAnimationFrame(step), 300);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--columns", type=int, default=4000)
    parser.add_argument("--frames", type=int, default=120)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        film = folder / "film.png"
        write_film(film, args.rows, args.columns)
        radius = args.rows / 40
        nodules = [((args.rows * (0.3 + 0.05 * k), args.columns * (0.3 + 0.05 * k)), radius) for k in range(8)]
        result = make_result("1.2.3", {"1.2.3.1": (film, args.rows, args.columns)}, {"1.2.3.1": nodules})
        study = open_study(write_batch(folder / "out", result))
        session = ReviewSession(study, "AB", ReviewStore(folder / "reviews"))
        browser = open_browser(folder / "profile", (1920, 1200))
        if browser is None:
            raise SystemExit("chromium is not installed (Debian: chromium, chromium-driver)")
        try:
            server = PageServer(ReadingRoom(session), port=0)
            server.start()
            try:
                found = measure(browser, server.url, args.frames)
            finally:
                server.stop()
            print(json.dumps(found | {"film_px": [args.rows, args.columns]}, indent=1))
        finally:
            browser.quit()


def measure(browser, url: str, frames: int) -> dict[str, object]:
    browser.set_script_timeout(300)
    began = time.monotonic()
    browser.get(url)
    while not browser.execute_script("return Boolean(window.review?.panes.current.film)"):
        if time.monotonic() - began > 300:
            raise SystemExit("the film was not loaded in five minutes")
        time.sleep(0.05)
    loaded = time.monotonic() - began
    found: dict[str, object] = {
        "browser": f"{browser.capabilities['browserName']} {browser.capabilities['browserVersion']}",
        "machine": platform.machine(),
        "pane_px": browser.execute_script("return [review.panes.current.width, review.panes.current.height]"),
        "load_s": round(loaded, 2),
    }
    for what in ("idle", "pan", "pan_whole_film", "zoom", "window", "brush"):
        measured = browser.execute_async_script(DRIVE, what, frames)
        times, paints = sorted(measured["times"]), sorted(measured["paints"]) or [0.0]
        found[what] = {
            "frame_median_ms": round(times[len(times) // 2], 1),
            "frame_p95_ms": round(times[int(0.95 * len(times))], 1),
            "script_median_ms": round(paints[len(paints) // 2], 1),
        }
    return found


if __name__ == "__main__":
    main()
