"""The output ``report``: a study's report as HTML."""

from __future__ import annotations

from pathlib import Path

from ho_imaging.files.atomic import write_text
from ho_imaging.files.output_names import REPORT
from ho_imaging.outputs.registry import Needs, Option, Output, Source
from ho_imaging.outputs.report.material import material_of_analysis, material_of_result
from ho_imaging.outputs.report.page import report_html

__all__ = ["OUTPUT"]


def _write(source: Source, path: Path, *, language: str) -> None:
    if source.analysis is None:
        material = material_of_result(
            source.result,
            folder=None if source.folder is None else source.folder.path,
            films=source.files,
            shows_files=True,
        )
    else:
        material = material_of_analysis(source.analysis, shows_files=True)
    write_text(path, report_html(material, language))


OUTPUT = Output(
    name="report",
    about="report as HTML (ho-imaging report adds readers' decisions, comparison and PDF)",
    write=_write,
    needs=Needs.FILMS,
    options={"language": Option("language of the report: en, de", default="en")},
    place=REPORT,
)
