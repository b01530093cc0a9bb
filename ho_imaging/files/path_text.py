"""Paths as text that any file can hold: names on disk may hold bytes that are no text at all."""

from __future__ import annotations

from os import PathLike

__all__ = ["path_text"]


def path_text(path: str | PathLike[str]) -> str:
    """Give a path as writable text; what is no text in it becomes question marks."""
    return str(path).encode("utf-8", "replace").decode("utf-8")
