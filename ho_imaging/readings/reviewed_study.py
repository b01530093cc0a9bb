"""A study with a reader's decisions applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.outlines import Outline
from ho_imaging.vocabulary import Side

__all__ = ["STANDING", "ReviewedFinding", "ReviewedStudy"]


STANDING = frozenset({"unseen", "accepted", "added"})
"""Of these statuses is a nodule that counts as ectopic bone."""


@dataclass(frozen=True)
class ReviewedFinding:
    """A nodule as a reader left it.

    ``side``: by the rule of the model's findings, of the outline as it is now. ``outline_xy_px``: closed rings of
    (x, y) in source pixels, inside by the even-odd rule. ``reshaped``: whether the outline is the reader's in place of
    the model's. An added nodule that its reader took back is ``rejected``. A nodule that was reshaped and that the
    result no longer has is ``added``, with an id of its own (R- and six digits).
    """

    id: str
    image_uid: str
    side: Side
    status: Literal["unseen", "accepted", "rejected", "mimic", "added"]
    outline_xy_px: Outline
    mimic: str | None = None
    reshaped: bool = False

    @property
    def stands(self) -> bool:
        """Return whether it counts as ectopic bone: nobody took it away."""
        return self.status in STANDING


@dataclass(frozen=True)
class ReviewedStudy:
    """A study as a reader left it.

    ``grades``: of each side, the class and why it was changed (``None``: it is the model's, unchanged). ``seconds``:
    how long the reader had it open; a session that was never closed lasts until its last decision. ``left_out``:
    decisions that were made of something the result does not have, since the last commitment that holds for it; with
    any of them the study is not ``committed``. ``confirmed``: sides whose grade and nodules contradict each other, for
    which the reader, asked when finishing, stood by both.
    """

    study_uid: str
    reader: str
    findings: tuple[ReviewedFinding, ...]
    grades: Mapping[str, tuple[str | None, str | None]]
    committed: bool
    seconds: float
    left_out: tuple[Decision, ...] = ()
    confirmed: tuple[str, ...] = ()
