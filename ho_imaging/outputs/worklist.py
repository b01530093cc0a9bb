"""``index.html``: the worklist of a batch, opened from disk, worst first; it needs no network."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ho_imaging.files.atomic import writing
from ho_imaging.files.output_names import OVERLAY_SUFFIX, PLAIN_SUFFIX, REPORT, RESULT, STUDIES, THUMBNAIL
from ho_imaging.messages import load_language
from ho_imaging.outputs.rows import IDENTIFIER_COLUMNS
from ho_imaging.outputs.spoken import check_language
from ho_imaging.results.folder import OutputFolder, StudyFolder
from ho_imaging.results.schema import RESEARCH_USE

__all__ = ["write_page"]

_SHOWN = (
    "study_uid",
    "path",
    "folder",
    "status",
    "reason",
    "side",
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
    *IDENTIFIER_COLUMNS,
)

_WORDS = ("status", "category", "side", "region")
"""Columns that hold words of the vocabulary."""


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


_TEXTS = {
    "title": _("Heterotopic ossification: worklist"),
    "find": _("Find"),
    "find_what": _("file, UID, region, reason"),
    "status": _("Status"),
    "severity": _("Severity"),
    "side": _("Side"),
    "all": _("all"),
    "uncertain_only": _("Uncertain only"),
    "sort_by": _("Sort by"),
    "worst_first": _("worst first"),
    "previous_page": _("previous page"),
    "next_page": _("next page"),
    "outlines": _("Outlines"),
    "film": _("Film"),
    "file": _("File"),
    "grade": _("Grade"),
    "certainty": _("Certainty"),
    "score": _("Burden"),
    "nodules": _("Nodules"),
    "area": _("Area mm²"),
    "longest": _("Longest mm"),
    "region": _("Region"),
    "study": _("Study"),
    "report": _("Report"),
    "result": _("Result"),
    "close": _("Close"),
    "or": _("or"),
    "open_film": _("open the film of study"),
    "film_of": _("film of study"),
    "no_large_picture": _("For the large picture run ho-imaging analyze again with --outputs overlays."),
    "count": _("{found} of {all} studies, page {page} of {pages}"),
    "accession_number": _("Accession number"),
    "patient_id": _("Patient ID"),
    "patient_name": _("Patient's Name"),
    "patient_birth_date": _("Patient's Birth Date"),
    "patient_sex": _("Patient's Sex"),
    "study_date": _("Study Date"),
}
"""Texts of the page by what stands for them in it."""


def write_page(out_dir: Path, studies: Iterable[Mapping[str, Any]], language: str = "en") -> None:
    """Write the page; rows are embedded as JSON, thumbnails are the files beside the results.

    Parameters
    ----------
    out_dir
        Folder of the batch.
    studies
        Rows of the table of studies.
    language
        Language of the page.

    Raises
    ------
    UsageError
        If there is no catalogue for the language.

    """
    check_language(language)
    spoken = load_language(language)
    rows: list[str] = []
    used = set(_CHOICES)
    for study in studies:
        used |= {str(study[name]) for name in _WORDS if study.get(name) is not None}
        rows.append(_embedded(_row(out_dir, study)))
    texts = {name: spoken.say(text) for name, text in _TEXTS.items()}
    values = {"NOTE": html.escape(spoken.say(RESEARCH_USE)), "STUDIES": STUDIES, "THUMBNAIL": THUMBNAIL,
              "RESULT": RESULT, "REPORT": REPORT, "OVERLAY": OVERLAY_SUFFIX, "PLAIN": PLAIN_SUFFIX,
              "LANGUAGE": language,
              **{f"T:{name}": html.escape(text) for name, text in texts.items()},
              "TEXTS": _embedded(texts), "IDENTIFIERS": _embedded(IDENTIFIER_COLUMNS),
              "WORDS": _embedded({value: spoken.word(value) for value in sorted(used)})}  # fmt: skip
    page = _PAGE
    for name, value in values.items():
        page = page.replace(f"@{name}@", value)
    before, after = page.split("@DATA@")
    with writing(OutputFolder(out_dir).worklist) as part, part.open("w", encoding="utf-8") as stream:
        stream.write(f"{before}[")
        for number, row in enumerate(rows):
            stream.write(f",{row}" if number else row)
        stream.write(f"]{after}")


def _row(out_dir: Path, study: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page says of a study, and which files lie beside its result."""
    folder = StudyFolder(OutputFolder(out_dir).studies / str(study.get("folder")))
    overlays = [path.name for path in folder.overlays()]
    plain = (f"{name.removesuffix(OVERLAY_SUFFIX)}{PLAIN_SUFFIX}" for name in overlays)
    return {name: study.get(name) for name in _SHOWN} | {
        "thumbnail": folder.thumbnail.is_file(),
        "report": folder.report.is_file(),
        "overlays": overlays,
        "plain": [name for name in plain if (folder.path / name).is_file()],
    }


