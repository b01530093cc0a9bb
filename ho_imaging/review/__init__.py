"""A reader looks at a study, corrects what was found and grades it; every decision is kept.

`review` shows a study in a notebook and needs the extra ``review`` (anywidget); ``ho-imaging review`` and reading
decisions back do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ho_imaging.review.widget import ReviewWidget, review

__all__ = ["ReviewWidget", "review"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from ho_imaging.review import widget  # noqa: PLC0415  (notebooks' libraries load when they are needed)

        return getattr(widget, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
