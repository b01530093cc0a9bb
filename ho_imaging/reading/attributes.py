"""The attributes that reading uses: how each is read, and what is done where it is absent or not understood.

One place for the rule that nothing a header states is dropped in silence. `header_flags` goes through the table once a
film; the modules that use an attribute read it with the same functions (`ho_imaging.reading.values`), so what is
flagged here is what they could not use. docs/reading.md shows the table; a test keeps the two the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from ho_imaging.messages import Message
from ho_imaging.reading.describe import body_part_named, view_named
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.reading.rescaling import loses_values, rescale
from ho_imaging.reading.spacing import MOST_ANISOTROPY
from ho_imaging.reading.values import REPAIRED, numbers_of, one_number, one_whole, read_date, values_of

__all__ = ["ATTRIBUTES", "Attribute", "flags_of_lost", "header_flags"]

Check = Callable[[Sequence[object]], Message | None]
"""Says what is wrong with the values of an attribute, ``None`` where they are understood. Values are not repeated."""


@dataclass(frozen=True)
class Attribute:
    """One attribute of a header.

    ``read_as``: its form, in words. ``absent``: what is taken where it is not there or empty. ``otherwise``: what is
    done where its value is not understood, as a part of the flag's message. ``code``: the flag's. ``check`` is
    ``None`` where the module that uses it has to judge more than the form, and flags it there with the same code.
    """

    keyword: str
    read_as: str
    absent: str
    otherwise: Message
    code: str
    check: Check | None


def header_flags(dataset: Dataset) -> tuple[QualityFlag, ...]:
    """Return a flag for each attribute in use that states something which is not understood, or only after a repair."""
    flags = []
    for attribute in ATTRIBUTES:
        if attribute.check is None or attribute.keyword not in dataset:
            continue
        values = values_of(dataset, attribute.keyword)
        wrong = attribute.check(values) if values else None
        if wrong is not None:
            message = (
                Message("attribute_repaired", keyword=attribute.keyword, wrong=wrong)
                if wrong.code in REPAIRED
                else Message(
                    "attribute_not_understood", keyword=attribute.keyword, wrong=wrong, taken=attribute.otherwise
                )
            )
            flags.append(QualityFlag(attribute.code, message))
    return (*flags, *_unpaired(dataset), *_modality_contradictions(dataset))


def flags_of_lost(keywords: Collection[str]) -> tuple[QualityFlag, ...]:
    """Return a flag for each attribute in use among those that could not be read at all."""
    return tuple(
        QualityFlag(
            attribute.code, Message("attribute_unreadable", keyword=attribute.keyword, taken=attribute.otherwise)
        )
        for attribute in ATTRIBUTES
        if attribute.keyword in keywords
    )


def _unpaired(dataset: Dataset) -> tuple[QualityFlag, ...]:
    """Return when centers and widths of windows are not pairs."""
    centers, widths = (len(values_of(dataset, keyword)) for keyword in ("WindowCenter", "WindowWidth"))
    if centers == widths:
        return ()
    return (QualityFlag("window_invalid", Message("windows_not_pairs", centers=centers, widths=widths)),)


def _modality_contradictions(dataset: Dataset) -> tuple[QualityFlag, ...]:
    """Return what contradicts itself between stored values and the Modality LUT's output (PS3.3 C.11.1)."""
    flags = []
    found = rescale(dataset)
    if len(values_of(dataset, "ModalityLUTSequence")) > 1:
        message = _not_understood("ModalityLUTSequence", Message("wrong.several"), Message("taken.first"))
        flags.append(QualityFlag("modality_lut_invalid", message))
    if values_of(dataset, "ModalityLUTSequence") and found not in {None, (1.0, 0.0)}:
        message = _not_understood("RescaleSlope", Message("wrong.beside_table"), Message("taken.table"))
        flags.append(QualityFlag("rescale_invalid", message))
    if loses_values(dataset):
        message = _not_understood("RescaleIntercept", Message("wrong.values_alike"), Message("taken.no_rescale"))
        flags.append(QualityFlag("rescale_invalid", message))
    return tuple(flags)


def _not_understood(keyword: str, wrong: Message, taken: Message) -> Message:
    return Message("attribute_not_understood", keyword=keyword, wrong=wrong, taken=taken)


def _number(values: Sequence[object]) -> Message | None:
    return one_number(values).wrong


def _not_zero(values: Sequence[object]) -> Message | None:
    return Message("wrong.zero") if one_number(values).value == 0.0 else one_number(values).wrong


def _numbers(values: Sequence[object]) -> Message | None:
    wrong = [one_number([value]).wrong for value in values]
    return next((text for text in wrong if text is not None), None)


