"""Data sets without the elements whose values cannot be read."""

from __future__ import annotations

import logging
import warnings

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as SequenceElement

__all__ = ["drop_damaged", "encoded_as", "readable_part", "without_damaged"]

logger = logging.getLogger(__name__)


def drop_damaged(dataset: Dataset) -> list[str]:
    """Take out, in place, every element whose value cannot be read, and return their keywords.

    A broken date or private element is no reason to lose a film; where the pixels depend on it, decoding says so.
    """
    damaged: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for tag in list(dataset.keys()):
            try:
                element = dataset[tag]
                for item in element.value if element.VR == "SQ" else ():
                    damaged += drop_damaged(item)
            except Exception:  # noqa: BLE001  a damaged value makes pydicom raise nearly anything; it is counted and said
                logger.debug("element %s cannot be read", tag)
                del dataset[tag]
                damaged.append(keyword_for_tag(tag))
    return damaged


def without_damaged(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Return a data set without damaged elements, a copy if there are any, and the keywords of what was left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole, damaged = readable_part(dataset)
    if not damaged:
        return dataset, []
    return encoded_as(dataset, whole), damaged


def encoded_as(dataset: Dataset, other: Dataset) -> Dataset:
    """Return ``other``, marked as encoded like ``dataset`` and with its file meta information."""
    other.set_original_encoding(*dataset.original_encoding)
    if hasattr(dataset, "file_meta"):
        other.file_meta = dataset.file_meta
    return other


def readable_part(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Return the elements that can be read, and the keywords of the others."""
    whole = Dataset()
    damaged: list[str] = []
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
            if element.VR == "SQ":
                items = [readable_part(item) for item in element.value]
                damaged += [keyword for _, lost in items for keyword in lost]
                element = DataElement(tag, "SQ", SequenceElement([item for item, _ in items]))
            whole[tag] = element
        except Exception:  # noqa: BLE001  as above
            logger.debug("element %s cannot be read", tag)
            damaged.append(keyword_for_tag(tag))
    return whole, damaged
