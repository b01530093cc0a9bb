"""Findings and anatomy in, a grade with its evidence per side and per study out."""

from ho_imaging.severity.film import FilmReading
from ho_imaging.severity.grade import Category, Evidence, Gap, Severity, SideSeverity, StudySeverity
from ho_imaging.severity.study import grade_study

__all__ = [
    "Category",
    "Evidence",
    "FilmReading",
    "Gap",
    "Severity",
    "SideSeverity",
    "StudySeverity",
    "grade_study",
]
