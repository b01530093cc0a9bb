"""How many keys a study takes in the reading room, and how long its reader waits.

A scripted reader works through simulated studies in headless Chromium, at the page of ``ho-imaging review``. What is
true it knows from the simulator: it accepts findings that lie on ectopic bone and rejects the others (all at once where
all are right), draws one stroke through each nodule of at least 5 mm that was missed, gives the true grade where the
program gave another, and finishes. Before each study it looks for ``--look`` seconds.

Keys are counted in the page, Shift as a key of its own. Waiting is what lies between a key or stroke and the first
frame in which everything is kept and the film, or that of the next study, is on the screen. Prints JSON.

    python benchmarks/reading_room.py --work DIR [--studies 30] [--look 3]

``DIR/films`` and ``DIR/batch`` are made if they are not there (half an hour on two cores).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "review"))

from review_page import open_browser
from selenium.webdriver import ActionChains

from ho_imaging.cli.main import main as command_line
from ho_imaging.results.folder import batch_results

METER = """
window.meter = { keys: 0, strokes: 0, waited: 0, since: null };
const began = () => { meter.since ??= performance.now(); };
addEventListener("keydown", (event) => { if (!event.repeat) { meter.keys += 1; began(); } }, true);
addEventListener("pointerup", () => { meter.strokes += 1; began(); }, true);
const ready = () => review.state && !review.moving && !review.finishing && !review.unsaved() && review.shownAt !== null
  && review.panes.current.film && !review.panes.current.dirty;
