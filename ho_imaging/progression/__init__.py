"""Progression: growth of ectopic bone between studies of one patient."""

from ho_imaging.progression.schema import ProgressionResult
from ho_imaging.progression.studies import compare

__all__ = ["ProgressionResult", "compare"]
