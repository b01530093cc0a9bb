"""Segmentation objects: one a film, on the film's own full grid (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationFractionalTypeValues,
    SegmentationTypeValues,
    SegmentDescription,
)
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import DS

from ho_imaging.findings.outline import filled
from ho_imaging.outputs.dicom import codes
from ho_imaging.outputs.dicom.basis import state_calibration
from ho_imaging.outputs.dicom.identity import (
    Maker,
    as_single_frame,
    compress_runs,
    restore_class,
    series_words,
    take_over,
)
from ho_imaging.outputs.tracking import nodule_uid
from ho_imaging.regions import plan_of
from ho_imaging.results.points import rows_columns
from ho_imaging.results.schema import FindingResult, ImageResult, ModelResult
from ho_imaging.vocabulary import Region, Side, Structure

__all__ = ["anatomy_segmentation", "nodule_segmentation", "probability_segmentation", "tracking"]

SERIES_NUMBER = 8801
_SERIES_WORDS = {"nodules": "suspected HO", "probability": "probability of HO", "anatomy": "bones and implants"}
_HO_COLOUR_LAB = (78.0, 24.0, 76.0)
_IMPLANT_COLOUR_LAB = (60.0, 40.0, -35.0)
_BONE_COLOURS_LAB = (
    (70.0, -10.0, -30.0),
    (70.0, -35.0, 5.0),
    (75.0, -45.0, 40.0),
    (75.0, 0.0, 40.0),
    (70.0, 30.0, 0.0),
    (60.0, 0.0, -45.0),
)
"""Colours of a region's bones and landmark, in the order of its plan."""


def tracking(maker: Maker, finding: FindingResult) -> tuple[str, str]:
    """Return identifier and UID of a nodule, the same in every object of the study; readers keep the model's.

    The UID goes by film and outline: another film of the study may give a nodule's number to another nodule. One that a
    reader reshaped is still the nodule that the model outlined.
    """
    observer = maker.observer
    if observer is not None and finding.id in observer.drawn:
        return f"HO {finding.id} {observer.name}"[:64], str(nodule_uid(finding, "drawn by", observer.name))
    outlined = finding if observer is None else observer.reshaped.get(finding.id, finding)
    return f"HO {finding.id}"[:64], str(nodule_uid(outlined))


def nodule_segmentation(
    source: Dataset, image: ImageResult, findings: Sequence[FindingResult], maker: Maker
) -> Segmentation | None:
    """Each nodule of a film as a binary segment; ``None`` where there is none: an empty object says nothing."""
    shape = (int(source.Rows), int(source.Columns))
    kept = [(finding, filled([rows_columns(ring) for ring in finding.contours_xy_px], shape)) for finding in findings]
    kept = [(finding, mask) for finding, mask in kept if mask.any()]
    if not kept:
        return None
    descriptions = []
    for number, (finding, _) in enumerate(kept, start=1):
        identifier, uid = tracking(maker, finding)
        descriptions.append(
            _description(
                number,
                f"Suspected heterotopic ossification {finding.id}",
                codes.MORPHOLOGICALLY_ABNORMAL,
                codes.LESION,
                maker,
                tracking=(identifier, uid),
                site=(Region(image.region), Side(finding.side)),
                colour=_HO_COLOUR_LAB,
                by=_outlined_by(maker, finding),
            )
        )
    masks = np.stack([mask for _, mask in kept], axis=-1).astype(np.uint8)
    return _segmentation(
        source, image, masks, descriptions, maker, "nodules", "HO_NODULES", "Suspected HO, one segment a nodule"
    )


def _outlined_by(maker: Maker, finding: FindingResult) -> SegmentAlgorithmTypeValues:
    if maker.observer is not None and finding.id in maker.observer.drawn:
        return SegmentAlgorithmTypeValues.MANUAL
    if maker.observer is not None and finding.id in maker.observer.reshaped:
        return SegmentAlgorithmTypeValues.SEMIAUTOMATIC
    return SegmentAlgorithmTypeValues.AUTOMATIC


def probability_segmentation(
    source: Dataset, image: ImageResult, probability: NDArray[np.float32], maker: Maker
) -> Segmentation | None:
    """Return the map of ectopic bone as a fractional segment, 255 is certain; ``None`` where it is zero throughout."""
    if not np.rint(probability * 255.0).any():
        return None
    description = _description(
        1,
        "Probability of heterotopic ossification",
        codes.MORPHOLOGICALLY_ABNORMAL,
        codes.LESION,
        maker,
        colour=_HO_COLOUR_LAB,
    )
    return _segmentation(
        source,
        image,
        np.clip(probability, 0.0, 1.0)[..., None].astype(np.float32),
        [description],
        maker,
        "probability",
        "HO_PROBABILITY",
        "Probability of HO, calibrated on simulated films",
        fractional=True,
    )


def anatomy_segmentation(
    source: Dataset, image: ImageResult, masks: Mapping[Structure, NDArray[np.bool_]], maker: Maker
) -> Segmentation | None:
    """Return the bones and implants the grade rests on, a binary segment each; ``None`` where there are none."""
    shown = [structure for structure in codes.STRUCTURES if structure in masks and masks[structure].any()]
    if not shown:
        return None
    descriptions = [
        _description(
            number,
            structure.value.replace("_", " ").capitalize(),
            *codes.STRUCTURES[structure],
            maker,
            colour=_anatomy_colour(structure, Region(image.region)),
        )
        for number, structure in enumerate(shown, start=1)
    ]
    stacked = np.stack([masks[structure] for structure in shown], axis=-1).astype(np.uint8)
    return _segmentation(source, image, stacked, descriptions, maker, "anatomy", "ANATOMY", "Bones and implants")


