"""Studies of one patient in time order to what grew between them."""

from ho_imaging.progression.schema import ProgressionResult
from ho_imaging.progression.studies import compare

__all__ = ["ProgressionResult", "compare"]