def _plain_number(values: Sequence[object]) -> Message | None:
    """Judge a length: one that had to be repaired is not believed."""
    found = numbers_of(values)
    return None if found is not None and len(found) == 1 else Message("wrong.no_number")


def _ratio(values: Sequence[object]) -> Message | None:
    found = numbers_of(values)
    if found is None or len(found) != 2 or min(found) <= 0.0:
        return Message("wrong.no_ratio")
    return Message("wrong.anisotropy") if max(found) > MOST_ANISOTROPY * min(found) else None


def _whole(values: Sequence[object]) -> Message | None:
    return one_whole(values).wrong


def _whole_from(least: int, most: int) -> Check:
    def check(values: Sequence[object]) -> Message | None:
        stated = one_whole(values)
        if stated.value is not None and not least <= stated.value <= most:
            if most - least > 1:
                return Message("wrong.range", least=least, most=most)
            return Message("wrong.neither", least=least, most=most)
        return stated.wrong

    return check


def _word(*known: str) -> Check:
    def check(values: Sequence[object]) -> Message | None:
        if len(values) > 1:
            return Message("wrong.several")
        text = str(values[0]).strip(" \0").upper()
        return None if text in known else Message("wrong.no_term")

    return check


def _named(known: Callable[[str], object]) -> Check:
    def check(values: Sequence[object]) -> Message | None:
        return None if known(" ".join(str(value) for value in values)) else Message("wrong.unknown_name")

    return check


def _directions(values: Sequence[object]) -> Message | None:
    # One letter or several for each direction (PS3.3 C.7.6.1.1.1).
    good = len(values) == 2 and all(re.fullmatch(r"[APRLHF]{1,3}", str(value).strip().upper()) for value in values)
    return None if good else Message("wrong.directions")


def _date(*, with_time: bool = False) -> Check:
    def check(values: Sequence[object]) -> Message | None:
        return None if len(values) == 1 and read_date(values[0], with_time=with_time) else Message("wrong.no_date")

    return check


_DAY, _MOMENT = _date(), _date(with_time=True)
_PHOTOMETRIC = (
    "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422",
    "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT",
)  # fmt: skip
_ONE = Message("taken.stored_values")
_SHOWN = Message("taken.other_view")
_TABLE = "a sequence of one lookup table or several"
_NO_LENGTH = Message("taken.not_believed")

