"""Paths as text that any file can hold: names on disk may hold bytes that are no text at all."""

from __future__ import annotations

from os import PathLike

__all__ = ["path_text"]


def path_text(path: str | PathLike[str]) -> str:
    """Return a path as writable text; bytes that are no text become question marks."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
