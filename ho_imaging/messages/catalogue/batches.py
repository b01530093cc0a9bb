"""Studies of a batch that end without a result."""

from __future__ import annotations

from ho_imaging.messages.entry import Entry
from ho_imaging.messages.entry import mark as _

__all__ = ["ENTRIES"]

ENTRIES: dict[str, Entry] = {
    "given_up": Entry(
        _("given up after {tries} tries alone: {died}"),
        note="A study ended its worker process each time.",
    ),
    "no_objects_made": Entry(
        _("no DICOM objects were made of its result"),
        note="A study whose result nobody would see in the archive.",
    ),
    "files_changing": Entry(
        _("its files keep changing while they are read"),
        note="Files are still being written.",
    ),
    "file_changed": Entry(
        _("a file changed while it was read"),
        note="The study is read again.",
    ),
    "program_told_to_end": Entry(
        _("the program was told to end"),
        note="The run was stopped.",
    ),
    "not_analysed_yet": Entry(
        _("not analysed yet"),
        note="A batch was stopped before this image.",
    ),
    "result_unreadable": Entry(
        _("its result cannot be read"),
        _("run again with --retry-failed"),
        note="A result of a batch is damaged or gone.",
    ),
    "died.worker": Entry(
        _("its worker died"),
        note="How a worker process ended.",
    ),
    "died.worker_kind": Entry(
        _("its worker died ({kind})"),
        note="How a worker process ended.",
    ),
    "died.out_of_memory_kill": Entry(
        _("its worker was killed (SIGKILL), as for want of memory"),
        note="How a worker process ended.",
    ),
    "died.killed": Entry(
        _("its worker was killed ({signal})"),
        note="How a worker process ended.",
    ),
    "died.late": Entry(
        _("it took longer than {limit_s:.0f} s"),
        note="How a worker process ended.",
    ),
    "died.memory": Entry(
        _("its worker had not enough memory"),
        note="How a worker process ended.",
    ),
    "died.ended": Entry(
        _("its worker ended (exit status {status})"),
        note="How a worker process ended.",
    ),
}
