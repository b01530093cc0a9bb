"""Reasons for another grade that readers give most, to be taken with one key; any other is typed."""

from __future__ import annotations

__all__ = ["GRADE_REASONS"]

GRADE_REASONS = (
    "the gap is narrower than measured",
    "the gap is wider than measured",
    "the bone bridges the joint",
    "the bone does not bridge the joint",
    "the bone is joined to a bone of the joint",
    "the bone lies free in the soft tissue",
    "ectopic bone was missed",
    "what was found is no ectopic bone",
    "projection or position misleads",
)
"""At most nine: one a digit key. They are kept as they stand, as the reader's words."""
