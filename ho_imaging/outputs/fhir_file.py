"""The output ``fhir``: a result as a FHIR bundle in a file."""

from __future__ import annotations

import json
from pathlib import Path

from ho_imaging.files.atomic import write_text
from ho_imaging.outputs.fhir import to_fhir
from ho_imaging.outputs.registry import Option, Output, Source

__all__ = ["OUTPUT"]


def _write(source: Source, path: Path, *, release: str, subject: str) -> None:
    bundle = to_fhir(source.result, subject=subject or None, release="R5" if release == "R5" else "R4")
    write_text(path, json.dumps(bundle, indent=2, ensure_ascii=False) + "\n")


OUTPUT = Output(
    name="fhir",
    about="FHIR bundle: a DiagnosticReport and its Observations",
    write=_write,
    file="fhir.json",
    options={
        "release": Option("release of FHIR", default="R4", choices=("R4", "R5")),
        "subject": Option("reference to the patient, such as Patient/42", default=""),
    },
)
