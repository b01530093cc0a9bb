"""Identifiers of a result: what it says of whose film it is, or that all of it is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from ho_imaging.messages import Message, Value
from ho_imaging.reading.identifiers import UNNAMED_FILE, StudyIdentifiers
from ho_imaging.results.messages import MessageResult, message_result
from ho_imaging.results.schema import SCHEMA_VERSION, IdentifiersResult, ImageResult, StudyResult
from ho_imaging.vocabulary import Identifiers

__all__ = ["PATHS", "identified", "without_paths"]

PATHS: Mapping[str, tuple[str, ...]] = {
    "file_twice": ("path",),
    "dicomdir_file_missing": ("dicomdir",),
    "copy": ("used",),
    "copy_of_first": ("used",),
    "copy_of_larger": ("used",),
    "copy_of_picture": ("used",),
    "two_patients": ("first", "second"),
    "other_study": ("image",),
    "several_studies": ("first", "second"),
    "patients_contradict": ("first", "second"),
    "one_patient_as_asked": ("first", "second"),
    "patients_in_doubt": ("first", "second"),
    "image.of_study": ("image",),
}
"""Parameters of messages, by code, that may hold a path."""

_FREE_TEXT = "unclassified"


def identified(
    result: StudyResult, wanted: Identifiers, stated: StudyIdentifiers, paths: Mapping[str, str] | None = None
) -> StudyResult:
    """Return a result with the identifiers that are wanted, and no others.

    Parameters
    ----------
    result
        Of any analysis, with or without identifiers.
    wanted
        What it is to say.
    stated
        What the study's files state.
    paths
        Its images' files by SOP Instance UID, for a result that says none. An image that says its own keeps it.

    Returns
    -------
    StudyResult
        The same findings. Without identifiers, messages name images by number.

    """
    said: IdentifiersResult | None = None
    if wanted is not Identifiers.NONE:
        values = {name: value or None for name, value in asdict(stated).items()}
        if wanted is Identifiers.ORDER:
            values = {"accession_number": values["accession_number"]}
        said = IdentifiersResult(**values) if any(values.values()) else None
    changed: dict[str, object] = {"schema_version": SCHEMA_VERSION, "identifiers": said}
    if wanted is Identifiers.NONE:
        numbers = {image.path: n for n, image in reversed(list(enumerate(result.images, start=1))) if image.path}
        changed["images"] = tuple(_unnamed(image, numbers) for image in result.images)
        changed["warnings"] = tuple(_message(warning, numbers) for warning in result.warnings)
        changed["reason"] = None if result.reason is None else _message(result.reason, numbers)
    elif paths:
        changed["images"] = tuple(
            image if image.path is not None else image.model_copy(update={"path": paths.get(image.sop_instance_uid)})
            for image in result.images
        )
    return result.model_copy(update=changed)


def without_paths(message: Message, numbers: Mapping[str, int] | None = None) -> Message:
    """Return a message that names images by number, and other files not at all; ``numbers``: of images by path."""
    known = numbers or {}

    def named(name: str, value: Value) -> object:
        if isinstance(value, Message):
            return without_paths(value, known)
        if isinstance(value, tuple):
            return tuple(without_paths(part, known) if isinstance(part, Message) else part for part in value)
        if isinstance(value, str) and name in PATHS.get(message.code, ()):
            return Message("image.numbered", number=known[value]) if value in known else UNNAMED_FILE
        if isinstance(value, str) and message.code == _FREE_TEXT:
            for path in sorted(known, key=len, reverse=True):
                value = value.replace(path, str(Message("image.numbered", number=known[path])))
        return value

    other = Message(message.code, **{name: named(name, value) for name, value in message.parameters.items()})
    return other.with_also(*(without_paths(also, known) for also in message.also))


def _unnamed(image: ImageResult, numbers: Mapping[str, int]) -> ImageResult:
    reason = None if image.reason is None else _message(image.reason, numbers)
    return image.model_copy(update={"path": None, "reason": reason})


def _message(kept: MessageResult, numbers: Mapping[str, int]) -> MessageResult:
    return message_result(without_paths(kept.message, numbers))
