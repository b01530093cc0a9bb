"""Exceptions that this package raises on purpose.

Each also subclasses the nearest builtin, so code that does not know this package can catch it. A message names the
file, the problem and the remedy, in that order, and never contains patient data.
What can end an image or a study is a `ho_imaging.messages.Message`, a code with parameters; wrong use may be plain
text.

    HOImagingError
    ├── ReadError (OSError)            cannot be read                     -> the input gets the status "failed"
    │   ├── DecodeError                valid header, pixel data not decodable
    │   └── TooLargeError              declared size above the limit
    ├── RefusedError (ValueError)      readable, but not for this program -> the input gets the status "refused"
    │   ├── NotARadiographError        no image, or not a projection radiograph
    │   └── OutOfScopeError            a radiograph the model was not made for
    ├── ModelError (RuntimeError)      weights missing, damaged or inconsistent with model.toml
    ├── WriteError (OSError)           a result cannot be written         -> the batch stops
    └── UsageError (ValueError)        arguments that contradict each other or the data
"""

from __future__ import annotations

from os import PathLike

from ho_imaging.messages import Message, load_language

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
    """Base class of all errors of this package.

    Parameters
    ----------
    problem
        What is wrong, a message or one sentence, without patient data.
    path
        File or folder concerned, as the caller gave it; ``None`` for data in memory.
    remedy
        What the user can do about it, one sentence; may be empty. A message contains its own.

    Attributes
    ----------
    message
        The problem as a message; of plain text one with the code ``unclassified``.
    lines
        The same in several lines, for where each is written on its own; empty for one line.

    """

    lines: tuple[str, ...] = ()

    def __init__(self, problem: str | Message, *, path: str | PathLike[str] | None = None, remedy: str = "") -> None:
        if not isinstance(problem, Message):
            problem = Message("unclassified", problem=problem, remedy=remedy)
        self.message = problem
        self.path = None if path is None else str(path)
        super().__init__(str(self))

    @property
    def code(self) -> str:
        """Code of the message, ``unclassified`` for plain text."""
        return self.message.code

    @property
    def problem(self) -> str:
        """The problem, in English."""
        return load_language("en").problem(self.message)

    @property
    def remedy(self) -> str:
        """The remedy, in English; may be empty."""
        return load_language("en").remedy(self.message)

    @property
    def reason(self) -> str:
        """Problem and remedy without the path, for results that name the file themselves."""
        return str(self.message)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason

    def __reduce__(self) -> tuple[object, ...]:
        # Workers return errors to the parent process; the default reduce loses keyword-only arguments.
        return (_rebuild, (type(self), self.message, self.path))


def _rebuild(kind: type[HOImagingError], message: Message, path: str | None) -> HOImagingError:
    return kind(message, path=path)


class ReadError(HOImagingError, OSError):
    """Input that cannot be read; it gets the status ``failed``."""


class DecodeError(ReadError):
    """Pixel data that cannot be decoded although the header was read."""


class TooLargeError(ReadError):
    """Declared size above the limit; nothing was allocated."""


class RefusedError(HOImagingError, ValueError):
    """Input that was read but is not for this program; it gets the status ``refused``."""


class NotARadiographError(RefusedError):
    """Input without an image, or whose image is not a projection radiograph."""


class OutOfScopeError(RefusedError):
    """Radiograph outside the range that the model was made for."""


class ModelError(HOImagingError, RuntimeError):
    """Weights that are missing, damaged or inconsistent with their ``model.toml``."""


class WriteError(HOImagingError, OSError):
    """Result that cannot be written."""


class UsageError(HOImagingError, ValueError):
    """Arguments that contradict each other or the data."""
