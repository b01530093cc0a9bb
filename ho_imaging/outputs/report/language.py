"""How a language writes: its catalogue, its numbers, dates and shares.

English is what the program speaks; every other language is a catalogue ``languages/CODE.po`` (GNU gettext), read as it
stands. To add one: ``pybabel extract`` with ``languages/babel.cfg``, ``pybabel init -l CODE``, translate.
"""

from __future__ import annotations

import functools
import gettext
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import resources
from io import BytesIO

from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from ho_imaging.errors import UsageError
from ho_imaging.outputs.report.sentences import SENTENCES
from ho_imaging.outputs.report.words import WORDS

__all__ = ["Language", "Passage", "languages", "load_language"]

SOURCE = "en"

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_WORD_SHARE = re.compile(r"([^,\s][^,]*) (\d+)\s?%")
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Passage:
    """A piece of text and its language; ``None`` is that of the page."""

    text: str
    language: str | None = None


@dataclass(frozen=True, eq=False)
class Language:
    """One language of a report."""

    code: str
    catalogue: gettext.NullTranslations

    def say(self, text: str, /, **values: object) -> str:
        """Give a text of the catalogue with its values put in."""
        said = self.catalogue.gettext(text)
        return said % values if values else said

    def word(self, value: str) -> str:
        """Give the word for a value of the vocabulary, or the value itself."""
        named = WORDS.get(value)
        return value.replace("_", " ") if named is None else self.say(named)

    def number(self, value: float, digits: int = 0, *, signed: bool = False) -> str:
        """Write a number without grouping: a point that groups for one reader is a decimal point for the next.

        It is rounded as it is everywhere else in this program, so that no two outputs differ in the last digit.
        """
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
        return str(format_percent(Decimal(f"{100.0 * value:.0f}") / 100, locale=self.code))

    def date(self, day: date) -> str:
        """Write a date with its month in letters: no reader can take the day for the month."""
        return str(format_date(day, "d MMMM y" if self.code == SOURCE else "long", locale=self.code))

    def listed(self, parts: list[str]) -> str:
        """Join words: a, b and c."""
        if len(parts) < 2:
            return "".join(parts)
        return self.say("%(first)s and %(last)s", first=", ".join(parts[:-1]), last=parts[-1])

    def statement(self, text: str | None) -> tuple[Passage, ...]:
        """Give a statement of a result in this language; what the catalogue does not know stays English, marked so."""
        rest = (text or "").strip()
        if self.code == SOURCE or not rest:
            return (Passage(rest),) if rest else ()
        passages: list[Passage] = []
        while rest:
            for pattern, message in _patterns():
                found = pattern.match(rest)
                if found is None:
                    continue
                values = {name: self._value(name, value) for name, value in found.groupdict().items()}
                if None in values.values():
                    continue
                passages.append(Passage(self.catalogue.gettext(message) % values))
                rest = rest[found.end() :].lstrip()
                break
            else:
                cut = rest.find(". ") + 1 or len(rest)
                passages.append(Passage(rest[:cut], SOURCE))
                rest = rest[cut:].lstrip()
        return tuple(passages)

    def _value(self, name: str, text: str) -> str | None:
        """Give a value of a sentence in this language; ``None`` for one that the catalogue does not know."""
        if name.startswith(("uid", "keyword")):
            return text
        if name.startswith("inner"):
            inner = [passage for part in text.split("; ") for passage in self.statement(part)]
            known = all(passage.language is None for passage in inner)
            return "; ".join(passage.text for passage in inner) if known else None
        if name.startswith("list"):
            return self.listed([self.word(part) for part in re.split(r", | and ", text)])
        if name.startswith("shares"):
            return _WORD_SHARE.sub(lambda found: f"{self.word(found[1])} {self.share(int(found[2]) / 100.0)}", text)
        if _NUMBER.fullmatch(text):
            digits = len(text.partition(".")[2])
            return self.number(float(text), digits, signed=text.startswith("+"))
        word = text.replace(" ", "_")
        return self.word(word if word in WORDS else text)


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of every sentence a result may hold, longest first: one may begin like another."""
    made = []
    for sentence in sorted(SENTENCES, key=len, reverse=True):
        parts = _PLACEHOLDER.split(sentence)
        pattern = "".join(
            re.escape(part.replace("%%", "%"))
            if k % 2 == 0
            else f"(?P<{part}>{_SHAPES.get(part.rstrip('0123456789'), '.+?')})"
            for k, part in enumerate(parts)
        )
        made.append((re.compile(pattern + r"(?=\s|$)"), sentence))
    return tuple(made)


_SHAPES: Mapping[str, str] = {
    "number": r"[+-]?\d+(?:\.\d+)?",
    "grade": r"[\w: -]+?",
    "uid": r"[^\s,]+?",
    "keyword": r"\w+",
    "shares": r"[^()]+?",
    "list": r"[^().]+?",
    "names": r"(?:(?![:.] ).)+?",  # one that begins a sentence must not take in what stands before it
}


def languages() -> tuple[str, ...]:
    """Codes of the languages a report can be in."""
    folder = resources.files("ho_imaging.outputs.report") / "languages"
    return (SOURCE, *sorted(entry.name[:-3] for entry in folder.iterdir() if entry.name.endswith(".po")))


@functools.cache
def load_language(code: str) -> Language:
    """Load a language.

    Raises
    ------
    UsageError
        If there is no catalogue for it.

    """
    if code not in languages():
        raise UsageError(f"no reports in the language {code!r}", remedy=f"choose one of {', '.join(languages())}")
    if code == SOURCE:
        return Language(code, gettext.NullTranslations())
    source = resources.files("ho_imaging.outputs.report") / "languages" / f"{code}.po"
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source.read_bytes()), locale=code))
    compiled.seek(0)
    return Language(code, gettext.GNUTranslations(compiled))
