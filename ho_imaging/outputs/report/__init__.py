"""A study on one page that opens anywhere: films with outlines, findings, grades and what they rest on.

The last stop of the data's way: it takes what every stage before it made and adds nothing of its own.
"""

from ho_imaging.outputs.report.material import (
    ComparisonMaterial,
    Material,
    Patient,
    material_of_analysis,
    material_of_result,
)
from ho_imaging.outputs.report.page import report_html
from ho_imaging.outputs.report.pdf import PdfError, write_pdf

__all__ = [
    "ComparisonMaterial",
    "Material",
    "Patient",
    "PdfError",
    "material_of_analysis",
    "material_of_result",
    "report_html",
    "write_pdf",
]