ATTRIBUTES: tuple[Attribute, ...] = (
    # Stored values
    Attribute("NumberOfFrames", "whole number from 1", "1", Message("taken.number", number=1), "pixel_description_invalid", _whole_from(1, 2**31 - 1)),
    Attribute("SamplesPerPixel", "whole number from 1", "1", Message("taken.number", number=1), "pixel_description_invalid", _whole_from(1, 4)),
    Attribute("BitsAllocated", "whole number from 1", "16", Message("taken.number", number=16), "pixel_description_invalid", _whole_from(1, 64)),
    Attribute("BitsStored", "whole number from 1", "Bits Allocated", Message("taken.bits_allocated"), "pixel_description_invalid", _whole_from(1, 64)),
    Attribute("HighBit", "whole number", "Bits Stored less 1", Message("taken.bits_stored_less_1"), "pixel_description_invalid", _whole_from(0, 63)),
    Attribute("PixelRepresentation", "0 or 1", "0, unsigned", Message("taken.unsigned"), "pixel_description_invalid", _whole_from(0, 1)),
    Attribute("PixelPaddingValue", "whole number, of either sign", "no padding", Message("taken.no_padding"), "padding_invalid", _whole),
    Attribute("PixelPaddingRangeLimit", "whole number, of either sign", "the padding value alone", Message("taken.padding_value"),
              "padding_invalid", _whole),
    # From stored values to what is shown
    Attribute("RescaleSlope", "number, not 0", "1", Message("taken.no_rescale_polarity"), "rescale_invalid", _not_zero),
    Attribute("RescaleIntercept", "number", "0", Message("taken.no_rescale"), "rescale_invalid", _number),
    Attribute("RescaleType", "text; changes no grey", "unspecified", Message("taken.left_out"), "rescale_invalid", None),
    Attribute("ModalityLUTSequence", _TABLE, "rescale", _ONE, "modality_lut_invalid", None),
    Attribute("WindowCenter", "numbers, one a window", "no window", _SHOWN, "window_invalid", _numbers),
    Attribute("WindowWidth", "numbers, one a window", "no window", _SHOWN, "window_invalid", _numbers),
    Attribute("VOILUTFunction", "LINEAR, LINEAR_EXACT, SIGMOID", "LINEAR", _SHOWN, "window_invalid", _word("LINEAR", "LINEAR_EXACT", "SIGMOID")),
    Attribute("VOILUTSequence", _TABLE, "windows", _SHOWN, "voi_lut_invalid", None),
    Attribute("PhotometricInterpretation", "a term of PS3.3 C.7.6.3.1.2", "MONOCHROME2", Message("taken.low_is_black"),
              "photometric_invalid", _word(*_PHOTOMETRIC)),
    Attribute("PresentationLUTShape", "IDENTITY, INVERSE", "Photometric Interpretation", Message("taken.photometric"),
              "photometric_invalid", _word("IDENTITY", "INVERSE")),
    Attribute("PresentationIntentType", "FOR PRESENTATION, FOR PROCESSING", "FOR PRESENTATION", Message("taken.for_presentation"),
              "intent_invalid", _word("FOR PRESENTATION", "FOR PROCESSING")),
    Attribute("PixelIntensityRelationship", "LIN, LOG, DISP", "not LIN", Message("taken.not_linear"), "intensity_relationship_invalid",
              _word("LIN", "LOG", "DISP")),
    Attribute("PixelIntensityRelationshipSign", "1, -1", "a raw film is shown as stored", Message("taken.raw_as_stored"),
              "intensity_relationship_invalid", _word("1", "-1", "1.0", "-1.0")),
    # Millimetres
    Attribute("PixelSpacing", "two numbers", "none", _NO_LENGTH, "spacing_implausible", None),
    Attribute("ImagerPixelSpacing", "two numbers", "none", _NO_LENGTH, "spacing_implausible", None),
    Attribute("NominalScannedPixelSpacing", "two numbers", "none", _NO_LENGTH, "spacing_implausible", None),
    Attribute("PixelSpacingCalibrationType", "GEOMETRY, FIDUCIAL", "no calibration", Message("taken.no_calibration"),
              "spacing_calibration_invalid", _word("GEOMETRY", "FIDUCIAL")),
    Attribute("EstimatedRadiographicMagnificationFactor", "number", "source distances", _NO_LENGTH, "magnification_implausible", _plain_number),
    Attribute("DistanceSourceToDetector", "number", "no magnification", _NO_LENGTH, "magnification_implausible", _plain_number),
    Attribute("DistanceSourceToPatient", "number", "no magnification", _NO_LENGTH, "magnification_implausible", _plain_number),
    Attribute("PixelAspectRatio", "two numbers above 0", "square pixels", Message("taken.square_pixels"), "aspect_ratio_invalid", _ratio),
    # What the film shows
    Attribute("BodyPartExamined", "a defined term or a word for it", "descriptions", Message("taken.descriptions"), "body_part_unknown",
              _named(body_part_named)),
    Attribute("ViewPosition", "a defined term or a word for it", "descriptions", Message("taken.other_projection"), "view_unknown", _named(view_named)),
    Attribute("ImageLaterality", "L, R, B, U", "Laterality", Message("taken.laterality"), "laterality_invalid", _word("L", "R", "B", "U")),
    Attribute("FrameLaterality", "L, R, B, U", "Laterality", Message("taken.laterality"), "laterality_invalid", _word("L", "R", "B", "U")),
    Attribute("Laterality", "L, R", "descriptions", Message("taken.descriptions"), "laterality_invalid", _word("L", "R", "B", "U")),
    Attribute("PatientOrientation", "two directions", "as films are read", Message("taken.usual_orientation"), "orientation_invalid", _directions),
    # When, and how it came here
    Attribute("AcquisitionDate", "date", "the next date", Message("taken.next_date"), "date_invalid", _DAY),
    Attribute("AcquisitionDateTime", "date and time", "the next date", Message("taken.next_date"), "date_invalid", _MOMENT),
    Attribute("ContentDate", "date", "the next date", Message("taken.next_date"), "date_invalid", _DAY),
    Attribute("SeriesDate", "date", "the next date", Message("taken.next_date"), "date_invalid", _DAY),
    Attribute("StudyDate", "date", "no date", Message("taken.no_date"), "date_invalid", _DAY),
    Attribute("PatientBirthDate", "date", "no date is too early", Message("taken.no_early_date"), "date_invalid", _DAY),
    Attribute("LossyImageCompression", "00, 01", "the transfer syntax tells", Message("taken.transfer_syntax"), "origin_invalid", _word("00", "01")),
    Attribute("BurnedInAnnotation", "YES, NO", "no text", Message("taken.no_text"), "origin_invalid", _word("YES", "NO")),
)  # fmt: skip
"""In the order in which reading uses them. Dates: the first that can be believed counts."""
