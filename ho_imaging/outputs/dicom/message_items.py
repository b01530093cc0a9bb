"""Messages in a report: text for people, and beside it the code of each message for programs."""

from __future__ import annotations

from highdicom.sr import CodeContentItem, CodedConcept, ContentSequence, RelationshipTypeValues, TextContentItem

from ho_imaging.outputs.dicom import codes
from ho_imaging.results.messages import MessageResult

__all__ = ["message_text"]


def message_text(name: CodedConcept, text: str, *messages: MessageResult | None) -> TextContentItem:
    """Return a text of a report with the codes of the messages that it holds as its properties (PS3.3 A.35.2).

    Parameters
    ----------
    name
        Concept that the text is of.
    text
        What people read.
    messages
        Messages in the text; each has a code, and so has each that belongs to it.

    """
    item = TextContentItem(name, text, RelationshipTypeValues.CONTAINS)
    said = [one for message in messages if message is not None for one in (message, *message.also)]
    if said:
        item.ContentSequence = ContentSequence(
            [
                CodeContentItem(codes.MESSAGE, codes.message_code(one), RelationshipTypeValues.HAS_PROPERTIES)
                for one in said
            ]
        )
    return item
