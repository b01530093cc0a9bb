"""``index.html``: the worklist of a batch, opened from disk, worst first; it needs no network."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ho_imaging.files.atomic import write_text
from ho_imaging.files.output_names import REPORT, RESULT, STUDIES, THUMBNAIL
from ho_imaging.results.folder import OutputFolder, StudyFolder
from ho_imaging.results.schema import RESEARCH_USE

__all__ = ["write_page"]

_SHOWN = (
    "study_uid",
    "folder",
    "status",
    "reason",
    "system",
    "grade",
    "alternatives",
    "certainty",
    "score",
    "category",
    "findings",
    "area_mm2",
    "longest_mm",
    "region",
)


def write_page(out_dir: Path, studies: Sequence[dict[str, Any]]) -> None:
    """Write the page; rows are embedded as JSON, thumbnails are the files beside the results."""
    rows = []
    for study in studies:
        folder = StudyFolder(OutputFolder(out_dir).studies / str(study.get("folder")))
        row = {name: study.get(name) for name in _SHOWN}
        row["thumbnail"] = folder.thumbnail.is_file()
        row["report"] = folder.report.is_file()
        row["overlays"] = [path.name for path in folder.overlays()]
        rows.append(row)
    # A closing tag in a value from a file must not end the script.
    data = json.dumps(rows, ensure_ascii=True).replace("<", "\\u003c")
    values = {"NOTE": html.escape(RESEARCH_USE), "STUDIES": STUDIES, "THUMBNAIL": THUMBNAIL, "RESULT": RESULT,
              "REPORT": REPORT, "DATA": data}  # fmt: skip
    page = _PAGE
    for name, value in values.items():  # the data last: it may hold anything
        page = page.replace(f"@{name}@", value)
    write_text(OutputFolder(out_dir).worklist, page)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Heterotopic ossification: worklist</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file: data:; style-src
 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body{font:15px/1.45 system-ui,sans-serif;margin:0;background:#14161a;color:#e8e8e8}
header{position:sticky;top:0;background:#14161a;padding:14px 20px;border-bottom:1px solid #333}
h1{font-size:18px;margin:0 0 6px}.note{color:#ffb000;font-size:13px;margin:0 0 10px}
input,select,button{font:inherit;background:#22262d;color:inherit;border:1px solid #444}
input,select,button{border-radius:4px;padding:4px 8px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid #2a2e35}
th button{border:0;background:none;padding:0;color:#9ecbff;cursor:pointer}img{height:84px;display:block}
td.uid{font-size:12px;color:#aaa;max-width:22ch;overflow-wrap:anywhere}.severe{color:#ff8a65}.moderate{color:#ffd54f}
.mild{color:#aed581}a{color:#9ecbff}.reason{color:#aaa}
</style></head><body>
<header><h1>Heterotopic ossification: worklist</h1><p class="note">@NOTE@</p>
<label>Find <input id="find" type="search" placeholder="UID, region, reason"></label>
<label>Status <select id="status"><option value="">all</option><option>done</option><option>refused</option>
<option>failed</option></select></label>
<label>Severity <select id="category"><option value="">all</option><option>severe</option><option>moderate</option>
<option>mild</option><option>none</option></select></label>
<label>Uncertain only <input id="unsure" type="checkbox"></label>
<button id="less" aria-label="previous page">&larr;</button> <span id="count" aria-live="polite"></span>
<button id="more" aria-label="next page">&rarr;</button></header>
<table><thead><tr id="head"></tr></thead><tbody id="rows"></tbody></table>
<script id="data" type="application/json">@DATA@</script>
<script>
"use strict";
const studies = JSON.parse(document.getElementById("data").textContent);
const words = {severe: 4, moderate: 3, mild: 2, none: 1};
const columns = [["film", null], ["severity", r => words[r.category] || 0], ["grade", r => r.grade || ""],
  ["certainty", r => r.certainty ?? 2], ["score", r => r.score ?? -1], ["nodules", r => r.findings ?? -1],
  ["area mm\\u00b2", r => r.area_mm2 ?? -1], ["longest mm", r => r.longest_mm ?? -1], ["region", r => r.region || ""],
  ["status", r => r.status], ["study", r => r.study_uid]];
const worst = r => (words[r.category] || 0) * 1000 + (r.score ?? 0);
let key = worst, down = true, page = 0;
const size = 200, by = id => document.getElementById(id);
columns.forEach(([name, of]) => {
  const th = document.createElement("th");
  if (of) {
    const button = document.createElement("button");
    button.textContent = name;
    button.onclick = () => { down = key === of ? !down : true; key = of; page = 0; show(); };
    th.append(button);
  } else th.textContent = name;
  by("head").append(th);
});
function cell(row, text, className) {
  const td = document.createElement("td");
  if (className) td.className = className;
  td.append(text ?? "");
  row.append(td);
  return td;
}
function link(href, what) {
  const a = document.createElement("a");
  a.href = href;
  a.append(what);
  return a;
}
function show() {
  const wanted = by("find").value.toLowerCase(), status = by("status").value, category = by("category").value;
  const found = studies.filter(r => (!status || r.status === status) && (!category || r.category === category)
    && (!by("unsure").checked || r.alternatives)
    && (!wanted || [r.study_uid, r.region, r.reason].join(" ").toLowerCase().includes(wanted)));
  found.sort((a, b) => { const x = key(a), y = key(b); return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1); });
  page = Math.max(0, Math.min(page, Math.ceil(found.length / size) - 1));
  by("rows").replaceChildren();
  for (const r of found.slice(page * size, (page + 1) * size)) {
    const row = document.createElement("tr"), folder = "@STUDIES@/" + encodeURIComponent(r.folder) + "/";
    let film = "";
    if (r.thumbnail) {
      film = document.createElement("img");
      film.loading = "lazy"; film.alt = "film of study " + r.study_uid; film.src = folder + "@THUMBNAIL@";
      if (r.overlays.length) film = link(folder + encodeURIComponent(r.overlays[0]), film);
    }
    cell(row, film);
    cell(row, r.category, r.category);
    cell(row, r.grade ? r.system + " " + r.grade + (r.alternatives ? " (or " + r.alternatives + ")" : "") : "");
    cell(row, r.certainty == null ? "" : Math.round(100 * r.certainty) + " %");
    cell(row, r.score == null ? "" : r.score.toFixed(0));
    cell(row, r.findings == null ? "" : String(r.findings));
    cell(row, r.area_mm2 == null ? "" : r.area_mm2.toFixed(0));
    cell(row, r.longest_mm == null ? "" : r.longest_mm.toFixed(0));
    cell(row, r.region);
    cell(row, r.status + (r.reason ? ": " + r.reason : ""), r.reason ? "reason" : "");
    const study = cell(row, link(folder + "@RESULT@", r.study_uid), "uid");
    if (r.report) study.append(" ", link(folder + "@REPORT@", "report"));
    by("rows").append(row);
  }
  by("count").textContent = found.length + " of " + studies.length + " studies, page " + (page + 1) + " of "
    + Math.max(1, Math.ceil(found.length / size));
}
for (const id of ["find", "status", "category", "unsure"])
  by(id).oninput = by(id).onchange = () => { page = 0; show(); };
by("more").onclick = () => { page += 1; show(); };
by("less").onclick = () => { page -= 1; show(); };
show();
</script></body></html>
"""
