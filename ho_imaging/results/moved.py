"""Results of images that were read in another place than where they are said to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ho_imaging.messages import Message
from ho_imaging.results.messages import MessageResult, message_result
from ho_imaging.results.schema import StudyResult

__all__ = ["moved", "moved_message", "moved_text"]


def moved(result: StudyResult, names: Mapping[str, str]) -> StudyResult:
    """Return a result that names folders as its reader knows them; ``names``: where they were read, how they are named.

    An archive's images are read from a folder that does not exist any more when somebody reads the result.
    """
    if not names:
        return result
    return StudyResult.model_validate(_renamed(result.model_dump(), names))


def moved_text(text: str, names: Mapping[str, str]) -> str:
    """Return a text in which folders are named as its reader knows them."""
    for folder, name in names.items():
        text = text.replace(folder, name)
    return text


def moved_message(message: Message, names: Mapping[str, str]) -> Message:
    """Return a message in which folders are named as its reader knows them."""
    return MessageResult.model_validate(_renamed(message_result(message).model_dump(), names)).message


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return moved_text(value, names)
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_renamed(item, names) for item in value)
    return value
