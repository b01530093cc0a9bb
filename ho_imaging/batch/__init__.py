"""Many studies to a folder of results: nothing is lost, nothing stops at one bad film, and it goes on where it was."""

from ho_imaging.batch.options import BatchCounts, BatchOptions, Progress
from ho_imaging.batch.run import run_batch
from ho_imaging.batch.summary import summarise
from ho_imaging.batch.work import Outcome, Settings
from ho_imaging.results.folder import folder_name

__all__ = [
    "BatchCounts",
    "BatchOptions",
    "Outcome",
    "Progress",
    "Settings",
    "folder_name",
    "run_batch",
    "summarise",
]
