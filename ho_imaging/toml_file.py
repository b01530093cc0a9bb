"""TOML files that are checked before anything rests on them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ho_imaging.errors import HOImagingError

__all__ = ["read_toml"]

MOST_BYTES = 1024**2

Checked = TypeVar("Checked", bound=BaseModel)


def read_toml(path: Path, form: type[Checked], error: type[HOImagingError], *, remedy: str) -> Checked:
    """Read a file of a given form; raises ``error``, which names file, entry and remedy but never the value."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise error("is too large", path=path, remedy=remedy)
        return form.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as cause:
        raise error(f"cannot be read: {cause.strerror}", path=path, remedy="check the path and its rights") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise error(f"is not valid TOML: {cause}", path=path, remedy=remedy) from cause
    except ValidationError as cause:
        first = cause.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise error(f"{where}: {first['msg']}", path=path, remedy=remedy) from cause
