"""Intended use and limitations of the model, read from its ``MODEL_CARD.md`` if that model is available."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from ho_imaging.errors import ModelError
from ho_imaging.results.schema import ModelResult

__all__ = ["ModelCard", "card_of", "parse_card"]

logger = logging.getLogger(__name__)

_MOST_CHARACTERS = 200_000
_HEADING = re.compile(r"^## +(.+?) *$", re.MULTILINE)
_PLAIN = re.compile(r"[\w.-]+")
_EMPHASIS = re.compile(r"\*\*|`|(?<!\w)\*|\*(?!\w)")


@dataclass(frozen=True)
class ModelCard:
    """Paragraphs of a card, in the card's language (English)."""

    intended_use: tuple[str, ...]
    limits: tuple[str, ...]


def card_of(model: ModelResult | None) -> ModelCard | None:
    """Return the card of the weights that made a result; ``None`` if they are not available."""
    if model is None:
        return None
    from ho_imaging.network.model_store import CARD_FILE, find_model, read_description  # noqa: PLC0415  (loads torch)

    for name in (model.name, "default"):
        if not _PLAIN.fullmatch(name):
            continue  # a result is no reason to look anywhere but among the models
        try:
            folder = find_model(name)
            if read_description(folder).sha256 == model.sha256:
                return parse_card((folder / CARD_FILE).read_text(encoding="utf-8")[:_MOST_CHARACTERS])
        except ModelError as error:
            logger.debug("no card: %s", error)
        except (OSError, UnicodeError) as error:
            logger.debug("no card: %s", type(error).__name__)
    return None


def parse_card(text: str) -> ModelCard:
    """Take the sections ``Intended use`` and ``Limitations`` of a card, one entry per paragraph or bullet."""
    parts = _HEADING.split(text)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return ModelCard(_entries(sections.get("Intended use", "")), _entries(sections.get("Limitations", "")))


def _entries(section: str) -> tuple[str, ...]:
    entries: list[str] = []
    begun = False
    for line in section.splitlines():
        stripped = line.strip()
        if not stripped:
            begun = False
        elif stripped.startswith(("- ", "* ")):
            entries.append(stripped[2:])
            begun = True
        elif begun:
            entries[-1] += f" {stripped}"
        else:
            entries.append(stripped)
            begun = True
    return tuple(_EMPHASIS.sub("", entry) for entry in entries)