def _anatomy_colour(structure: Structure, region: Region) -> tuple[float, float, float]:
    outlined = plan_of(region).outlined
    if structure not in outlined:
        return _IMPLANT_COLOUR_LAB
    return _BONE_COLOURS_LAB[outlined.index(structure) % len(_BONE_COLOURS_LAB)]


def _description(
    number: int,
    label: str,
    category: CodedConcept,
    kind: CodedConcept,
    maker: Maker,
    *,
    tracking: tuple[str, str] | None = None,
    site: tuple[Region, Side] | None = None,
    colour: tuple[float, float, float],
    by: SegmentAlgorithmTypeValues = SegmentAlgorithmTypeValues.AUTOMATIC,
) -> SegmentDescription:
    identifier, uid = tracking if tracking is not None else (None, None)
    regions = None
    if site is not None and site[0] in codes.SITES:
        regions = [deepcopy(codes.SITES[site[0]])]  # its modifier is this segment's own
    made = SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type=by,
        # Of an outline that no program had a hand in there is none to name (PS3.3 C.8.20.4).
        algorithm_identification=None
        if by is SegmentAlgorithmTypeValues.MANUAL
        else AlgorithmIdentificationSequence(
            name=f"ho_imaging {maker.model.name}",
            family=codes.ALGORITHM_FAMILY,
            version=maker.model.version,
            source="ho_imaging",
            parameters=_parameters(maker.model),
        ),
        tracking_uid=uid,
        tracking_id=identifier,
        anatomic_regions=regions,
    )
    if site is not None and regions is not None and site[1] in codes.SIDES:
        made.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [codes.SIDES[site[1]]]
    made.RecommendedDisplayCIELabValue = _cielab(colour)
    return made


def _parameters(model: ModelResult) -> dict[str, str]:
    """Return what the algorithm was run with: the weights and, where there is one, the site file."""
    found = {"weights_sha256": model.sha256}
    if model.site is not None:
        found |= {"site_sha256": model.site.sha256, "site_threshold": f"{model.site.threshold:g}"}
    return found


def _cielab(lab: tuple[float, float, float]) -> list[int]:
    """Encode CIELab as PS3.3 C.10.7.1.1 does: L of 0 to 100 and a, b of -128 to 127 onto 0 to 65535."""
    return [round(lab[0] * 655.35), *(round((value + 128.0) * 257.0) for value in lab[1:])]


def _segmentation(
    source: Dataset,
    image: ImageResult,
    pixels: NDArray[np.generic],
    descriptions: Sequence[SegmentDescription],
    maker: Maker,
    kind: str,
    label: str,
    words: str,
    *,
    fractional: bool = False,
) -> Segmentation:
    made = Segmentation(
        source_images=[as_single_frame(source)],
        pixel_array=pixels[None],
        segmentation_type=SegmentationTypeValues.FRACTIONAL if fractional else SegmentationTypeValues.BINARY,
        fractional_type=SegmentationFractionalTypeValues.PROBABILITY if fractional else None,
        max_fractional_value=255,
        segment_descriptions=descriptions,
        series_instance_uid=maker.uid("series", "seg", kind, str(source.StudyInstanceUID)),
        series_number=SERIES_NUMBER,
        sop_instance_uid=maker.uid("seg", kind, str(source.SOPInstanceUID)),
        instance_number=1,
        content_label=label,
        content_description=words,
        content_creator_name="ho_imaging^" if maker.observer is None else maker.observer.name,
        series_description=series_words(_SERIES_WORDS[kind], maker),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        omit_empty_frames=True,
        **maker.equipment(),
    )
    restore_class(made, source)
    # Required of an image without a plane in the patient, and empty where the source does not say (PS3.3 C.7.6.1).
    made.PatientOrientation = source.get("PatientOrientation") or []
    _state_plane(made, image, source)
    take_over(made, source, maker)
    if fractional:
        compress_runs(made)  # bytes shrink a hundredfold; the bits of a binary frame cannot be run-length coded
    return made


def _state_plane(made: Segmentation, image: ImageResult, source: Dataset) -> None:
    """State spacing, axes and place of the frames, without which viewers do not open a segmentation.

    An addition to what the IOD asks of an image without a frame of reference (PS3.3 A.51.5), tried with OHIF 3.12 (axes
    and spacing) and with dcmqi 1.5, which 3D Slicer reads by (place). The axes are those that viewers give a film,
    which states none (what faces left and foot is in Patient Orientation). The place is that of every film, its first
    pixel at the origin. A projection has no thickness, and 1 mm stands for one. Without a believable spacing nothing is
    added.
    """
    if image.measured_spacing_mm is None:
        return
    measures, axes, place = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [DS(size_mm, auto_format=True) for size_mm in image.measured_spacing_mm]
    measures.SliceThickness = 1
    state_calibration(measures, image, source)
    axes.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    place.ImagePositionPatient = [0, 0, 0]
    (shared,) = made.SharedFunctionalGroupsSequence
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [axes]
    for frame in made.PerFrameFunctionalGroupsSequence:  # dcmqi does not look for it among the shared ones
        frame.PlanePositionSequence = [deepcopy(place)]