_CHOICES = ("done", "refused", "failed", "severe", "moderate", "mild", "none", "right", "left", "unknown")


def _embedded(value: object) -> str:
    """Write a value for a script in the page: a closing tag in a value from a file must not end the script."""
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c")


_PAGE = """<!doctype html>
<html lang="@LANGUAGE@"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@T:title@</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file: data:; style-src
 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
:root{color-scheme:light dark;--ink:#16191d;--paper:#fff;--soft:#454c55;--line:#cdd3da;--field:#f2f4f6;--link:#0b4f9c;
--note:#7a3d00;--severe:#a3260b;--moderate:#7a4d00;--mild:#2f6b12}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#14161a;--soft:#b0b6be;--line:#333940;--field:#22262d;
--link:#9ecbff;--note:#ffb000;--severe:#ff8a65;--moderate:#ffd54f;--mild:#aed581}}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,sans-serif;margin:0;background:var(--paper);color:var(--ink)}
header{position:sticky;top:0;z-index:1;background:var(--paper);padding:12px 16px;border-bottom:1px solid var(--line)}
h1{font-size:18px;margin:0 0 4px}.note{color:var(--note);font-size:13px;margin:0 0 8px}
.tools{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center}
.tools label{display:flex;gap:6px;align-items:center}
input,select,button{font:inherit;background:var(--field);color:inherit;border:1px solid var(--soft)}
input,select,button{border-radius:4px;padding:4px 8px}
#find{width:24ch;max-width:100%}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line)}
th button,td button{border:0;background:none;padding:0;color:var(--link);cursor:pointer}
td img{height:84px;display:block}
td.uid{font-size:12px;color:var(--soft);max-width:24ch;overflow-wrap:anywhere}
td.file{min-width:16ch;max-width:30ch;overflow-wrap:anywhere}
.severe{color:var(--severe)}.moderate{color:var(--moderate)}.mild{color:var(--mild)}
a{color:var(--link)}.reason{color:var(--soft)}td.reason{min-width:30ch}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
dialog{width:min(1400px,96vw);max-height:96vh;border:1px solid var(--soft);border-radius:8px;padding:12px 16px;
background:var(--paper);color:var(--ink)}
dialog::backdrop{background:#000a}
#picture{display:block;max-width:100%;max-height:78vh;margin:8px auto;background:#000}
.bar{display:flex;flex-wrap:wrap;gap:6px 16px;align-items:center}.bar h2{font-size:16px;margin:0;overflow-wrap:anywhere}
#close{margin-left:auto}
@media(max-width:760px){
header{position:static}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,tbody,tr,td{display:block}
tr{padding:10px 12px;border-bottom:1px solid var(--line);overflow:hidden}
td,td.uid,td.file{border:0;padding:1px 0;max-width:none}
td:empty{display:none}
td.film{float:left;padding-right:12px}
td[data-name]::before{content:attr(data-name) ": ";color:var(--soft)}
#sort-label{display:flex}
}
@media(min-width:761px){.tools #sort-label{display:none}}
</style></head><body>
<header><h1>@T:title@</h1><p class="note">@NOTE@</p>
<div class="tools">
<label>@T:find@ <input id="find" type="search" placeholder="@T:find_what@"></label>
<label>@T:status@ <select id="status"></select></label>
<label>@T:severity@ <select id="category"></select></label>
<label>@T:side@ <select id="side"></select></label>
<label>@T:uncertain_only@ <input id="unsure" type="checkbox"></label>
<label id="sort-label">@T:sort_by@ <select id="sort"></select></label>
<button id="less" aria-label="@T:previous_page@">&larr;</button> <span id="count" aria-live="polite"></span>
<button id="more" aria-label="@T:next_page@">&rarr;</button></div></header>
<table><thead><tr id="head"></tr></thead><tbody id="rows"></tbody></table>
<dialog id="viewer" aria-labelledby="shown"><div class="bar"><h2 id="shown"></h2>
<label><input id="outlines" type="checkbox" checked> @T:outlines@</label>
<label id="films-label">@T:film@ <select id="films"></select></label>
<a id="report">@T:report@</a> <a id="result">@T:result@</a> <button id="close">@T:close@</button></div>
<p id="missing" class="reason"></p><img id="picture" alt=""></dialog>
<script id="data" type="application/json">@DATA@</script>
<script>
"use strict";
const studies = JSON.parse(document.getElementById("data").textContent);
const t = @TEXTS@, spoken = @WORDS@, word = value => value == null ? value : spoken[value] ?? value;
const ranks = {severe: 4, moderate: 3, mild: 2, none: 1};
const identifiers = @IDENTIFIERS@.filter(name => studies.some(r => r[name]));
const columns = [[t.film, null], [t.file, r => r.path || ""], ...identifiers.map(name => [t[name], r => r[name] || ""]),
  [t.severity, r => ranks[r.category] || 0],
  [t.side, r => r.side || ""], [t.grade, r => r.grade || ""], [t.certainty, r => r.certainty ?? 2],
  [t.score, r => r.score ?? -1], [t.nodules, r => r.findings ?? -1], [t.area, r => r.area_mm2 ?? -1],
  [t.longest, r => r.longest_mm ?? -1], [t.region, r => r.region || ""], [t.status, r => r.status],
  [t.study, r => r.study_uid]];
const worst = r => (ranks[r.category] || 0) * 1000 + (r.score ?? 0);
let key = worst, down = true, page = 0;
const size = 200, by = id => document.getElementById(id);
for (const [id, values] of [["status", ["done", "refused", "failed"]],
  ["category", ["severe", "moderate", "mild", "none"]], ["side", ["right", "left", "unknown"]]])
  by(id).append(new Option(t.all, ""), ...values.map(value => new Option(word(value), value)));
by("sort").append(new Option(t.worst_first, ""));
const sortBy = of => { down = key === of ? !down : true; key = of; page = 0; show(); };
columns.forEach(([name, of]) => {
  if (of) by("sort").append(new Option(name, name));
  const th = document.createElement("th");
  if (of) {
    const button = document.createElement("button");
    button.textContent = name;
    button.onclick = () => sortBy(of);
    th.append(button);
  } else th.textContent = name;
  by("head").append(th);
});
function cell(row, text, className) {
  const td = document.createElement("td"), name = columns[row.cells.length][0];
  if (row.cells.length > 1) td.dataset.name = name;
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
let viewed = null;
function open(r, folder) {
  viewed = [r, folder];
  by("shown").textContent = [(r.path || r.study_uid).split(/[\\/\\\\]/).pop(), word(r.side),
    r.grade && r.system + " " + r.grade].filter(Boolean).join(", ");
  by("films").replaceChildren(...r.overlays.map((name, n) => new Option(n + 1, name)));
  by("films-label").hidden = r.overlays.length < 2;
  by("report").hidden = !r.report;
  by("report").href = folder + "@REPORT@";
  by("result").href = folder + "@RESULT@";
  draw();
  by("viewer").showModal();
}
function draw() {
  const [r, folder] = viewed, overlay = by("films").value, plain = overlay.replace(/@OVERLAY@$/, "@PLAIN@");
  const both = overlay && r.plain.includes(plain);
  by("outlines").disabled = !both;
  by("missing").textContent = overlay ? ""
    : t.no_large_picture;
  const name = overlay ? (both && !by("outlines").checked ? plain : overlay) : "@THUMBNAIL@";
  by("picture").src = folder + encodeURIComponent(name);
  by("picture").alt = t.film_of + " " + r.study_uid;
}
function show() {
  const wanted = by("find").value.toLowerCase(), status = by("status").value,
    category = by("category").value, side = by("side").value;
  const found = studies.filter(r => (!status || r.status === status) && (!category || r.category === category)
    && (!side || r.side === side)
    && (!by("unsure").checked || r.alternatives)
    && (!wanted || [r.path, r.study_uid, r.region, word(r.region), r.reason,
      ...identifiers.map(name => r[name])].join(" ").toLowerCase().includes(wanted)));
  found.sort((a, b) => { const x = key(a), y = key(b); return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1); });
  page = Math.max(0, Math.min(page, Math.ceil(found.length / size) - 1));
  by("rows").replaceChildren();
  for (const r of found.slice(page * size, (page + 1) * size)) {
    const row = document.createElement("tr"), folder = "@STUDIES@/" + encodeURIComponent(r.folder) + "/";
    let film = "";
    if (r.thumbnail) {
      film = document.createElement("button");
      const img = document.createElement("img");
      img.loading = "lazy"; img.alt = t.open_film + " " + r.study_uid; img.src = folder + "@THUMBNAIL@";
      film.append(img);
      film.onclick = () => open(r, folder);
    }
    cell(row, film, "film");
    cell(row, (r.path || "").split(/[\\/\\\\]/).pop(), "file").title = r.path || "";
    for (const name of identifiers) cell(row, r[name]);
    cell(row, word(r.category), r.category);
    cell(row, word(r.side));
    const others = r.alternatives ? " (" + t.or + " " + r.alternatives + ")" : "";
    cell(row, r.grade ? r.system + " " + r.grade + others : "");
    cell(row, r.certainty == null ? "" : Math.round(100 * r.certainty) + " %");
    cell(row, r.score == null ? "" : r.score.toFixed(0));
    cell(row, r.findings == null ? "" : String(r.findings));
    cell(row, r.area_mm2 == null ? "" : r.area_mm2.toFixed(0));
    cell(row, r.longest_mm == null ? "" : r.longest_mm.toFixed(0));
    cell(row, word(r.region));
    cell(row, word(r.status) + (r.reason ? ": " + r.reason : ""), r.reason ? "reason" : "");
    const study = cell(row, link(folder + "@RESULT@", r.study_uid), "uid");
    if (r.report) study.append(" ", link(folder + "@REPORT@", t.report));
    by("rows").append(row);
  }
  const numbers = {found: found.length, all: studies.length, page: page + 1,
    pages: Math.max(1, Math.ceil(found.length / size))};
  by("count").textContent = t.count.replace(/\\{(\\w+)\\}/g, (_, name) => numbers[name]);
}
for (const id of ["find", "status", "category", "side", "unsure"])
  by(id).oninput = by(id).onchange = () => { page = 0; show(); };
by("sort").onchange = () => {
  const chosen = columns.find(([name]) => name === by("sort").value);
  key = null;  // so that a choice always sorts in one direction
  sortBy(chosen ? chosen[1] : worst);
};
by("outlines").onchange = by("films").onchange = draw;
by("close").onclick = () => by("viewer").close();
by("more").onclick = () => { page += 1; show(); };
by("less").onclick = () => { page -= 1; show(); };
show();
</script></body></html>
"""
