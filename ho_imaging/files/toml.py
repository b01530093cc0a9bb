"""TOML files that are checked before anything rests on them, and the writing of them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ho_imaging.errors import HOImagingError

__all__ = ["parse_toml", "read_toml", "read_toml_bytes", "to_toml"]

MOST_BYTES = 1024**2

Checked = TypeVar("Checked", bound=BaseModel)


def read_toml(path: Path, form: type[Checked], error: type[HOImagingError], *, remedy: str) -> Checked:
    """Read a file of a given form; raises ``error``, which names file, entry and remedy but never the value."""
    return parse_toml(read_toml_bytes(path, error, remedy=remedy), form, error, path=path, remedy=remedy)


def read_toml_bytes(path: Path, error: type[HOImagingError], *, remedy: str) -> bytes:
    """Read a file of bounded size; raises ``error`` if that cannot be."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise error("is too large", path=path, remedy=remedy)
        return path.read_bytes()
    except OSError as cause:
        if isinstance(cause, HOImagingError):
            raise
        raise error(f"cannot be read: {cause.strerror}", path=path, remedy="check the path and its rights") from cause


def parse_toml(data: bytes, form: type[Checked], error: type[HOImagingError], *, path: Path, remedy: str) -> Checked:
    """Check the content of a file of a given form; see `read_toml`."""
    try:
        return form.model_validate(tomllib.loads(data.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise error(f"is not valid TOML: {cause}", path=path, remedy=remedy) from cause
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise error(f"{where}: {first['msg']}", path=path, remedy=remedy) from cause


def to_toml(values: Mapping[str, Any], prefix: str = "") -> str:
    """Write nested tables of scalars and lists as TOML; JSON's strings, numbers and lists are TOML's too."""
    lines = [
        f"{json.dumps(key) if not re.fullmatch('[A-Za-z0-9_-]+', key) else key} = {json.dumps(value)}"
        for key, value in values.items()
        if not isinstance(value, Mapping)
    ]
    text = "\n".join(lines) + "\n" if lines else ""
    for key, value in values.items():
        if isinstance(value, Mapping):
            header = f"{prefix}{key}"
            text += f"\n[{header}]\n" + to_toml(value, f"{header}.")
    return text
