"""A language: its catalogue, and its way to write messages, numbers, dates and shares.

English is what the program speaks; every other language is a catalogue ``languages/CODE.po`` (GNU gettext), read as it
stands. To add one: ``pybabel extract`` with ``languages/babel.cfg``, ``pybabel init -l CODE``, translate.
"""

from __future__ import annotations

import functools
import gettext
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from ho_imaging.messages.catalogue import CATALOGUE
from ho_imaging.messages.template import Coded, filled, is_coded
from ho_imaging.messages.words import WORDS

__all__ = ["Language", "languages", "load_language"]

SOURCE = "en"

_FOLDER = Path(__file__).parent / "languages"

UNCLASSIFIED = "unclassified"
"""Code of plain English text."""


@dataclass(frozen=True, eq=False)
class Language:
    """One language."""

    code: str
    catalogue: gettext.NullTranslations

    def say(self, text: str, /, **values: object) -> str:
        """Return a text of the catalogue with its values put in."""
        said = self.catalogue.gettext(text)
        return said % values if values else said

    def word(self, value: str) -> str:
        """Return the word for a value of the vocabulary, or the value itself."""
        named = WORDS.get(value)
        return value.replace("_", " ") if named is None else self.say(named)

    def number(self, value: float, digits: int = 0, *, signed: bool = False) -> str:
        """Write a number without grouping: a point that groups for one reader is a decimal point for the next.

        It is rounded as it is everywhere else in this program, so that no two outputs differ in the last digit.
        """
        from babel.numbers import format_decimal  # noqa: PLC0415  (not needed for messages in English)

        pattern = "0" if digits == 0 else "0." + "0" * digits
        rounded = Decimal(f"{value:.{digits}f}")
        text = format_decimal(rounded, format=pattern, locale=self.code, group_separator=False)
        if rounded == 0:
            text = text.lstrip("-\u2212")
        elif signed and rounded > 0:
            text = f"+{text}"
        return text.replace("-", "\u2212")

    def share(self, value: float) -> str:
        """Write a share between 0 and 1 in percent."""
        if self.code == SOURCE:
            return f"{Decimal(f'{100.0 * value:.0f}')}%"
        from babel.numbers import format_percent  # noqa: PLC0415  (as above)

        return str(format_percent(Decimal(f"{100.0 * value:.0f}") / 100, locale=self.code))

    def date(self, day: date) -> str:
        """Write a date with its month in letters: no reader can take the day for the month."""
        from babel.dates import format_date  # noqa: PLC0415  (as above)

        return str(format_date(day, "d MMMM y" if self.code == SOURCE else "long", locale=self.code))

    def listed(self, parts: list[str], *, last: str = "and") -> str:
        """Join words: a, b and c; with ``last="or"`` a, b or c."""
        if len(parts) < 2:
            return "".join(parts)
        first = ", ".join(parts[:-1])
        if last == "or":
            return self.say("%(first)s or %(last)s", first=first, last=parts[-1])
        return self.say("%(first)s and %(last)s", first=first, last=parts[-1])

    def plain(self, value: float, digits: int | None, *, signed: bool = False) -> str:
        """Write a number of a message; in English as logs and tables have it. ``digits``: ``None`` for all it has."""
        if digits is None:
            digits = max(-int(Decimal(f"{value:.4f}").normalize().as_tuple().exponent), 0)
        if self.code != SOURCE:
            return self.number(value, digits, signed=signed)
        text = f"{value:{'+' if signed else ''}.{digits}f}"
        return text.lstrip("+-") if not any(digit in text for digit in "123456789") else text

    def text(self, message: Coded) -> str:
        """Write a message with what can be done in brackets."""
        remedy = self.remedy(message)
        return f"{self.problem(message)} ({remedy})" if remedy else self.problem(message)

    def problem(self, message: Coded) -> str:
        """Write a message without what can be done; messages that belong to it follow."""
        own = self._filled(message, lambda code: CATALOGUE[code].text)
        if own is None:
            own = _unknown(message)
        parts = [own, *(self.problem(other) for other in message.also)]
        if own.endswith("."):
            return " ".join(parts)
        return "; ".join(part.rstrip(".") for part in parts)

    def remedy(self, message: Coded) -> str:
        """Write what can be done; empty where nothing can."""
        own = self._filled(message, lambda code: CATALOGUE[code].remedy)
        parts = [part for part in (own, *(self.remedy(other) for other in message.also)) if part]
        return self.listed(parts, last="or") if len(parts) > 1 else "".join(parts)

    def knows(self, message: Coded) -> bool:
        """Return True if this language has the text of a message, and of all that are in it."""
        entry = CATALOGUE.get(message.code)
        if entry is None or not entry.parameters <= message.parameters.keys():
            return False
        if message.code == UNCLASSIFIED:
            return self.code == SOURCE
        return all(self.knows(other) for other in (*_within(message), *message.also))

    def _filled(self, message: Coded, part: Callable[[str], str]) -> str | None:
        """Fill a template; ``None`` for a code or parameters of another version of this program."""
        try:
            template = part(message.code)
            return filled(self.say(template) if template else "", message.parameters, self)
        except (KeyError, TypeError, ValueError):
            return None


def _within(message: Coded) -> list[Coded]:
    """Return the messages that are parameters of another."""
    found: list[Coded] = []
    for value in message.parameters.values():
        found += [part for part in (value if isinstance(value, tuple) else (value,)) if is_coded(part)]
    return found


def _unknown(message: Coded) -> str:
    """Write a message that another version of this program made: its code and parameters, readable as they are."""
    said = ", ".join(f"{name} {_shown(value)}" for name, value in message.parameters.items())
    words = message.code.replace("_", " ").replace(".", ": ")
    return f"{words} ({said})" if said else words


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@functools.cache
def languages() -> tuple[str, ...]:
    """Return the codes of the languages that text can be in."""
    return (SOURCE, *sorted(path.stem for path in _FOLDER.glob("*.po")))


@functools.cache
def load_language(code: str) -> Language:
    """Load a language.

    Raises
    ------
    LookupError
        If there is no catalogue for it.

    """
    if code not in languages():
        raise LookupError(f"no catalogue for the language {code!r}")
    if code == SOURCE:
        return Language(code, gettext.NullTranslations())
    source = _FOLDER / f"{code}.po"
    from io import BytesIO  # noqa: PLC0415

    from babel.messages.mofile import write_mo  # noqa: PLC0415  (as above)
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source.read_bytes()), locale=code))
    compiled.seek(0)
    return Language(code, gettext.GNUTranslations(compiled))
