"""Findings and anatomy in, a grade with its evidence per side and per study out."""

from ho_imaging.severity.context import Cause, Prophylaxis, StudyContext
from ho_imaging.severity.film import FilmReading
from ho_imaging.severity.grade import Category, Evidence, Gap, Severity, SideSeverity, StudySeverity, SystemGrade
from ho_imaging.severity.repeats import same_nodules
from ho_imaging.severity.study import grade_study

__all__ = [
    "Category",
    "Cause",
    "Evidence",
    "FilmReading",
    "Gap",
    "Prophylaxis",
    "Severity",
    "SideSeverity",
    "StudyContext",
    "StudySeverity",
    "SystemGrade",
    "grade_study",
    "same_nodules",
]
