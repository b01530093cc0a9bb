"""Messages to users: a code with parameters. Text is made from it where it is shown."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Union

from ho_imaging.messages.language import load_language

__all__ = ["Message", "Value"]

Value = Union[str, int, float, bool, tuple[str, ...], "Message", tuple["Message", ...]]
"""Type of a parameter. A message in a message is a part of its text, or its subject."""

_DIGITS = 4
"""Decimals of a parameter: text in every language and every output is made from the same number."""


@dataclass(frozen=True, init=False)
class Message:
    """A code with parameters; ``str`` of it is English.

    Parameters
    ----------
    code
        A stable snake_case word of `ho_imaging.messages.CATALOGUE`.
    **parameters
        What the text of the code says of this case: text, numbers, messages, or several texts or messages.

    Attributes
    ----------
    also
        Further messages that belong to it, such as how likely another grade is. Their text follows its own.

    """

    code: str
    also: tuple[Message, ...]
    _values: tuple[tuple[str, Value], ...]

    def __init__(self, code: str, /, **parameters: object) -> None:
        values = tuple((name, _value(parameters[name])) for name in sorted(parameters))
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "also", ())
        object.__setattr__(self, "_values", values)

    @property
    def parameters(self) -> Mapping[str, Value]:
        """Parameters by name."""
        return MappingProxyType(dict(self._values))

    def with_also(self, *others: Message) -> Message:
        """Return the message with further ones that belong to it."""
        return self if not others else _replaced(self, (*self.also, *others))

    def __str__(self) -> str:
        return load_language("en").text(self)


def _replaced(message: Message, also: tuple[Message, ...]) -> Message:
    """Return a message with these further ones in place of its own."""
    other = Message(message.code, **message.parameters)
    object.__setattr__(other, "also", also)
    return other


def _value(given: object) -> Value:
    """Bring a parameter to one of the forms of `Value`."""
    if isinstance(given, Message | bool):
        return given
    if isinstance(given, str):
        return str(given)  # of an enumeration its value
    if isinstance(given, numbers.Integral):
        return int(given)
    if isinstance(given, numbers.Real):
        return round(float(given), _DIGITS)
    if isinstance(given, Sequence):
        parts = [_value(part) for part in given]
        if all(isinstance(part, Message) for part in parts):
            return tuple(part for part in parts if isinstance(part, Message))
        if all(isinstance(part, str) for part in parts):
            return tuple(part for part in parts if isinstance(part, str))
    raise TypeError(f"a parameter of a message cannot be {type(given).__name__}")
