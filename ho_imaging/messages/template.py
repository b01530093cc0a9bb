"""Templates: text with named placeholders that say how a parameter is written.

========================  ==============================================================================
placeholder               what stands there
========================  ==============================================================================
``{name}``                text and whole numbers as they are; a message's text; several with "; " between
``{name:.1f}``            a number with so many decimals, ``+.1f`` with its sign
``{name:g}``              a number with as many decimals as it has
``{name:%}``              a share from 0 to 1 in percent
``{name:word}``           the word of the vocabulary for a value such as ``cross_table_lateral``
``{name:words}``          several of them: a, b and c
``{name:or}``             several of them, or several messages: a, b or c
``{name:,}``              several messages with ", " between
``{name:problem}``        of a message without what can be done
``{name:remedy}``         of a message only what can be done
``{name:?one|several}``   the first text for one of them, else the second
========================  ==============================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Protocol, TypeGuard, Union

__all__ = ["Coded", "Parameter", "Writer", "filled", "is_coded", "placeholders"]


class Coded(Protocol):
    """Protocol of a message as far as its text needs it: `ho_imaging.messages.Message` makes its own text from here."""

    @property
    def code(self) -> str:
        """The code."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Parameters by name."""

    @property
    def also(self) -> Sequence[Coded]:
        """Further messages that belong to it."""


Parameter = Union[str, int, float, bool, tuple[str, ...], "Coded", tuple["Coded", ...]]
"""Type of a parameter."""

_DECIMALS = re.compile(r"(?P<sign>\+?)\.(?P<digits>\d)f")


class Writer(Protocol):
    """Protocol of a language that fills templates."""

    def text(self, message: Coded) -> str:
        """Write a message with what can be done."""

    def problem(self, message: Coded) -> str:
        """Write a message without what can be done."""

    def remedy(self, message: Coded) -> str:
        """Write what can be done."""

    def word(self, value: str) -> str:
        """Write a value of the vocabulary."""

    def listed(self, parts: list[str], *, last: str = ...) -> str:
        """Join words."""

    def plain(self, value: float, digits: int | None, *, signed: bool = ...) -> str:
        """Write a number."""

    def share(self, value: float) -> str:
        """Write a share in percent."""


def placeholders(template: str) -> frozenset[str]:
    """Return the names of a template's parameters."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


def is_coded(value: Parameter) -> TypeGuard[Coded]:
    """Return True if a parameter, or one of several, is a message."""
    return not isinstance(value, str | int | float | tuple)


def filled(template: str, parameters: Mapping[str, Parameter], writer: Writer) -> str:
    """Return a template with its parameters in place.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a parameter is missing or of another kind than the template writes.

    """
    parts = []
    for before, name, form, _ in Formatter().parse(template):
        parts.append(before)
        if name is not None:
            parts.append(_written(parameters[name], form or "", writer))
    return "".join(parts)


def _written(value: Parameter, form: str, writer: Writer) -> str:
    if form.startswith("?"):
        one, several = form[1:].split("|")
        return one if (len(value) if isinstance(value, tuple) else value) == 1 else several
    if isinstance(value, tuple):
        return _joined(value, form, writer)
    if isinstance(value, str):
        return _text(value, form, writer)
    if isinstance(value, int | float):
        return _number(value, form, writer)
    return {"problem": writer.problem, "remedy": writer.remedy}.get(form, writer.text)(value)


def _joined(values: tuple[str, ...] | tuple[Coded, ...], form: str, writer: Writer) -> str:
    parts = []
    for value in values:
        if isinstance(value, str):
            parts.append(writer.word(value) if form in {"words", "or"} else value)
        else:
            parts.append(writer.text(value).rstrip("."))
    if form in {"words", "or"}:
        return writer.listed(parts, last="and" if form == "words" else "or")
    return ("; " if any(is_coded(value) for value in values) and form != "," else ", ").join(parts)


def _text(value: str, form: str, writer: Writer) -> str:
    if form == "word":
        return writer.word(value)
    if form:
        raise TypeError(f"{form!r} does not write text")
    return value


def _number(value: float, form: str, writer: Writer) -> str:
    if form == "%":
        return writer.share(value)
    asked = _DECIMALS.fullmatch(form)
    if asked is not None:
        return writer.plain(value, int(asked["digits"]), signed=bool(asked["sign"]))
    if form not in {"", "g"}:
        raise ValueError(f"{form!r} is no form of a number")
    return str(value) if isinstance(value, int) else writer.plain(value, None)
