"""Everything this package raises on purpose.

Each error also subclasses the nearest builtin, so a caller who knows nothing of this package can still catch it.
A message names the file, what is wrong with it and what to do, in that order, and never carries patient data.

    HOImagingError
    ├── ReadError (OSError)            could not be read              -> the input ends as "failed"
    │   ├── DecodeError                header fine, pixels not
    │   └── TooLargeError              declared size above the limit
    ├── RefusedError (ValueError)      read, but not for this program -> the input ends as "refused"
    │   ├── NotARadiographError        no image, or not a projection film
    │   └── OutOfScopeError            a radiograph the model was not made for
    ├── ModelError (RuntimeError)      weights missing, damaged or not what model.toml says
    ├── WriteError (OSError)           a result could not be written -> the batch stops
    └── UsageError (ValueError)        arguments that contradict each other or the data
"""

from __future__ import annotations

from os import PathLike

__all__ = [
    "DecodeError",
    "HOImagingError",
    "ModelError",
    "NotARadiographError",
    "OutOfScopeError",
    "ReadError",
    "RefusedError",
    "TooLargeError",
    "UsageError",
    "WriteError",
]


class HOImagingError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    problem
        What is wrong, one sentence, without patient data.
    path
        The file or folder concerned, as the caller gave it; ``None`` for data in memory.
    remedy
        What the caller can do about it, one sentence; may be empty.

    """

    def __init__(self, problem: str, *, path: str | PathLike[str] | None = None, remedy: str = "") -> None:
        self.problem = problem
        self.path = None if path is None else str(path)
        self.remedy = remedy
        super().__init__(str(self))

    @property
    def reason(self) -> str:
        """What is wrong and what to do, without the path: a result names the film by itself."""
        return f"{self.problem} ({self.remedy})" if self.remedy else self.problem

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason

    def __reduce__(self) -> tuple[object, ...]:
        # Workers hand errors to the parent process; the default reduce loses keyword-only arguments.
        return (_rebuild, (type(self), self.problem, self.path, self.remedy))


def _rebuild(kind: type[HOImagingError], problem: str, path: str | None, remedy: str) -> HOImagingError:
    return kind(problem, path=path, remedy=remedy)


class ReadError(HOImagingError, OSError):
    """The input could not be read: it ends as ``failed``."""


class DecodeError(ReadError):
    """The header was read but the pixel data could not be decoded."""


class TooLargeError(ReadError):
    """The declared size is above the limit, so nothing was allocated."""


class RefusedError(HOImagingError, ValueError):
    """The input was read but is not for this program: it ends as ``refused``."""


class NotARadiographError(RefusedError):
    """No image at all, or an image that is not a projection radiograph."""


class OutOfScopeError(RefusedError):
    """A radiograph outside the range the model was made for."""


class ModelError(HOImagingError, RuntimeError):
    """Weights are missing, damaged or do not match their ``model.toml``."""


class WriteError(HOImagingError, OSError):
    """A result could not be written."""


class UsageError(HOImagingError, ValueError):
    """Arguments that contradict each other or the data."""
