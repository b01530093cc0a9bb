"""The catalogue: a text in English for each code, and what it is for. German and others: ``languages/CODE.po``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ho_imaging.messages.catalogue import (
    archives,
    batches,
    files,
    flags,
    gate,
    operating,
    patients,
    progression,
    severity,
    studies,
)
from ho_imaging.messages.entry import Entry

__all__ = ["CATALOGUE", "SECTIONS"]

SECTIONS: Mapping[str, Mapping[str, Entry]] = MappingProxyType(
    {
        (module.__doc__ or ""): MappingProxyType(module.ENTRIES)
        for module in (files, flags, patients, gate, severity, studies, archives, batches, operating, progression)
    }
)
"""Codes by what they are about, in the order of the stages."""

CATALOGUE: Mapping[str, Entry] = MappingProxyType(
    {code: entry for part in SECTIONS.values() for code, entry in part.items()}
)
"""Text of each code."""
