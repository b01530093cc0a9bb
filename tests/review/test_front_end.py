"""The viewer's logic, run by node, against sums done here."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ho_imaging import review

STATIC = Path(review.__file__).parent / "static"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def node(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("node is not installed (Debian: nodejs)")
    for path in STATIC.glob("*.js"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "package.json").write_text('{"type": "module"}')

    def run(code):
        (tmp_path / "main.js").write_text(code)
        done = subprocess.run(
            ["node", "main.js"], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_point_stays_under_the_pointer_and_comes_back(node):
    told = node("""
        import { View } from "./geometry.js";
        const view = new View(1.5);
        view.fit(400, 300, 1000, 700);
        const fitted = [view.zoom, ...view.toScreen([-0.5, -0.5]), ...view.toScreen([399.5, 299.5])];
        const at = view.toSource([333, 222]);
        view.zoomBy(3.7, 333, 222);
        const after = view.toSource([333, 222]);
        view.pan(10, -5);
        const [a, , , d, e, f] = view.matrix();
        const [x, y] = view.toScreen([12, 34]);
        console.log(JSON.stringify({ fitted, at, after, moved: view.toScreen(at), x, y,
          mx: 12 * a + e, my: 34 * d + f }));
    """)
    zoom = 0.98 * min(1000 / 400, 700 / (300 * 1.5))
    half = [0.5 * 400 * zoom, 0.5 * 300 * 1.5 * zoom]
    expected = [zoom, 500 - half[0], 350 - half[1], 500 + half[0], 350 + half[1]]
    assert told["fitted"] == pytest.approx(expected)
    assert told["after"] == pytest.approx(told["at"])
    assert told["moved"] == pytest.approx([343, 217])
    assert (told["mx"], told["my"]) == pytest.approx((told["x"], told["y"]))


def test_lengths_and_insides(node):
    told = node("""
        import { boxOf, isInside, lengthText } from "./geometry.js";
        const rings = [[[0, 0], [10, 0], [10, 10], [0, 10]], [[4, 4], [6, 4], [6, 6], [4, 6]]];
        console.log(JSON.stringify([
          lengthText([0, 0], [30, 40], [0.5, 0.2]), lengthText([0, 0], [30, 40], null), boxOf(rings),
          [[1, 1], [5, 5], [11, 5]].map((p) => isInside(rings, p)),
        ]));
    """)
    mm = math.hypot(30 * 0.2, 40 * 0.5)
    assert told == [f"{mm:.1f} mm", "50 px", [0, 0, 10, 10], [True, False, False]]


def test_tones_follow_window_curve_and_inversion(node):
    told = node("""
        import { draggedWindow, greyTable } from "./tones.js";
        const look = { low: 10000, high: 20000, curve: [0, 0.5, 1], invert: false };
        const grey = (table, value) => table[value] & 255;
        const straight = greyTable(look), inverse = greyTable({ ...look, invert: true });
        const bent = greyTable({ ...look, curve: [0, 0.9, 1] });
        const at = [0, 10000, 12500, 15000, 20000, 65535];
        const wide = draggedWindow(look, 100, 0, 500), up = draggedWindow(look, 0, -100, 500);
        console.log(JSON.stringify({ straight: at.map((v) => grey(straight, v)),
          inverse: at.map((v) => grey(inverse, v)),
          bent: grey(bent, 15000), opaque: straight[15000] >>> 24, wide, up }));
    """)
    assert told["straight"] == [0, 0, 64, 128, 255, 255]
    assert told["inverse"] == [255, 255, 191, 128, 0, 0]
    assert told["bent"] == pytest.approx(0.9 * 255, abs=1)
    assert told["opaque"] == 255
    assert told["wide"]["high"] - told["wide"]["low"] > 10000
    assert told["wide"]["high"] + told["wide"]["low"] == pytest.approx(30000)
    assert told["up"]["low"] < 10000  # the window sank, so the film is brighter


def test_smaller_copies_are_means(node):
    told = node("""
        import { halved, levelFor, pyramid } from "./tones.js";
        const small = halved({ width: 3, height: 3, data: new Uint16Array([0, 4, 9, 8, 12, 1, 65535, 65535, 65535]) });
        const levels = pyramid({ width: 4000, height: 5000, data: new Uint16Array(4000 * 5000).fill(777) });
        console.log(JSON.stringify({ small: [small.width, small.height, ...small.data],
          sizes: levels.map((l) => [l.width, l.height]), same: levels.at(-1).data.every((v) => v === 777),
          level: [levelFor(4, 1e5, 1e7, 4), levelFor(1, 1e6, 1e7, 4), levelFor(0.25, 2e7, 1e7, 4),
            levelFor(1, 1e6, 9e4, 4)] }));
    """)
    assert told["small"] == [2, 2, 6, 5, 65535, 65535]
    assert told["sizes"] == [[4000, 5000], [2000, 2500], [1000, 1250], [500, 625]]
    assert told["same"]
    assert told["level"] == [0, 0, 2, 2]


def test_every_key_does_one_thing_and_is_described(node):
    told = node("""
        import { KEYS, commandOf, keyOf } from "./keys.js";
        const none = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
        const event = (key, more = {}) => commandOf({ key, ...none, ...more });
        console.log(JSON.stringify({ rows: KEYS.flatMap(([, rows]) => rows),
          z: [event("z"), event("Z", { shiftKey: true }), event("z", { ctrlKey: true }), event("y", { ctrlKey: true }),
            event("Z", { ctrlKey: true, shiftKey: true })],
          signs: [event("?", { shiftKey: true }), event("+"), event("+", { shiftKey: true })],
          others: [event("c", { ctrlKey: true }), event("a", { altKey: true }), event("F5")] }));
    """)
    keys = [key for key, _, _ in told["rows"]]
    assert len(keys) == len(set(keys))
    assert told["z"] == ["undo", "redo", "undo", "redo", "redo"]
    assert told["signs"] == ["help", "zoom-in", "zoom-in"]
    assert told["others"] == [None, None, None]
    run = (STATIC / "review.js").read_text()
    for key, command, text in told["rows"]:
        assert text, key
        tools = re.search(r"const HINTS = \{(.*?)\n\};", run, re.DOTALL).group(1)
        known = re.search(rf'\n      "?{command}"?: \(', run) or re.search(rf"\n  {command}: ", tools)
        assert not command or known, command
    described = (ROOT / "docs" / "review.md").read_text()
    assert [key for key in keys if f"`{key}`" not in described] == []


def test_the_joined_module_is_whole(node, tmp_path):
    from ho_imaging.review.front_end import front_end  # noqa: PLC0415

    (tmp_path / "joined.js").write_text(front_end())
    told = node("""
        const joined = await import("./joined.js");
        console.log(JSON.stringify([Object.keys(joined), typeof joined.default.render]));
    """)
    assert told == [["default"], "function"]


def test_nothing_is_fetched_from_elsewhere():
    for path in STATIC.iterdir():
        text = path.read_text().replace('fetch("message"', "")  # the page's own server
        assert not re.search(r"https?://|//cdn|@import|\bfetch\(|innerHTML", text), path.name


def test_a_kernel_is_lost_only_where_that_is_known(node):
    told = node("""
        import { verdict } from "./kernel.js";
        const busy = { status: "busy", connection: "connected" }, idle = { status: "idle", connection: "connected" };
        console.log(JSON.stringify([
          verdict(busy, 1000, 0), verdict(busy, 600000, 0), verdict(idle, 3000, 500), verdict(idle, 9000, 8000),
          verdict({ ...busy, status: "dead" }, 10, 0), verdict({ ...busy, connection: "disconnected" }, 10, 0),
          verdict(null, 1000, 0), verdict(null, 10000, 0), verdict(null, 60000, 0)]));
    """)
    assert told == ["fine", "busy", "busy", "lost", "lost", "lost", "fine", "busy", "lost"]


def test_what_stands_in_an_empty_field_can_be_read():
    css = (STATIC / "review.css").read_text()
    placeholder = re.search(r"::placeholder \{ color: (#\w{6})", css).group(1)
    field = re.search(r"\.ho-dialog textarea.*?background: (#\w{6})", css).group(1)

    def luminance(colour):  # WCAG 2.2
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert (luminance(placeholder) + 0.05) / (luminance(field) + 0.05) >= 7
