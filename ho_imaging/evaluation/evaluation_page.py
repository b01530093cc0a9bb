"""The figures of an evaluation as pictures and one HTML page that opens from disk."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ho_imaging.evaluation.evaluate import FilmRecord
from ho_imaging.evaluation.evaluation_tables import GROUP_HEADER, group_rows, headline_rows
from ho_imaging.evaluation.figures import CLEAR, clear_means, film_froc
from ho_imaging.files.atomic import write_bytes, write_text
from ho_imaging.files.output_names import PICTURE_SUFFIX, WORKLIST
from ho_imaging.plotting import new_axes, to_png
from ho_imaging.severity.systems import BROOKER

__all__ = ["write_page"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}img{max-width:100%}
table{border-collapse:collapse;margin:.5rem 0}th,td{padding:.2rem .8rem .2rem 0;text-align:right}
td{border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}.note{color:#57606a}
@media print{body{margin:0}}
"""


def write_page(out_dir: Path, model: str, figures: dict[str, Any], records: Sequence[FilmRecord]) -> Path:
    """Write ``index.html`` and its pictures into a folder; give the page's path.

    Raises
    ------
    UsageError
        Without matplotlib.

    """
    pictures = {"froc": _froc_picture(records), "reliability": _reliability_picture(figures)}
    for name, data in pictures.items():
        write_bytes(out_dir / f"{name}{PICTURE_SUFFIX}", data)
    page = out_dir / WORKLIST
    write_text(page, _html(model, figures, pictures))
    return page


def _froc_picture(records: Sequence[FilmRecord]) -> bytes:
    figure, axes = new_axes((6.4, 4.2), 110)
    records = [record for record in records if record.evaluated]
    for curve, label, style in (
        (film_froc(records, CLEAR), clear_means(records), "-"),
        (film_froc(records), "every nodule", "--"),
    ):
        x = np.maximum(curve.false_alarms_per_film, 1 / 64)
        axes.step(x, curve.sensitivity, style, where="post", label=label)
    axes.set_xscale("log", base=2)
    axes.set(xlim=(1 / 32, 8), ylim=(0, 1), xlabel="false alarms a film", ylabel="sensitivity (nodules)")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    return to_png(figure)


def _reliability_picture(figures: dict[str, Any]) -> bytes:
    figure, axes = new_axes((6.4, 4.2), 110)
    rows = [row for row in figures["reliability"] if row["pixels"]]
    axes.plot([0, 1], [0, 1], color="0.7")
    axes.plot([row["stated"] for row in rows], [row["true"] for row in rows], "o-")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability stated", ylabel="share that is ectopic bone (pixels)")
    axes.grid(alpha=0.3)
    return to_png(figure)


def _html(model: str, figures: dict[str, Any], pictures: dict[str, bytes]) -> str:
    def image(name: str, text: str) -> str:
        return f'<img alt="{text}" src="data:image/png;base64,{base64.b64encode(pictures[name]).decode()}">'

    brooker = figures[BROOKER.name]
    status = ", ".join(f"{count} {name}" for name, count in figures["films_by_status"].items())
    parts = [
        f"<h1>Evaluation of {html.escape(model)}</h1>",
        f'<p class="note">{figures["films"]} films ({status}), {figures["lesions"]} nodules of which '
        f"{figures['lesions_clear']} are clear ({figures['clear_means']}). Brackets hold 95 % of "
        "the values over resampled films. Research use only.</p>",
        _table(("", "value"), headline_rows(figures)),
        "<h2>Nodules found against false alarms</h2>",
        image("froc", "Sensitivity against false alarms a film"),
        _table(
            ("false alarms a film", *figures["sensitivity"]),
            [
                ("every nodule", *map(_number, figures["sensitivity"].values())),
                ("clear nodules", *map(_number, figures["sensitivity_clear"].values())),
            ],
        ),
        "<h2>Outlines and measures</h2>",
        _table(("structure", "median Dice"), [(k, _number(v)) for k, v in figures["dice_median"].items()]),
        _table(
            ("measure", "nodules", "median found over true", "median relative error"),
            [
                (name, error["nodules"], _number(error["median_ratio"]), _number(error["median_relative_error"]))
                for name, error in (("area", figures["area_error"]), ("long axis", figures["long_axis_error"]))
            ],
        ),
        f"<h2>Brooker class</h2><p>Agreement {_number(brooker['agreement'])}, {brooker['sides_not_graded']} sides not "
        "graded. Rows are true, columns found.</p>",
        _table(
            ("", *BROOKER.grades),
            [(grade, *row) for grade, row in zip(BROOKER.grades, brooker["confusion"], strict=True)],
        ),
        "<h2>Calibration</h2>",
        image("reliability", "Stated probability against observed share"),
        "<h2>False alarms on mimics</h2>",
        _table(
            ("mimic", "films", "false alarms a film, at half a false alarm over all", "reported a film"),
            [
                (k, v["films"], _number(v["false_alarms_per_film"]), _number(v["reported_per_film"]))
                for k, v in figures["false_alarms_per_mimic"].items()
            ],
        ),
        "<h2>By kind of nodule and film</h2>",
        _table(GROUP_HEADER, group_rows(figures, digits=3)),
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Evaluation of {html.escape(model)}</title>'
        f"<style>{_STYLE}</style>{''.join(parts)}</html>\n"
    )


def _table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    def line(cells: Iterable[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line(header, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
