"""Files of a versioned schema: read whole and bounded, with one message where another version wrote them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import ValidationError

from ho_imaging.errors import ReadError

__all__ = ["not_read", "other_version", "read_kept", "stated_version"]

_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")


def read_kept(path: Path, most_bytes: int, *, remedy: str) -> bytes:
    """Return what a file holds; raise `ReadError` where it is larger than ``most_bytes`` or cannot be read."""
    try:
        if path.stat().st_size > most_bytes:
            raise ReadError(f"is larger than {most_bytes >> 20} MiB", path=path, remedy=remedy)
        return path.read_bytes()
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"cannot be read: {error.strerror}", path=path, remedy="check your rights to it") from error


def stated_version(text: str | bytes) -> str | None:
    """Return the version that a JSON object states, as ``schema_version`` or, before 2.0, as ``version``."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict):
        return None
    stated = parsed.get("schema_version", parsed.get("version"))
    return stated if isinstance(stated, str) and _VERSION.fullmatch(stated) else None


def other_version(stated: str, what: str, version: str, *, again: str) -> tuple[str, str]:
    """Return the problem and the remedy of something that another version of the program wrote.

    Parameters
    ----------
    stated
        The schema version that it states.
    what
        What it is, such as ``"a result"``.
    version
        The schema version that is read here.
    again
        What to do about one of an older schema.

    """
    problem = f"is {what} of schema {stated}; this version of ho_imaging reads schema {version}"
    if _parts(stated) > _parts(version):
        return problem, "update ho_imaging"
    return (
        problem,
        f"{again}, or read it with the version of ho_imaging that wrote it; docs/schema-2.md has the changes",
    )


def not_read(
    error: ValidationError, text: str | bytes, what: str, version: str, *, path: Path, remedy: str
) -> ReadError:
    """Return the error of a file that does not hold what it should: of another schema version, or something else.

    ``what``: with its article, such as ``"a result"``. ``remedy``: how to have it anew.
    """
    stated = stated_version(text)
    if stated is not None and stated != version:
        problem, remedy = other_version(stated, what, version, again=remedy)
        return ReadError(problem, path=path, remedy=remedy)
    return ReadError(f"is not {what} ({error.error_count()} problems)", path=path, remedy=remedy)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
