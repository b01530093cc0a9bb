"""What a millimetre rests on (PS3.3 10.7)."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from ho_imaging.errors import TooLargeError, UsageError
from ho_imaging.reading import read_radiograph
from ho_imaging.reading.spacing import aspect_ratio, read_spacing
from ho_imaging.vocabulary import SpacingBasis

SHAPE = (2000, 1600)
GEOMETRY = {"PixelSpacing": [0.25, 0.25], "PixelSpacingCalibrationType": "GEOMETRY"}
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def factor(value):
    return {"EstimatedRadiographicMagnificationFactor": value}


def distances(detector, patient):
    return {
        "ImagerPixelSpacing": [0.3, 0.3], "DistanceSourceToDetector": detector, "DistanceSourceToPatient": patient,
    }  # fmt: skip


def spacing_of(**attributes):
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    spacing, flags = read_spacing(dataset, SHAPE)
    return spacing, {flag.code for flag in flags}


@pytest.mark.parametrize(
    ("attributes", "basis", "row_mm", "code"),
    [
        ({"PixelSpacing": [0.13, 0.13], "PixelSpacingCalibrationType": "FIDUCIAL"}, "calibrated", 0.13, None),
        ({"PixelSpacing": [0.12, 0.12], "ImagerPixelSpacing": [0.14, 0.14]}, "calibrated", 0.12, None),
        ({"PixelSpacing": [0.14, 0.14], "ImagerPixelSpacing": [0.14, 0.14]}, "detector", 0.14, "magnification_unknown"),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, "detector", 0.2, "magnification_unknown"),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": 1.25},
            "detector",
            0.16,
            None,
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "DistanceSourceToDetector": 1150, "DistanceSourceToPatient": 1000},
            "detector",
            0.2 / 1.15,
            None,
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": 7.0},
            "detector",
            0.2,
            "magnification_implausible",
        ),
        ({"NominalScannedPixelSpacing": [0.17, 0.17]}, "detector", 0.17, "magnification_unknown"),
        ({"PixelSpacing": [0.15, 0.15]}, "assumed", 0.15, "spacing_assumed"),
        ({"PixelSpacing": [1.0, 1.0], "ImagerPixelSpacing": [0.14, 0.14]}, "detector", 0.14, "spacing_implausible"),
        ({"PixelSpacing": [0.6, 0.6], "ImagerPixelSpacing": [0.14, 0.14]}, "assumed", 0.6, "spacing_contradictory"),
        ({}, "none", None, "spacing_missing"),
        ({"PixelSpacing": [0.0, 0.0]}, "none", None, "spacing_implausible"),
        ({"PixelSpacing": [-0.1, 0.1]}, "none", None, "spacing_implausible"),
        ({"PixelSpacing": [0.1]}, "none", None, "spacing_implausible"),
        ({"PixelSpacing": [0.001, 0.001]}, "none", None, "spacing_implausible"),
        ({"PixelSpacing": [1.5, 1.5]}, "none", None, "spacing_implausible"),  # a film of 3 m
        ({"PixelSpacing": [0.1, 0.3]}, "none", None, "spacing_implausible"),
        ({"PixelSpacing": [1.0, 1.0], "ConversionType": "WSD"}, "none", None, "spacing_implausible"),
        # A calibrated spacing differs from the detector's (PS3.3 10.7.1.1), by a believable magnification.
        ({**GEOMETRY, "ImagerPixelSpacing": [0.3, 0.3]}, "calibrated", 0.25, None),
        ({**GEOMETRY, "ImagerPixelSpacing": [0.25, 0.25]}, "calibrated", 0.25, "spacing_contradictory"),
        ({**GEOMETRY, "ImagerPixelSpacing": [0.1, 0.1]}, "assumed", 0.25, "spacing_contradictory"),
        ({**GEOMETRY, "ImagerPixelSpacing": [0.6, 0.6]}, "assumed", 0.25, "spacing_contradictory"),
        ({**GEOMETRY, "ImagerPixelSpacing": [0.3, 0.3], **factor(1.8)}, "calibrated", 0.25, "spacing_contradictory"),
        ({**GEOMETRY, "ImagerPixelSpacing": [0.3, 0.3], **factor(1.15)}, "calibrated", 0.25, None),
        (
            {"PixelSpacing": [0.3, 0.2], "ImagerPixelSpacing": [0.2, 0.3]},
            "assumed",
            0.3,
            "spacing_contradictory",
        ),
        (
            {"ImagerPixelSpacing": [0.3, 0.3], "NominalScannedPixelSpacing": [0.1, 0.1], **factor(1.0)},
            "detector",
            0.3,
            "spacing_contradictory",
        ),
        ({**distances(1000, 1150)}, "detector", 0.3, "magnification_implausible"),
        ({**distances(115, 1000)}, "detector", 0.3, "magnification_implausible"),
        ({**distances(11500, 1000)}, "detector", 0.3, "magnification_implausible"),
        ({**distances(-1150, -1000)}, "detector", 0.3, "magnification_implausible"),
        ({**distances(1150, 0)}, "detector", 0.3, "magnification_unknown"),
        # A factor of 1 is one that was never entered, as equal distances are.
        ({"ImagerPixelSpacing": [0.2, 0.2], **factor(1)}, "detector", 0.2, "magnification_unknown"),
        ({**distances(1000, 1000), **factor("1.000")}, "detector", 0.3, "magnification_unknown"),
        ({**distances(1000, 999), **factor("1.0000001")}, "detector", 0.3, "magnification_unknown"),
        ({**distances(1150, 1149.5), **factor("1.005")}, "detector", 0.3, "magnification_unknown"),
        ({**distances(1150, 1000), **factor("1.001")}, "detector", 0.3 / 1.15, None),
        ({"ImagerPixelSpacing": [0.2, 0.2], **factor("1.02")}, "detector", 0.2 / 1.02, None),
        ({**distances(1150, 1000), **factor(1.0)}, "detector", 0.3 / 1.15, None),
        ({**GEOMETRY, "ImagerPixelSpacing": [0.3, 0.3], **factor(1.0)}, "calibrated", 0.25, None),
        ({**distances(1500, 1000), **factor(1.1)}, "detector", 0.3 / 1.1, "magnification_implausible"),
        ({**distances(1150, 1000), **factor(1.1)}, "detector", 0.3 / 1.1, None),
        ({"PixelAspectRatio": ["2", "1"], "PixelSpacing": [0.3, 0.3]}, "assumed", 0.3, "aspect_ratio_invalid"),
        ({"PixelSpacing": [25.4 / 96, 25.4 / 96], "ConversionType": "WSD"}, "none", None, "spacing_implausible"),
        ({"PixelSpacing": [0.352778, 0.352778], "SOPClassUID": CAPTURE}, "none", None, "spacing_implausible"),
        ({"PixelSpacing": [0.3, 0.3], "SOPClassUID": CAPTURE}, "assumed", 0.3, "spacing_assumed"),
    ],
)
def test_spacing_and_its_basis(attributes, basis, row_mm, code):
    spacing, codes = spacing_of(**attributes)
    assert spacing.basis == basis
    assert spacing.row_mm == (None if row_mm is None else pytest.approx(row_mm))
    if code is None:
        assert not codes
    else:
        assert code in codes


def test_a_magnification_of_one_is_not_known():
    """Grades would take lengths at the detector for those in the patient."""
    assert spacing_of(ImagerPixelSpacing=[0.2, 0.2], **factor(1.0))[0].magnification is None


def test_rows_and_columns_are_not_swapped():
    spacing, _ = spacing_of(ImagerPixelSpacing=[0.1, 0.15], EstimatedRadiographicMagnificationFactor=1.0)
    assert (spacing.row_mm, spacing.column_mm) == (0.1, 0.15)


def test_the_callers_word_counts_and_is_assumed(make_film):
    radiograph = read_radiograph(make_film(), spacing_mm=(0.1, 0.2), region="hip", laterality="left")
    assert radiograph.spacing.basis is SpacingBasis.ASSUMED
    assert (radiograph.spacing.row_mm, radiograph.spacing.column_mm) == (0.1, 0.2)
    assert radiograph.spacing.source == radiograph.region.source == radiograph.laterality.source == "caller"
    with pytest.raises(UsageError):
        read_radiograph(make_film(), spacing_mm=(0.0, 0.2))


def test_the_callers_word_is_not_believed_in_another_unit(make_film):
    """143 micrometres given in metres or, with the decimal point lost, in hundredths."""
    for spacing in [(0.000143, 0.000143), (143.0, 143.0)]:
        with pytest.raises(UsageError, match="in mm"):
            read_radiograph(make_film(), spacing_mm=spacing)
    large = make_film(np.tile(np.arange(1200, dtype=np.uint16), (96, 1)))
    with pytest.raises(TooLargeError, match=r"1\.7 m long"):
        read_radiograph(large, spacing_mm=(0.143, 1.43))
    assert read_radiograph(large, spacing_mm=(1.43, 0.143)).spacing.row_mm == 1.43


def test_pixel_aspect_ratio_is_kept_where_believable():
    dataset = Dataset()
    assert aspect_ratio(dataset) == 1.0
    dataset.PixelAspectRatio = ["4", "3"]
    assert aspect_ratio(dataset) == pytest.approx(4 / 3)
    dataset.PixelAspectRatio = ["9", "1"]
    assert aspect_ratio(dataset) == 1.0


def test_a_placeholder_beside_the_detectors_pitch_is_no_calibration():
    dataset = Dataset()
    dataset.PixelSpacing, dataset.ImagerPixelSpacing = [1.0, 1.0], [0.2, 0.2]
    spacing, flags = read_spacing(dataset, (1000, 800))
    assert (spacing.basis, spacing.row_mm) == (SpacingBasis.DETECTOR, 0.2)
    assert "spacing_contradictory" in {flag.code for flag in flags}
