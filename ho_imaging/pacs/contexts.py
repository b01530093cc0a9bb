"""Presentation contexts for radiographs: what is offered to whom, in which transfer syntaxes (PS3.8 9.3.2.2)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

__all__ = ["COMPANIONS", "MOST_CONTEXTS", "SYNTAXES", "each_alone", "sending_contexts"]

MOST_CONTEXTS = 128
"""Contexts of one association: their identifiers are the odd numbers of a byte."""

SYNTAXES: tuple[UID, ...] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGBaseline8Bit,
    JPEG2000,
    RLELossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLSNearLossless,
    HTJ2KLossless,
    HTJ2K,
    HTJ2KLosslessRPCL,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
"""Transfer syntaxes that radiographs are read in, the usual ones first."""


COMPANIONS: tuple[str, ...] = (
    "1.2.840.10008.5.1.4.1.1.11.1",  # Grayscale Softcopy Presentation State
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
    "1.2.840.10008.5.1.4.1.1.88.11",  # Basic Text SR
    "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
    "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
    "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
    "1.2.840.10008.5.1.4.1.1.88.59",  # Key Object Selection
    "1.2.840.10008.5.1.4.1.1.88.67",  # X-Ray Radiation Dose SR
    "1.2.840.10008.5.1.4.1.1.104.1",  # Encapsulated PDF
)
"""SOP classes of what often lies beside films and is not read: some archives give up a C-GET at the first of them."""


def each_alone(classes: Collection[UID | str], *, room: int) -> list[tuple[str, list[UID]]]:
    """Return contexts in which a peer can send objects of these classes in whatever syntax it keeps them.

    Of several syntaxes in one context a peer chooses one, before it knows what it will send; one that does not
    transcode could then send nothing else. So each has a context of its own, as far as there is room; the least usual
    ones share one.
    """
    if not classes:
        return []
    slots = max(1, room // len(classes))
    alone = len(SYNTAXES) if slots >= len(SYNTAXES) else slots - 1
    groups = [[syntax] for syntax in SYNTAXES[:alone]]
    if SYNTAXES[alone:]:
        groups.append(list(SYNTAXES[alone:]))
    return [(str(sop_class), group) for sop_class in classes for group in groups][:room]


def sending_contexts(objects: Sequence[tuple[str, str]]) -> list[tuple[str, list[UID]]]:
    """Return contexts to send objects in: each class in its own syntaxes, and in the uncompressed ones, each alone.

    Implicit VR Little Endian is the default that every peer has to take and that is to be offered (PS3.5 10.1).
    """
    offered = dict.fromkeys(
        (sop_class, syntax)
        for sop_class, own in sorted(objects)
        for syntax in (UID(own), ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    )
    return [(sop_class, [syntax]) for sop_class, syntax in offered]
