"""One line of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from ho_imaging.messages.template import placeholders

__all__ = ["Entry", "mark"]


@dataclass(frozen=True)
class Entry:
    """English text of a code, as a template (`ho_imaging.messages.template`).

    ``text``: what is the matter; without a full stop it is a reason or a part of a sentence. ``remedy``: what can be
    done, empty where nothing can. ``note``: what the code is for.
    """

    text: str
    remedy: str = ""
    note: str = ""

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters that the code has."""
        return placeholders(self.text) | placeholders(self.remedy)


def mark(text: str) -> str:
    """Mark a text for the catalogues of other languages."""
    return text
