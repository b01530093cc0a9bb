"""Messages to users: codes with parameters, and their text in each language.

A result, a log or a table holds a `Message`; whoever shows it makes text of it, in English with ``str``, in any
language with `text`. Nothing reads a sentence back.
"""

from __future__ import annotations

from ho_imaging.messages.catalogue import CATALOGUE, SECTIONS
from ho_imaging.messages.entry import Entry
from ho_imaging.messages.language import Language, languages, load_language
from ho_imaging.messages.message import Message, Value

__all__ = ["CATALOGUE", "SECTIONS", "Entry", "Language", "Message", "Value", "languages", "load_language", "text"]


def text(message: Message, language: str = "en") -> str:
    """Return the text of a message, what can be done in brackets behind it.

    Parameters
    ----------
    message
        What is to be said. A code that the catalogue does not know is written as it stands, with its parameters.
    language
        One of `languages`.

    Returns
    -------
    str
        The text, with numbers as the language writes them.

    Raises
    ------
    LookupError
        If there is no catalogue for the language.

    """
    return load_language(language).text(message)