const watch = () => {
  if (meter.since !== null && ready()) { meter.waited += performance.now() - meter.since; meter.since = null; }
  requestAnimationFrame(watch);
};
requestAnimationFrame(watch);
"""
SHIFT, RELEASE, ENTER = "\ue008", "\ue000", "\ue007"
LEAST_MM = 5.0


class Reader:
    def __init__(self, browser, truths: dict[str, Path]) -> None:
        self.browser = browser
        self.truths = truths

    def js(self, code: str):
        return self.browser.execute_script(f"return {code}")

    def until(self, code: str) -> None:
        end = time.monotonic() + 120
        while not self.js(f"Boolean({code})"):
            if time.monotonic() > end:
                raise SystemExit(f"never came true: {code}")
            time.sleep(0.02)

    def press(self, keys: str) -> None:
        self.browser.switch_to.active_element.send_keys(keys)
        self.until("meter.since === null")

    def stroke(self, ends) -> None:
        top = self.browser.find_element("css selector", ".ho-pane-current .ho-top")
        at = [self.js(f"review.panes.current.view.toScreen({list(map(float, end))}).map(Math.round)") for end in ends]
        middle = self.js("[review.panes.current.width, review.panes.current.height].map((v) => Math.round(v / 2))")
        chain = ActionChains(self.browser, duration=40)
        for number, point in enumerate(at):
            chain.move_to_element_with_offset(top, point[0] - middle[0], point[1] - middle[1])
            if number == 0:
                chain.click_and_hold()
        chain.release().perform()
        self.until("meter.since === null")

    def read(self, look_s: float) -> dict[str, float | str]:
        uid = self.js("review.study.study_uid")
        start = self.js("meter")
        time.sleep(look_s)
        self.judge(self.truths[uid])
        self.press("q")
        if self.js("!review.cover.hidden"):
            self.press(ENTER)
        self.until(f"(review.study.study_uid !== '{uid}' || !review.moving && review.state?.committed)")
        self.until("meter.since === null")
        end = self.js("meter")
        return {name: end[name] - start[name] for name in ("keys", "strokes", "waited")}

    def judge(self, folder: Path) -> None:
        about = json.loads((folder / "truth.json").read_text("utf-8"))
        bone = cv2.imread(str(folder / "ho.png"), cv2.IMREAD_GRAYSCALE) > 0
        allowed = bone | (cv2.imread(str(folder / "ignore.png"), cv2.IMREAD_GRAYSCALE) > 0)
        findings = self.js("review.state.findings.map(({ id, outline }) => ({ id, outline }))")
        masks = [filled(found["outline"], bone.shape) for found in findings]
        right = [allowed[mask].mean() > 0.25 if mask.any() else False for mask in masks]
        found = np.any(masks, axis=0) if masks else np.zeros_like(bone)
        for ends in missed(bone, found, about["pixel_mm"] / about["magnification"]):
            self.press("n")
            self.stroke(ends)
        if findings and all(right):
            self.press(f"{SHIFT}A{RELEASE}")
        elif findings:
            self.press("j")
            for is_right in right:
                self.press("a" if is_right else "x")
        for true in about["truth"]["sides"]:
            side = next((s for s in self.js("review.state.sides") if s["side"] == true["side"]), None)
            if side is None or side["system"] != "brooker" or side["grade"] == true["brooker"]:
                continue
            if self.js("review.side") != side["side"]:
                self.press("g")
            self.press(str(["0", "I", "II", "III", "IV"].index(true["brooker"])))
            self.press("1")


def filled(rings, shape) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(ring).astype(np.int32) for ring in rings], 1)
    return mask > 0


def missed(bone: np.ndarray, found: np.ndarray, pixel_mm: float) -> list[tuple]:
    """The two ends (x, y) of a stroke through each nodule that nothing found touches."""
    count, labels = cv2.connectedComponents(bone.astype(np.uint8))
    strokes = []
    for label in range(1, count):
        here = labels == label
        y, x = np.nonzero(here)
        points = np.column_stack([x, y]).astype(float)
        middle = points.mean(axis=0)
        axis = np.linalg.svd(points - middle, full_matrices=False)[2][0]
        along = (points - middle) @ axis
        if found[here].any() or np.ptp(along) * pixel_mm < LEAST_MM:
            continue
        strokes.append((middle + 0.8 * along.min() * axis, middle + 0.8 * along.max() * axis))
    return strokes


def prepare(work: Path, studies: int) -> None:
    quick = ["--view", "ap", "--pixel-mm", "0.2", "--seed", "600", "--count", str(studies)]
    if not (work / "films").is_dir():
        command_line(["-q", "simulate", "--out", str(work / "films"), *quick])
    if not (work / "batch").is_dir():
        films = sorted(str(path) for path in (work / "films").glob("*/film.dcm"))
        command_line(["-q", "analyze", *films, "--out", str(work / "batch")])


def told(values: list[float]) -> dict[str, float]:
    return {
        "mean": round(statistics.mean(values), 2),
        "median": round(statistics.median(values), 2),
        "most": round(max(values), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", required=True, type=Path, metavar="DIR")
    parser.add_argument("--studies", type=int, default=30)
    parser.add_argument("--look", type=float, default=3.0, help="seconds that the reader looks at a study")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="keep a picture of every fifth study")
    args = parser.parse_args()
    args.work = args.work.resolve()
    prepare(args.work, args.studies)
    results = [result for _, result in batch_results(args.work / "batch") if result.status == "done"]
    truths = {result.study_uid: Path(result.images[0].path).parent / "truth" for result in results}
    reader_name = f"script-{time.time_ns()}"
    command = [
        sys.executable, "-m", "ho_imaging", "-q", "review", str(args.work / "batch"), "--reader", reader_name,
        "--no-browser", "--port", "0", "--store", str(args.work / "reviews"),
    ]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    browser = open_browser(args.work / "profile", (1920, 1200))
    if browser is None:
        raise SystemExit("chromium is not installed (Debian: chromium, chromium-driver)")
    try:
        browser.get(server.stdout.readline().strip())
        reader = Reader(browser, truths)
        reader.until("window.review?.state && review.panes.current.film && review.shownAt !== null")
        browser.execute_script(METER)
        rows = []
        began = time.monotonic()
        for number in range(min(args.studies, len(results))):
            rows.append(reader.read(args.look))
            if args.pictures is not None and number % 5 == 0:
                args.pictures.mkdir(parents=True, exist_ok=True)
                browser.save_screenshot(str(args.pictures / f"study_{number + 1:02d}.png"))
        took = time.monotonic() - began
        print(json.dumps(report(rows, took, args.look, reader.js("[innerWidth, innerHeight]")), indent=1))
    finally:
        browser.quit()
        server.terminate()
        server.wait()


def report(rows: list[dict[str, float]], took: float, look_s: float, page: list[int]) -> dict[str, object]:
    keys = [row["keys"] for row in rows]
    waits = [row["waited"] / 1000 for row in rows]
    return {
        "studies": len(rows),
        "study_by_study": [f"{row['keys']} keys, {row['waited'] / 1000:.2f} s" for row in rows],
        "keys_a_study": told(keys) | {"share_of_at_most_6": round(sum(k <= 6 for k in keys) / len(keys), 3)},
        "strokes_a_study": told([row["strokes"] for row in rows]),
        "waiting_s_a_study": told(waits) | {"share_under_1": round(sum(w < 1.0 for w in waits) / len(waits), 3)},
        "look_s": look_s,
        "wall_s_a_study": round(took / len(rows), 1),
        "page_px": page,
        "load": [round(load, 1) for load in os.getloadavg()],
    }


if __name__ == "__main__":
    main()
