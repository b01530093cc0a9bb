"""The viewer's front end: one module and one style sheet, for a notebook and for a page of its own."""

from __future__ import annotations

import re
from importlib.resources import files

__all__ = ["front_end", "static_text", "style"]

_MODULES = ("geometry", "tones", "film", "keys", "mouse", "kernel", "pane", "panel", "forms", "judging", "review")
"""In the order in which they use each other."""


def static_text(name: str) -> str:
    """Return a file of the front end."""
    return (files("ho_imaging.review") / "static" / name).read_text(encoding="utf-8")


def front_end() -> str:
    """Join the viewer's modules into the one that a notebook loads: a notebook has no address for several.

    Each module imports from those before it, on lines of their own, and no two use a name twice.
    """
    parts = []
    for name in _MODULES:
        text = static_text(f"{name}.js")
        text = re.sub(r"^import \{[^}]*\} from \"\./[a-z]+\.js\";\n", "", text, flags=re.MULTILINE)
        parts.append(text if name == _MODULES[-1] else re.sub(r"^export ", "", text, flags=re.MULTILINE))
    return "\n".join(parts)


def style() -> str:
    """Return the viewer's style sheet."""
    return static_text("review.css")
