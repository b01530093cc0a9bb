"""Languages that pages and reports can be in."""

from __future__ import annotations

from ho_imaging.errors import UsageError
from ho_imaging.messages import languages

__all__ = ["check_language"]


def check_language(language: str) -> None:
    """Raise `UsageError` unless pages and reports can be in a language."""
    if language not in languages():
        known = ", ".join(languages())
        raise UsageError(f"no reports in the language {language!r}", remedy=f"choose one of {known}")
