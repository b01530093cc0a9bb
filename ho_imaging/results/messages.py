"""Messages of a result: codes and parameters, from which text is made in each language."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ho_imaging.messages import Message, Value, text

__all__ = ["MessageResult", "keep_message", "message_result", "read_message"]


class MessageResult(BaseModel):
    """A message of a result. ``str`` of it is its text in English, `text` that in another language."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    code: str = Field(description="What is said, a stable word; docs/messages.md lists all of them.")
    parameters: dict[str, bool | int | float | str | MessageResult | tuple[str, ...] | tuple[MessageResult, ...]] = (
        Field(
            default_factory=dict,
            description="What the text says of this case, by name: text, numbers, messages, or several of them.",
        )
    )
    also: tuple[MessageResult, ...] = Field(
        default=(), description="Further messages that belong to it; their text follows its own."
    )

    @property
    def message(self) -> Message:
        """The message that it was made of."""
        values = {name: _value(value) for name, value in self.parameters.items()}
        return Message(self.code, **values).with_also(*(other.message for other in self.also))

    def text(self, language: str = "en") -> str:
        """Return the text in a language; a code of another version is written as it stands.

        Raises
        ------
        LookupError
            If there is no catalogue for the language.

        """
        return text(self.message, language)

    def __str__(self) -> str:
        return self.text()

    def __hash__(self) -> int:
        return hash(self.message)


def message_result(message: Message) -> MessageResult:
    """Return a message as results have it.

    Parameters
    ----------
    message
        Of any stage.

    Returns
    -------
    MessageResult
        The same code and parameters.

    """
    return MessageResult(
        code=message.code,
        parameters={name: _as_result(value) for name, value in message.parameters.items()},
        also=tuple(message_result(other) for other in message.also),
    )


def keep_message(message: Message | None) -> str | None:
    """Return a message as JSON, for a database; `read_message` reads it back."""
    return None if message is None else message_result(message).model_dump_json()


def read_message(kept: str | None) -> Message | None:
    """Return a message that was kept as JSON; of plain text, as earlier versions kept it, one that says it."""
    if not kept:
        return None
    try:
        return MessageResult.model_validate_json(kept).message
    except ValidationError:
        return Message("unclassified", problem=kept, remedy="")


def _as_result(
    value: Value,
) -> bool | int | float | str | MessageResult | tuple[str, ...] | tuple[MessageResult, ...]:
    if isinstance(value, Message):
        return message_result(value)
    if isinstance(value, tuple):
        messages = tuple(message_result(part) for part in value if isinstance(part, Message))
        return messages or tuple(part for part in value if isinstance(part, str))
    return value


def _value(value: object) -> object:
    if isinstance(value, MessageResult):
        return value.message
    if isinstance(value, tuple):
        return tuple(_value(part) for part in value)
    return value
