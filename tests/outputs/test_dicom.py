"""DICOM objects against the schematic hips, highdicom's reader, dciodvfy and dcmtk."""

import copy
import io
import itertools
import json
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from dicom_checks import file_errors
from highdicom.sr import CodedConcept
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from skimage.draw import polygon
from skimage.morphology import dilation, erosion

from ho_imaging import Analyzer, ReadError, UsageError
from ho_imaging.batch.work import Job, Settings, work
from ho_imaging.findings.outline import filled
from ho_imaging.messages import CATALOGUE
from ho_imaging.network import inference
from ho_imaging.outputs import to_dicom, to_fhir
from ho_imaging.outputs.dicom import codes, study_objects
from ho_imaging.outputs.dicom.headers import without_unsound
from ho_imaging.outputs.dicom.identity import Maker, stable_uid
from ho_imaging.outputs.dicom.presentation import presentation_state
from ho_imaging.reading import discover, read_radiograph
from ho_imaging.reading.classes import FILM_CLASSES
from ho_imaging.results.build import image_result
from ho_imaging.results.schema import ModelResult, SoftwareResult, StudyResult
from ho_imaging.severity.systems import grade_scales
from ho_imaging.vocabulary import SpacingBasis, Status, Structure

ROWS, COLUMNS = 700, 860
CR = "1.2.840.10008.5.1.4.1.1.1"
DX_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
DX_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SC = "1.2.840.10008.5.1.4.1.1.7"


def errors_of(item, path):
    item.save_as(path, enforce_file_format=True)
    return file_errors(path)


def make_source(sop_class=DX_PRESENTATION, *, name="Doe^Jane", charset=None, colour=False, **changes) -> Dataset:
    source = Dataset()
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if charset is not None:
        source.SpecificCharacterSet = charset
    source.SOPClassUID = source.file_meta.MediaStorageSOPClassUID = sop_class
    source.SOPInstanceUID = source.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(changes)])
    source.StudyInstanceUID, source.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
    source.Modality = {CR: "CR", SC: "OT"}.get(sop_class, "DX")
    source.PatientName, source.PatientID, source.IssuerOfPatientID = name, "P1", "Ward"
    source.PatientBirthDate, source.PatientSex = "19700101", "F"
    source.StudyDate, source.StudyTime, source.AccessionNumber, source.StudyID = "20240102", "1000", "A1", "S1"
    source.ReferringPhysicianName, source.StudyDescription = "", "Pelvis"
    source.BodyPartExamined, source.ViewPosition = "PELVIS", "AP"
    source.Rows, source.Columns, source.BitsAllocated, source.BitsStored, source.HighBit = ROWS, COLUMNS, 16, 12, 11
    source.SamplesPerPixel, source.PixelRepresentation, source.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    if sop_class in {DX_PRESENTATION, DX_PROCESSING}:
        processing = sop_class == DX_PROCESSING
        source.PresentationIntentType = "FOR PROCESSING" if processing else "FOR PRESENTATION"
        source.PixelIntensityRelationship, source.PixelIntensityRelationshipSign = "LOG", -1 if processing else 1
        source.RescaleIntercept, source.RescaleSlope, source.RescaleType = 0, 1, "US"
        source.PatientOrientation, source.ImageLaterality = ["L", "F"], "U"
        source.ImagerPixelSpacing = [0.5, 0.5]
    pixels = np.random.default_rng(0).integers(500, 3500, (ROWS, COLUMNS)).astype("<u2")
    if colour:
        source.SamplesPerPixel, source.PhotometricInterpretation, source.PlanarConfiguration = 3, "RGB", 0
        source.BitsAllocated = source.BitsStored = 8
        source.HighBit = 7
        pixels = np.repeat((pixels >> 4).astype("u1")[..., None], 3, axis=2)
    source.PixelData = pixels.tobytes()
    for keyword, value in changes.items():
        setattr(source, keyword, value)
    return source


@pytest.fixture
def analysed(fake_network):
    """Analyse sources with the schematic hips; ``ho`` of the fixture's state decides whether there is a nodule."""

    def analyse(*sources, **options):
        return Analyzer(region="pelvis", laterality="bilateral", view="ap", **options).analyze_films(list(sources))

    analyse.state = fake_network
    return analyse


def written(item: Dataset) -> Dataset:
    """Write to a file's bytes and read back with pydicom alone."""
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, item, enforce_file_format=True)
    return pydicom.dcmread(io.BytesIO(buffer.getvalue()))


def by_modality(made):
    found: dict[str, list[Dataset]] = {}
    for item in made:
        found.setdefault(item.Modality, []).append(written(item))
    return found


UNSOUND = {
    "PatientSex": b"X ", "PatientBirthDate": b"00000000", "StudyDate": b"2020", "StudyTime": b"99:99 ",
    "WindowCenter": b"a ", "PatientName": b"A\\B ", "ImagerPixelSpacing": b"0.2 ", "AccessionNumber": b"1\\2 ",
}  # fmt: skip


@pytest.mark.parametrize("keyword", [*UNSOUND, None])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_header_of_wrong_form_still_gives_objects(analysed, keyword):
    """What is wrong is left empty in them, and stays as it is in the source; all else is taken over."""
    wrong = {keyword: UNSOUND[keyword]} if keyword else UNSOUND
    source = make_source(WindowCenter=2000, WindowWidth=3000)
    for name, value in wrong.items():
        # As a file holds it: nobody has looked at the value yet.
        tag = tag_for_keyword(name)
        source[tag] = RawDataElement(BaseTag(tag), dictionary_VR(tag), len(value), value, 0, False, True)
    made = by_modality(to_dicom(analysed(source)))
    assert set(made) == {"SEG", "SR", "PR", "OT"}
    emptied = set(wrong) & {"PatientSex", "PatientBirthDate", "StudyDate", "StudyTime", "PatientName"}
    for item in itertools.chain(*made.values()):
        assert item.PatientID == "P1"
        assert not any(item.get(name) for name in emptied)
        assert "PatientName" in wrong or item.PatientName == "Doe^Jane"
    assert all(source.get_item(tag_for_keyword(name)).value for name in wrong if name != "WindowCenter")


TYPE_2 = [
    "StudyID", "AccessionNumber", "StudyTime", "StudyDate", "PatientSex", "PatientBirthDate", "PatientName",
    "PatientID", "ReferringPhysicianName",
]  # fmt: skip


def objects_of(analysis, changed):
    """Make the objects of a film whose header was changed after it was analysed."""
    problems = []
    made = study_objects(analysis.result, {changed.SOPInstanceUID: changed}, problems=problems)
    return made, [str(problem) for problem in problems]


def test_attributes_that_may_be_empty_may_be_missing(analysed, tmp_path):
    source = make_source()
    analysis = analysed(source)
    for absent in ([keyword] for keyword in TYPE_2):
        changed = copy.deepcopy(source)
        for keyword in absent:
            del changed[keyword]
        made, problems = objects_of(analysis, changed)
        assert [item.Modality for item in made] == ["SEG", "PR", "SR"], absent
        assert not problems
        for item in made:
            assert all(keyword in item and not item[keyword].value for keyword in absent)
        assert not errors_of(made[1], tmp_path / "state.dcm")
        assert not any(keyword in changed for keyword in absent)
    for keyword in TYPE_2:
        del source[keyword]
    made = to_dicom(analysis)
    assert [item.Modality for item in made] == ["SEG", "PR", "OT", "SR"]
    assert not [errors for n, item in enumerate(made) if (errors := errors_of(item, tmp_path / f"{n}.dcm"))]


LEFT_OUT = ["Modality", "BodyPartExamined", "ViewPosition", "PatientOrientation", "ImageLaterality", "RescaleType",
            "RescaleSlope", "RescaleIntercept", "ImagerPixelSpacing", "PhotometricInterpretation", "SamplesPerPixel",
            "PresentationIntentType", "BitsStored", "HighBit", "PixelRepresentation", "StudyDescription"]  # fmt: skip


def test_no_attribute_of_a_film_is_needed_for_its_objects(analysed):
    source = make_source()
    analysis = analysed(source)
    for keyword in LEFT_OUT:
        changed = copy.deepcopy(source)
        del changed[keyword]
        made, problems = objects_of(analysis, changed)
        assert [item.Modality for item in made] == ["SEG", "PR", "SR"], keyword
        assert not problems


def lut_item(bits, stated, *, as_words=False, first=0):
    item = Dataset()
    entries = (np.arange(4096) * ((1 << bits) - 1) // 4095).astype("<u2")
    item.add_new("LUTDescriptor", "US", [4096, first, stated])
    item.add_new("LUTData", *(("US", entries.tolist()) if as_words else ("OW", entries.tobytes())))
    return item


WINDOW = {"WindowCenter": 2000, "WindowWidth": 4000}
VIEWS = {
    "window": WINDOW,
    "window and table": {**WINDOW, "VOILUTSequence": lambda: [lut_item(12, 12)]},
    "empty sequence": {**WINDOW, "VOILUTSequence": list},
    "data as US": {"VOILUTSequence": lambda: [lut_item(12, 12, as_words=True)]},
    "two centers and one width": {"WindowCenter": [2000, 2100], "WindowWidth": 4000},
    "two windows": {"WindowCenter": [2000, 2100], "WindowWidth": [4000, 3000]},
    "width of zero": {"WindowCenter": 2000, "WindowWidth": 0},
    "unknown function": {**WINDOW, "VOILUTFunction": "CUBIC"},
    "sigmoid": {**WINDOW, "VOILUTFunction": "SIGMOID"},
    "center alone": {"WindowCenter": 2000},
    "broken table": {"VOILUTSequence": lambda: [Dataset()]},
    "two tables": {"VOILUTSequence": lambda: [lut_item(12, 12), lut_item(10, 10)]},
    "slope alone": {"RescaleSlope": 2},
    "modality table": {"ModalityLUTSequence": lambda: [lut_item(16, 16)]},
    "slope of zero": {"RescaleSlope": 0, "RescaleIntercept": 0},
    **{f"{bits} bits": {"VOILUTSequence": lambda bits=bits: [lut_item(bits, bits)]} for bits in (8, 10, 12, 14, 16)},
    **{f"{bits} of 16 bits": {"VOILUTSequence": lambda bits=bits: [lut_item(bits, 16)]} for bits in (8, 10, 12, 14)},
}  # fmt: skip


def grey(state, pixels):
    """Apply what a presentation state says, by the standard's formulae."""
    values = pixels.astype(np.float64)
    for item in state.get("ModalityLUTSequence", []):
        values = apply_table(item, values)[0]
    values = values * float(state.get("RescaleSlope", 1)) + float(state.get("RescaleIntercept", 0))
    for item in state.get("SoftcopyVOILUTSequence", []):
        if "VOILUTSequence" in item:
            values, bits = apply_table(item.VOILUTSequence[0], values)
            values = values / ((1 << bits) - 1)
        else:
            center, width = (float(np.atleast_1d(item[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
            if item.VOILUTFunction == "SIGMOID":
                values = 1 / (1 + np.exp(-4 * (values - center) / width))
            else:
                values = np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    return values


def apply_table(item, values):
    count, first, bits = item.LUTDescriptor
    entries = np.frombuffer(item.LUTData, "<u2").astype(np.float64)
    assert len(entries) == (count or 65536)
    return entries[np.clip(values - first, 0, len(entries) - 1).astype(int)], bits


def state_of(source):
    """Make the presentation state of a film without findings, and read the film."""
    read = read_radiograph(source)
    image = image_result(read, status=Status.DONE)
    maker = Maker(
        ModelResult(name="test", version="1", sha256="a" * 64), SoftwareResult(name="ho_imaging", version="1"),
        datetime(2026, 1, 1),
    )  # fmt: skip
    return presentation_state(without_unsound(source)[0], image, [], [], maker), read.pixels


@pytest.mark.parametrize("changes", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_presentation_state_shows_the_film_as_it_was_read(changes, photometric, tmp_path):
    source = make_source(CR, ImagerPixelSpacing=[0.5, 0.5], PhotometricInterpretation=photometric)
    for keyword, value in changes.items():
        setattr(source, keyword, value() if callable(value) else value)
    state, read = state_of(source)
    assert not errors_of(state, tmp_path / "state.dcm")
    assert state.PresentationLUTShape == ("INVERSE" if photometric == "MONOCHROME1" else "IDENTITY")
    shown = grey(written(state), source.pixel_array)
    if "SoftcopyVOILUTSequence" not in state:  # all values: the range is the viewer's
        shown = (shown - shown.min()) / np.ptp(shown)
    shown = 1.0 - shown if photometric == "MONOCHROME1" else shown
    np.testing.assert_allclose(read, shown, atol=1e-4)


@pytest.mark.parametrize(
    ("photometric", "shape", "stated"),
    [("MONOCHROME1", "IDENTITY", "IDENTITY"), ("MONOCHROME2", "INVERSE", "INVERSE"), ("MONOCHROME1", "x", "INVERSE")],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_states_polarity_is_the_one_that_was_read(photometric, shape, stated):
    source = make_source(PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    assert state_of(source)[0].PresentationLUTShape == stated


@pytest.mark.parametrize("slope", [1, -1])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_raw_film_is_stated_with_the_polarity_it_was_read_with(sign, slope):
    """Its window and its photometric interpretation say nothing of it."""
    source = make_source(
        PresentationIntentType="FOR PROCESSING", PixelIntensityRelationship="LOG", PixelIntensityRelationshipSign=sign,
        RescaleSlope=slope, RescaleIntercept=0, **WINDOW,
    )  # fmt: skip
    state, read = state_of(source)
    assert "SoftcopyVOILUTSequence" not in state
    shown = grey(written(state), source.pixel_array)
    shown = (shown - shown.min()) / np.ptp(shown)
    np.testing.assert_allclose(read, 1.0 - shown if state.PresentationLUTShape == "INVERSE" else shown, atol=1e-4)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_greys_stated_in_functional_groups_are_stated_again():
    source = make_source()
    window, transformation, groups = Dataset(), Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = 4000, 8000
    transformation.RescaleSlope, transformation.RescaleIntercept = 2, 0
    groups.FrameVOILUTSequence, groups.PixelValueTransformationSequence = [window], [transformation]
    for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
        source.pop(keyword, None)
    source.SharedFunctionalGroupsSequence = [groups]
    state, read = state_of(source)
    np.testing.assert_allclose(read, grey(written(state), source.pixel_array), atol=1e-4)
    assert "SoftcopyVOILUTSequence" in state


def test_a_window_that_hides_the_film_is_not_stated_again():
    assert "SoftcopyVOILUTSequence" not in state_of(make_source(WindowCenter=600, WindowWidth=100))[0]


def test_an_object_that_fails_costs_no_other_and_is_said_in_the_result(analysed, monkeypatch, tmp_path):
    def fail(*_arguments):
        raise ValueError("Doe^Jane")

    monkeypatch.setattr("ho_imaging.outputs.dicom.objects.presentation_state", fail)
    make_source(PatientSex="X").save_as(tmp_path / "film.dcm", enforce_file_format=True)
    monkeypatch.setattr("ho_imaging.batch.work._analyzer", lambda _: Analyzer(region="pelvis", view="ap"))
    (study,) = discover([tmp_path / "film.dcm"]).studies
    outcome = work(Job(study, str(tmp_path / "out"), Settings(outputs=("dicom",)), None, ""))
    assert outcome.status == "done"
    (folder,) = (tmp_path / "out" / "studies").iterdir()
    assert sorted(path.name.partition("-")[0] for path in (folder / "dicom").iterdir()) == ["ot", "seg", "sr"]
    warnings = [str(warning) for warning in StudyResult.from_json((folder / "result.json").read_bytes()).warnings]
    assert any("presentation state" in text and "ValueError" in text for text in warnings)
    assert any("PatientSex" in text for text in warnings)
    assert not any("Doe" in text for text in warnings)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_a_film_without_uids_of_its_own_says_why_it_gives_no_objects(analysed, keyword):
    source = make_source()
    del source[keyword]
    with pytest.raises(UsageError, match=keyword):
        to_dicom(analysed(source))


SOURCES = {
    "dx for presentation": {},
    "dx for processing": {"sop_class": DX_PROCESSING},
    "dx, inverse": {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    "dx with a window": {"WindowCenter": 2000, "WindowWidth": 3000},
    "cr with spacing": {"sop_class": CR, "PixelSpacing": [0.5, 0.5]},
    "cr with nothing": {"sop_class": CR},
    "cr with a frame of reference": {
        "sop_class": CR, "FrameOfReferenceUID": "1.2.3.9", "PositionReferenceIndicator": "",
        "PixelSpacing": [0.5, 0.5],
    },
    "cr of one side": {"sop_class": CR, "Laterality": "L", "PixelSpacing": [0.5, 0.5]},
    "cr, inverse": {"sop_class": CR, "PhotometricInterpretation": "MONOCHROME1", "PixelSpacing": [0.5, 0.5]},
    "dx for processing, inverse": {"sop_class": DX_PROCESSING, "PhotometricInterpretation": "MONOCHROME1"},
    "dx of one side, calibrated": {"ImageLaterality": "R", "PixelSpacing": [0.4, 0.4],
                                   "PixelSpacingCalibrationType": "FIDUCIAL",
                                   "PixelSpacingCalibrationDescription": "ball"},
    "sc": {"sop_class": SC, "ConversionType": "DF"},
    "sc with spacing": {"sop_class": SC, "ConversionType": "DF", "NominalScannedPixelSpacing": [0.5, 0.5]},
    "sc in colour": {"sop_class": SC, "ConversionType": "DF", "colour": True},
}  # fmt: skip


@pytest.mark.parametrize("changes", SOURCES.values(), ids=SOURCES)
def test_every_object_is_valid_and_belongs_to_its_patient_and_study(analysed, changes, tmp_path):
    source = make_source(**changes)
    analysis = analysed(source)
    assert analysis.result.status == "done"
    made = to_dicom(analysis, probability=True, anatomy=True)
    kinds = [item.Modality for item in made]
    expected = ["SEG", "SEG", "SEG", "PR", "OT", "SR"]
    if changes.get("colour"):
        expected.remove("PR")  # a grayscale presentation cannot carry a colour film
    assert kinds == expected
    for number, item in enumerate(made):
        path = tmp_path / f"{number}.dcm"
        item.save_as(path, enforce_file_format=True)
        checked = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        errors = [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("Error")]
        assert not errors, (item.Modality, errors)
        back = pydicom.dcmread(path)
        for keyword in (
            "PatientName",
            "PatientID",
            "IssuerOfPatientID",
            "StudyInstanceUID",
            "AccessionNumber",
            "StudyDate",
        ):
            assert back.get(keyword) == source.get(keyword), keyword
        assert back.SeriesInstanceUID != source.SeriesInstanceUID
        if "FrameOfReferenceUID" not in source:
            assert "FrameOfReferenceUID" not in back
    assert len({item.SOPInstanceUID for item in made}) == len(made)


def test_the_segmentation_lies_on_the_films_own_grid_where_the_nodule_is(analysed):
    source = make_source(PixelSpacing=[0.5, 0.5])
    analysis = analysed(source)
    segmentation = hd.seg.Segmentation.from_dataset(written(to_dicom(analysis)[0]))
    assert (segmentation.Rows, segmentation.Columns, segmentation.number_of_segments) == (ROWS, COLUMNS, 1)
    frame = segmentation.pixel_array.astype(bool).reshape(ROWS, COLUMNS)
    rows, columns = np.indices(frame.shape)
    # The schematic nodule covers 42 to 48 % of the height and 5 to 11 % of the width.
    truth = (np.abs((rows + 0.5) / ROWS - 0.45) < 0.03) & (np.abs((columns + 0.5) / COLUMNS - 0.08) < 0.03)
    assert 2 * (frame & truth).sum() / (frame.sum() + truth.sum()) > 0.93
    (item,) = (
        segmentation.SharedFunctionalGroupsSequence
        if "DerivationImageSequence" in (segmentation.SharedFunctionalGroupsSequence[0])
        else segmentation.PerFrameFunctionalGroupsSequence
    )
    referenced = item.DerivationImageSequence[0].SourceImageSequence[0]
    assert referenced.ReferencedSOPInstanceUID == source.SOPInstanceUID
    segment = segmentation.SegmentSequence[0]
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeMeaning == "Right"


def test_the_probability_comes_back_as_it_was(analysed):
    analysis = analysed(make_source(PixelSpacing=[0.5, 0.5]))
    fractional = hd.seg.Segmentation.from_dataset(written(to_dicom(analysis, probability=True)[1]))
    assert fractional.SegmentationType == "FRACTIONAL"
    assert fractional.pixel_array.max() == pytest.approx(0.9 * 255, abs=1)
    assert fractional.pixel_array.reshape(ROWS, COLUMNS)[round(0.45 * ROWS), round(0.08 * COLUMNS)] == round(0.9 * 255)


def test_the_report_states_every_measure_and_what_it_rests_on(analysed):
    source = make_source(PixelSpacing=[0.5, 0.5])
    analysis = analysed(source)
    (finding,) = analysis.result.findings
    report = hd.sr.ComprehensiveSR.from_dataset(by_modality(to_dicom(analysis))["SR"][0])
    (group,) = report.content.get_planar_roi_measurement_groups()
    values = {measure.name.meaning: (measure.value, measure.unit.value) for measure in group.get_measurements()}
    assert values["Area"] == (pytest.approx(finding.area_mm2), "mm2")
    assert values["Long axis"] == (pytest.approx(finding.long_axis_mm), "mm")
    assert values["Certainty of Finding"] == (pytest.approx(100 * finding.confidence, abs=0.1), "%")
    c, r = group.roi.value.T
    shoelace = 0.5 * abs(np.dot(c[:-1], r[1:]) - np.dot(r[:-1], c[1:]))
    assert shoelace == pytest.approx(finding.area_px, rel=0.01)
    # Pixel (row, column) covers [column, column + 1] x [row, row + 1] here: the nodule's centre moves by one half.
    assert c.mean() == pytest.approx(0.08 * COLUMNS, abs=2.0)
    assert r.mean() == pytest.approx(0.45 * ROWS, abs=2.0)
    sides = report.content.get_image_measurement_groups()
    grades = {}
    for side in sides:
        words = {word.name.meaning: word.value.meaning for word in side.get_qualitative_evaluations()}
        grades[side.finding_sites[0].laterality.meaning] = words
    assert grades["Right"]["Brooker class"] == f"Brooker class {analysis.result.severity.sides[0].grade}"
    assert grades["Left"]["Severity"] == "None"
    assert (report.CompletionFlag, report.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert [scheme.CodingSchemeDesignator for scheme in report.CodingSchemeIdentificationSequence] == ["99HOIMG"]
    assert any("a" * 64 in str(element.value) for element in report.iterall() if element.keyword == "TextValue")


def test_without_millimetres_the_report_is_in_pixels(analysed):
    source = make_source(CR)
    analysis = analysed(source)
    result = analysis.result.model_copy(
        update={"findings": tuple(f.model_copy(update={"area_mm2": None, "long_axis_mm": None, "short_axis_mm": None})
                                  for f in analysis.result.findings)}
    )  # fmt: skip
    report = hd.sr.ComprehensiveSR.from_dataset(by_modality(to_dicom(result, [source]))["SR"][0])
    (group,) = report.content.get_planar_roi_measurement_groups()
    units = {measure.name.meaning: measure.unit.value for measure in group.get_measurements()}
    assert units["Area"] == units["Long axis"] == "{pixels}"


def test_without_a_nodule_there_is_no_segmentation_and_the_report_says_so(analysed):
    analysed.state.ho = False
    made = by_modality(to_dicom(analysed(make_source(PixelSpacing=[0.5, 0.5])), probability=True))
    assert "SEG" not in made
    report = hd.sr.ComprehensiveSR.from_dataset(made["SR"][0])
    assert not report.content.get_planar_roi_measurement_groups()
    assert "Brooker class 0" in str(report)


def test_annotations_stand_on_the_film_and_say_the_grade(analysed):
    source = make_source(PixelSpacing=[0.5, 0.5])
    state = by_modality(to_dicom(analysed(source)))["PR"][0]
    (image,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
    assert image.ReferencedSOPInstanceUID == source.SOPInstanceUID
    texts = [
        text.UnformattedTextValue
        for item in state.GraphicAnnotationSequence
        for text in item.get("TextObjectSequence", [])
    ]
    assert any(text.startswith("Right: brooker I") for text in texts)
    assert "Research use only" in texts
    lines = [line for item in state.GraphicAnnotationSequence for line in item.get("GraphicObjectSequence", [])]
    outline = np.array(lines[0].GraphicData).reshape(-1, 2)
    assert outline[:, 0].min() == pytest.approx(0.05 * COLUMNS, abs=2)
    assert outline[:, 1].max() == pytest.approx(0.48 * ROWS, abs=2)
    assert tuple(outline[0]) == tuple(outline[-1])


def test_the_picture_is_marked_as_derived_and_burned_in(analysed):
    source = make_source(PixelSpacing=[0.5, 0.5])
    picture = by_modality(to_dicom(analysed(source)))["OT"][0]
    assert list(picture.ImageType[:2]) == ["DERIVED", "SECONDARY"]
    assert picture.BurnedInAnnotation == "YES"
    assert picture.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert picture.pixel_array.shape == (picture.Rows, picture.Columns, 3)


def test_the_same_film_and_model_give_the_same_objects(analysed, monkeypatch):
    source = make_source(PixelSpacing=[0.5, 0.5])
    analysis = analysed(source)
    first, again = to_dicom(analysis), to_dicom(analysed(source))
    assert [i.SOPInstanceUID for i in first] == [i.SOPInstanceUID for i in again]
    assert {i.SOPInstanceUID for i in to_dicom(analysis.result, [source])} == {i.SOPInstanceUID for i in first}
    other = analysis.result.model_copy(update={"model": analysis.result.model.model_copy(update={"sha256": "b" * 64})})
    assert not {i.SOPInstanceUID for i in to_dicom(other, [source])} & {i.SOPInstanceUID for i in first}


def told(item):
    """What a written object tells, as others would compare it: all but its own name, its number and the clock's."""
    own = {"SOPInstanceUID", "SeriesInstanceUID", "DimensionOrganizationUID", "SeriesDescription"}
    back = written(item)
    assert back.file_meta.MediaStorageSOPInstanceUID == back.SOPInstanceUID
    found = []
    for element in back.iterall():
        clock = element.keyword.endswith(("Date", "Time", "DateTime", "OfSecondaryCapture"))
        if not clock and element.keyword not in own and element.VR != "SQ":
            found.append((str(element.tag), str(element.value)))
    return found


def by_film(made):
    """Objects by kind, and by the film they are of where they are of one."""
    found = {}
    for item in made:
        films = {str(e.value) for e in item.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        film = "" if item.Modality == "SR" else films.pop()
        found[f"{item.Modality} {item.get('ContentLabel', '')}".strip(), film] = item
    return found


@pytest.mark.parametrize("comes", ["after", "before"])
def test_a_late_film_gives_other_names_to_what_tells_something_else_and_to_nothing_else(analysed, comes):
    first = make_source(PixelSpacing=[0.5, 0.5], InstanceNumber=2)
    late = make_source(CR, PixelSpacing=[0.25, 0.25], InstanceNumber=3 if comes == "after" else 1)
    films = [first, late] if comes == "after" else [late, first]
    before = by_film(to_dicom(analysed(first), probability=True, anatomy=True))
    later = by_film(to_dicom(analysed(*films), probability=True, anatomy=True))
    assert before.keys() < later.keys()
    renamed = {kind for (kind, film), item in before.items() if item.SOPInstanceUID != later[kind, film].SOPInstanceUID}
    for place, item in before.items():
        assert (told(item) == told(later[place])) == (place[0] not in renamed), place
        is_same = item.SOPInstanceUID == later[place].SOPInstanceUID
        assert (item.SeriesInstanceUID == later[place].SeriesInstanceUID) == is_same, place
    # Each side is graded on one film, so the picture lists another film's grade; a film before it renumbers nodules.
    assert {"SR", "OT"} <= renamed
    assert ("SEG HO_NODULES" in renamed) == (comes == "before")
    assert not renamed & {"SEG HO_PROBABILITY", "SEG ANATOMY"}


def test_a_corrected_side_is_told_under_other_names(fake_network):
    source = make_source(CR, PixelSpacing=[0.5, 0.5])
    left, right = (
        by_film(to_dicom(Analyzer(region="hip", laterality=side, view="ap").analyze_films([source])))
        for side in ("left", "right")
    )
    assert left.keys() == right.keys()
    assert {kind for kind, _ in left} == {"SEG HO_NODULES", "PR HO_FINDINGS", "OT", "SR"}
    for place, item in left.items():
        assert item.SOPInstanceUID != right[place].SOPInstanceUID, place


def test_neither_the_hour_nor_the_place_nor_a_corrected_name_is_in_an_objects_name(analysed, tmp_path):
    from ho_imaging.outputs.dicom import FilmPictures, study_objects  # noqa: PLC0415

    source = make_source(PixelSpacing=[0.5, 0.5])
    uid = str(source.SOPInstanceUID)
    results = [analysed(source).result]
    for name in ("a", "elsewhere"):
        place = tmp_path / name / "film.dcm"
        place.parent.mkdir()
        source.save_as(place, enforce_file_format=True)
        results.append(analysed(place).result)
    assert len({result.images[0].path for result in results}) == 3
    corrected = copy.deepcopy(source)
    corrected.SpecificCharacterSet = "ISO_IR 100"
    corrected.PatientName, corrected.PatientID, corrected.AccessionNumber = "Müller^Åse", "P2", "A2"
    pictures = {uid: FilmPictures(np.full((ROWS, COLUMNS), 0.5, np.float32), {}, np.zeros((40, 50, 3), np.uint8))}
    made = [
        study_objects(result, {uid: film}, pictures, created=datetime(2025, 3, number, number))
        for number, (result, film) in enumerate(zip([*results, results[0]], [source] * 3 + [corrected], strict=True), 1)
    ]
    assert [item.Modality for item in made[-1]] == ["SEG", "SEG", "PR", "OT", "SR"]
    assert {str(item.PatientName) for item in made[-1]} == {"Müller^Åse"}
    assert {tuple(item.SOPInstanceUID for item in objects) for objects in made} == {
        tuple(item.SOPInstanceUID for item in made[0])
    }
    assert len({item.InstanceCreationDate for objects in made for item in objects}) == 4


NAMES = {
    "german": ("ISO_IR 100", "Müller^Jürgen"),
    "cyrillic": ("ISO_IR 144", "Люкceмбypг^Анна"),
    "japanese": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "utf8": ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
}


@pytest.mark.parametrize(("charset", "name"), NAMES.values(), ids=NAMES)
def test_names_keep_their_characters(analysed, charset, name, tmp_path):
    source = written(make_source(charset=charset, name=name, PixelSpacing=[0.5, 0.5]))
    assert str(source.PatientName) == name
    for number, item in enumerate(to_dicom(analysed(source))):
        path = tmp_path / f"{number}.dcm"
        item.save_as(path, enforce_file_format=True)
        back = pydicom.dcmread(path)
        assert str(back.PatientName) == name, item.Modality
        assert back.SpecificCharacterSet == source.SpecificCharacterSet
        if shutil.which("dcmdump") and charset != NAMES["japanese"][0]:  # its iconv lacks ISO 2022
            dumped = subprocess.run(
                ["dcmdump", "+U8", "+P", "PatientName", str(path)], capture_output=True, text=True, check=True
            ).stdout
            assert name in dumped


def test_a_study_that_was_not_analysed_gives_no_objects(fake_network):
    analysis = Analyzer(region="chest").analyze_films([make_source()])
    assert analysis.result.status == "refused"
    assert to_dicom(analysis) == []


def test_objects_are_not_made_of_another_film_that_lies_under_the_old_name_now(analysed, tmp_path):
    """Of the same study and size: its outlines would lie on that film."""
    source = make_source()
    pydicom.dcmwrite(tmp_path / "IM1", source, enforce_file_format=True)
    result = analysed(tmp_path / "IM1").result
    assert to_dicom(result)
    source.SOPInstanceUID = source.file_meta.MediaStorageSOPInstanceUID = f"{source.SOPInstanceUID}.9"
    pydicom.dcmwrite(tmp_path / "IM1", source, enforce_file_format=True)
    with pytest.raises(ReadError, match=r"IM1: is another film than the result's"):
        to_dicom(result)


def test_what_nothing_can_refer_to_is_said(analysed, tmp_path):
    from PIL import Image  # noqa: PLC0415

    Image.fromarray(np.zeros((300, 400), np.uint8)).save(tmp_path / "film.png")
    result = analysed(tmp_path / "film.png").result
    with pytest.raises(UsageError, match=r"film\.png: is no DICOM object"):
        to_dicom(result)
    source = make_source(PixelSpacing=[0.5, 0.5])
    in_memory = analysed(source).result
    with pytest.raises(UsageError, match="analysed from memory"):
        to_dicom(in_memory)
    with pytest.raises(UsageError, match="is missing"):
        to_dicom(in_memory, [make_source(CR)])
    source.NumberOfFrames = 2
    with pytest.raises(UsageError, match="several frames"):
        to_dicom(in_memory, [source])


def test_outlines_are_filled_with_their_holes():
    square = [(9.5, 9.5), (9.5, 29.5), (29.5, 29.5), (29.5, 9.5)]
    hole = [(14.5, 14.5), (14.5, 19.5), (19.5, 19.5), (19.5, 14.5)]
    mask = filled([square, hole], (40, 40))
    assert mask.sum() == 20 * 20 - 5 * 5
    assert not mask[15:20, 15:20].any()


@pytest.fixture
def two_nodules(analysed, monkeypatch):
    """The schematic hips with a second nodule on the other side."""
    drawn = inference.predict

    def predict(model, prepared):
        prediction = drawn(model, prepared)
        bone = prediction.probabilities[Structure.HO]
        rows, columns = np.indices(bone.shape) / np.array(bone.shape)[:, None, None]
        bone[(np.abs(rows - 0.5) < 0.04) & (np.abs(columns - 0.9) < 0.04)] = 0.9
        return prediction

    monkeypatch.setattr(inference, "predict", predict)
    return analysed


def tracked(made, source):
    """Tracking UIDs of a film's segments, by which half of the film each lies on; its report's by the same."""
    (seg,) = (
        hd.seg.Segmentation.from_dataset(item) for item in by_modality(made)["SEG"]
        if item.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID
        == source.SOPInstanceUID
    )  # fmt: skip
    found = {}
    for number in seg.segment_numbers:
        pixels = seg.get_pixels_by_source_instance([source.SOPInstanceUID], segment_numbers=[number])
        half = "left" if np.nonzero(pixels[0, ..., 0])[1].mean() < COLUMNS / 2 else "right"
        found[half] = str(seg.get_segment_description(number).tracking_uid)
    report = hd.sr.ComprehensiveSR.from_dataset(by_modality(made)["SR"][0])
    told = {
        "left" if group.roi.value[:, 0].mean() < COLUMNS / 2 else "right": str(group.tracking_uid)
        for group in report.content.get_planar_roi_measurement_groups()
        if source.SOPInstanceUID in str(group)
    }
    assert told == found
    return found


def test_a_nodule_keeps_its_tracking_uid_when_a_film_that_sorts_first_is_added(two_nodules):
    """The second nodule has the number then that the first one had."""
    first, late = make_source(PixelSpacing=[0.5, 0.5]), make_source(PixelSpacing=[0.5, 0.5], InstanceNumber=7)
    alone, both = two_nodules(first), two_nodules(late, first)
    numbers = [finding.id for finding in both.result.findings if finding.sop_instance_uid == first.SOPInstanceUID]
    assert [finding.id for finding in alone.result.findings] != numbers
    before, after, others = (
        tracked(to_dicom(alone), first), tracked(to_dicom(both), first), tracked(to_dicom(both), late),
    )  # fmt: skip
    assert before == after
    assert len({*after.values(), *others.values()}) == 4
    assert tracked(to_dicom(both.result, [first, late]), first) == before


def test_identifiers_are_valid_and_told_apart():
    made = {stable_uid("a", "b"), stable_uid("ab"), stable_uid("a", "b"), stable_uid("b", "a")}
    assert len(made) == 3
    assert all(uid.is_valid and len(uid) <= 64 for uid in made)


def test_creation_time_is_the_callers_where_given(analysed):
    from ho_imaging.outputs.dicom import study_objects  # noqa: PLC0415

    source = make_source(PixelSpacing=[0.5, 0.5])
    result = analysed(source).result
    when = datetime(2025, 3, 4, 5, 6, 7)
    first, again = (
        [written(i) for i in study_objects(result, {str(source.SOPInstanceUID): source}, created=when)]
        for _ in range(2)
    )
    assert [str(item).splitlines() for item in first] == [str(item).splitlines() for item in again]
    assert {item.InstanceCreationDate for item in first} == {"20250304"}


def test_our_own_picture_is_not_read_as_a_film(analysed):
    picture = written(to_dicom(analysed(make_source(PixelSpacing=[0.5, 0.5])))[2])
    assert picture.Modality == "OT"
    again = analysed(picture).result
    assert again.status == "refused"
    assert "result of this program" in str(again.images[0].reason)


def codes_in(dataset):
    """Every code of a data set as (scheme, value)."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                if "CodeMeaning" in item:
                    yield item.CodingSchemeDesignator, item.get("LongCodeValue") or item.CodeValue
                yield from codes_in(item)


def documented_codes():
    """The tables of docs/conformance.md: those with a standard's code, and the private ones."""
    text = (Path(__file__).parents[2] / "docs/conformance.md").read_text().split("## Codes")[1]
    standard, private = set(), set()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[1] != "code" and "---" not in cells[0]:
            scheme = ""
            for part in re.split(r"[;,]\s*", cells[1]):
                words = part.split()
                if words[0] in {"SCT", "DCM", "UCUM", "RFC5646", "LN"}:
                    scheme, words = words[0], words[1:]
                standard.add((scheme, words[0]))
            assert cells[2], line  # where it is from
        elif len(cells) == 2 and cells[0] != "code" and "---" not in cells[0]:
            private |= {("99HOIMG", part) for part in re.split(r",\s*", cells[0])}
    return standard, private


def test_every_code_is_documented_with_its_source(analysed):
    standard, private = documented_codes()
    listed = set()
    for name in vars(codes):
        found = getattr(codes, name)
        for value in found.values() if isinstance(found, dict) else [found]:
            for item in value if isinstance(value, tuple) else [value]:
                if isinstance(item, CodedConcept):
                    listed.add((item.scheme_designator, item.value))
    systems = {scale.code for scale in grade_scales()}
    listed |= {("99HOIMG", system) for system in systems}
    assert listed <= standard | private
    assert private <= listed
    made = to_dicom(analysed(make_source(PixelSpacing=[0.5, 0.5])), probability=True, anatomy=True)
    used = {code for item in made for code in codes_in(item)}
    messages = {code for code in used if code[0] == "99HOIMG" and code[1] in CATALOGUE}
    assert messages
    used -= messages
    grades = {code for code in used if code[0] == "99HOIMG" and code[1].split("-")[0] in systems}
    assert used - grades <= standard | private


def dcmtk(name, *arguments):
    program = next((p for folder in ("/usr/bin", "/usr/local/bin") if (p := shutil.which(name, path=folder))), None)
    if program is None:
        pytest.skip(f"{name} is not installed (Debian: dcmtk)")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["dx for presentation", "dx, inverse", "cr with nothing"])
def test_dcmtk_reads_every_object_without_a_word(analysed, name, tmp_path):
    source = make_source(**SOURCES[name])
    source.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    for number, item in enumerate(to_dicom(analysed(source), probability=True, anatomy=True)):
        path = tmp_path / f"{number}.dcm"
        item.save_as(path, enforce_file_format=True)
        dumped = dcmtk("dcmdump", "-q", path)
        assert (dumped.returncode, dumped.stderr) == (0, "")
        if item.file_meta.TransferSyntaxUID.is_compressed:  # which its JSON cannot hold
            assert dcmtk("dcmdrle", path, path).returncode == 0
        asjson = dcmtk("dcm2json", path)
        assert (asjson.returncode, asjson.stderr) == (0, ""), item.Modality
        assert json.loads(asjson.stdout)["00080018"]["Value"] == [item.SOPInstanceUID]
        if item.Modality == "SR":
            report = dcmtk("dsrdump", path)
            assert (report.returncode, report.stderr) == (0, "")
            assert '"Brooker class' in report.stdout
        if item.Modality == "PR":
            checked = dcmtk("dcmpschk", path)
            assert "Test passed" in checked.stdout + checked.stderr
            assert not [line for line in checked.stderr.splitlines() if line.startswith(("E:", "F:"))]
            # The film looks as it does without the presentation state: not inverted, not windowed otherwise.
            shown = []
            for options in (["-p", path], []):
                made = dcmtk("dcmp2pgm", *options, tmp_path / "film.dcm", tmp_path / "shown.pgm")
                assert made.returncode == 0, made.stderr
                shown.append((tmp_path / "shown.pgm").read_bytes()[-ROWS * COLUMNS :])
            with_state, without = shown
            assert with_state == without


def test_two_views_of_one_study_keep_apart(analysed, tmp_path):
    films = [
        make_source(PixelSpacing=[0.5, 0.5], InstanceNumber=1),
        make_source(CR, PixelSpacing=[0.25, 0.25], InstanceNumber=2, PhotometricInterpretation="MONOCHROME1"),
    ]
    made = to_dicom(analysed(*films), probability=True, anatomy=True)
    assert [item.Modality for item in made] == ["SEG", "SEG", "SEG", "PR", "OT"] * 2 + ["SR"]
    for number, item in enumerate(made):
        path = tmp_path / f"{number}.dcm"
        item.save_as(path, enforce_file_format=True)
        checked = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        assert not [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("Error")]
        referred = {str(e.value) for e in item.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
        film = films[number // 5] if item.Modality != "SR" else None
        expected = {f.SOPInstanceUID for f in [*films, *made[:-1]]} if film is None else {film.SOPInstanceUID}
        assert referred == expected, item.Modality
    assert len({str(item.SeriesInstanceUID) for item in made}) == len(made)
    assert {int(item.InstanceNumber) for item in made} == {1}


def test_every_group_of_the_report_lies_on_its_film(analysed):
    """OHIF fails on a report with a group that has no place."""
    source = make_source(PixelSpacing=[0.5, 0.5])
    report = by_modality(to_dicom(analysed(source)))["SR"][0]
    measured = next(c for c in report.ContentSequence if c.ConceptNameCodeSequence[0].CodeValue == "126010")
    groups = measured.ContentSequence
    assert len(groups) == 3  # a nodule, two sides
    for group in groups:
        places = [e for e in group.iterall() if e.keyword == "GraphicData"]
        assert places
        columns, rows = np.array(places[0].value)[0::2], np.array(places[0].value)[1::2]
        assert 0 <= columns.min() <= columns.max() <= COLUMNS
        assert 0 <= rows.min() <= rows.max() <= ROWS


def test_frames_state_the_spacing_they_were_measured_with(analysed):
    source = make_source(PixelSpacing=[0.4, 0.4], PixelSpacingCalibrationType="FIDUCIAL",
                         PixelSpacingCalibrationDescription="ball")  # fmt: skip
    analysis = analysed(source)
    shared = written(to_dicom(analysis)[0]).SharedFunctionalGroupsSequence[0]
    assert list(shared.PixelMeasuresSequence[0].PixelSpacing) == list(analysis.result.images[0].measured_spacing_mm)
    assert shared.PixelMeasuresSequence[0].PixelSpacingCalibrationType == "FIDUCIAL"


PARTS = (
    ((100.0, 100.0), (160.0, 100.0), (160.0, 140.0), (100.0, 140.0)),
    ((120.0, 110.0), (130.0, 110.0), (130.0, 120.0), (120.0, 120.0)),  # a hole
    ((100.0, 200.0), (110.0, 200.0), (110.0, 220.0), (100.0, 220.0)),
    ((100.2, 240.2), (100.4, 240.2), (100.3, 240.4)),  # no pixel's centre lies in it
)
PARTS_AREA_PX = 40 * 60 - 10 * 10 + 20 * 10 + 0.02


def test_every_object_holds_every_contour_of_a_nodule(analysed):
    """Areas by the shoelace formula and by counting pixels, against what was drawn."""
    source = make_source()
    result = analysed(source).result
    nodule = result.findings[0].model_copy(update={"contours_xy_px": PARTS, "area_px": PARTS_AREA_PX, "area_mm2": None})
    made = by_modality(to_dicom(result.model_copy(update={"findings": (nodule,)}), [source]))
    report = hd.sr.srread(to_file(made["SR"][0]))
    (group,) = report.content.get_planar_roi_measurement_groups()
    points = np.asarray(group.roi.value)
    x, y = points.T
    assert np.array_equal(points[0], points[-1])
    assert abs(0.5 * (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) == pytest.approx(PARTS_AREA_PX, abs=0.01)
    told = {(round(float(a), 1), round(float(b), 1)) for a, b in points}
    assert told == {(round(x + 0.5, 1), round(y + 0.5, 1)) for part in PARTS for x, y in part}
    (area,) = group.get_measurements(name=codes.AREA)
    assert area.value == pytest.approx(PARTS_AREA_PX)
    mask = np.squeeze(pydicom.pixels.pixel_array(made["SEG"][0])).astype(bool)
    assert mask[100:141, 100:161].sum() + mask[200:221, 100:111].sum() + mask[240, 100] == mask.sum()
    assert mask[240, 100]
    assert mask[210, 105]
    assert not mask[115, 125]
    state = made["PR"][0]
    lines = [g for a in state.GraphicAnnotationSequence for g in a.get("GraphicObjectSequence", [])]
    closed = [np.asarray(g.GraphicData).reshape(-1, 2) for g in lines]
    closed = [line for line in closed if np.array_equal(line[0], line[-1])]
    assert sorted(len(line) - 1 for line in closed) == [3, 4, 4, 4]


def test_outlines_of_a_report_hold_the_pixels_of_the_segmentation(analysed):
    """Holes as well: each is what the other is, to the pixel."""
    source = make_source()
    result = analysed(source).result
    nodule = result.findings[0].model_copy(update={"contours_xy_px": PARTS[:3], "area_px": 2500.0})
    for changed in (result, result.model_copy(update={"findings": (nodule,)})):
        made = by_modality(to_dicom(changed, [source]))
        (group,) = hd.sr.srread(to_file(made["SR"][0])).content.get_planar_roi_measurement_groups()
        # Pixel centres lie between DICOM's whole numbers.
        outline = np.asarray(group.roi.value) - 0.5
        rings = np.zeros((ROWS, COLUMNS), np.uint8)
        rings[polygon(outline[:, 1], outline[:, 0], rings.shape)] = 1  # by the even-odd rule
        mask = np.squeeze(pydicom.pixels.pixel_array(made["SEG"][0])).astype(np.uint8)
        eroded, grown = erosion(mask, np.ones((3, 3))), dilation(mask, np.ones((3, 3)))
        assert np.array_equal(np.clip(rings, eroded, grown), rings)
        assert np.array_equal(rings[eroded == grown], mask[eroded == grown])
        assert enclosed(outline) == pytest.approx(changed.findings[0].area_px, rel=0.002)


def enclosed(points):
    x, y = points.T
    return abs(0.5 * (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


BASES = {
    "calibrated": ({"PixelSpacing": [0.5, 0.5], "PixelSpacingCalibrationType": "GEOMETRY"}, "GEOMETRY"),
    "detector": ({"EstimatedRadiographicMagnificationFactor": 1.25}, "GEOMETRY"),
}


@pytest.mark.parametrize(("changes", "kind"), BASES.values(), ids=BASES)
def test_every_object_says_what_its_millimetres_rest_on(analysed, changes, kind, tmp_path):
    source = make_source(**changes)
    analysis = analysed(source)
    (image,) = analysis.result.images
    made = by_modality(to_dicom(analysis))
    measures = made["SEG"][0].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    words = measures.PixelSpacingCalibrationDescription
    assert measures.PixelSpacingCalibrationType == kind
    assert len(words) <= 64
    assert ("1.25" in words) == (kind == "GEOMETRY" and image.measured_basis == "detector")
    assert words in made["OT"][0].DerivationDescription
    (area,) = made["PR"][0].DisplayedAreaSelectionSequence
    assert area.PresentationPixelSpacing == measures.PixelSpacing
    assert "PresentationPixelAspectRatio" not in area
    said = [
        t.UnformattedTextValue for a in made["PR"][0].GraphicAnnotationSequence for t in a.get("TextObjectSequence", [])
    ]
    assert f"Sizes: {words}" in said
    content = hd.sr.srread(to_file(made["SR"][0])).content
    groups = [*content.get_planar_roi_measurement_groups(), *content.get_image_measurement_groups()]
    assert len(groups) == 3
    for group in groups:
        assert group.method == codes.BASES[image.measured_basis]
        assert group.method.meaning == words
    for name in ("SEG", "PR", "OT", "SR"):
        assert not errors_of(made[name][0], tmp_path / f"{name}.dcm")


@pytest.mark.parametrize("basis", [SpacingBasis.ANATOMICAL, SpacingBasis.ASSUMED])
def test_millimetres_that_nobody_measured_are_called_so_in_every_object(analysed, basis, tmp_path):
    source = make_source(PixelSpacing=[0.5, 0.5])
    result = analysed(source).result
    (image,) = result.images
    result = result.model_copy(update={"images": (image.model_copy(update={"measured_basis": basis}),)})
    made = by_modality(to_dicom(result, [source]))
    words = str(codes.BASES[basis].meaning)
    measures = made["SEG"][0].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.PixelSpacingCalibrationDescription == words
    assert "PixelSpacingCalibrationType" not in measures
    said = [
        t.UnformattedTextValue for a in made["PR"][0].GraphicAnnotationSequence for t in a.get("TextObjectSequence", [])
    ]
    assert f"Sizes: {words}" in said
    content = hd.sr.srread(to_file(made["SR"][0])).content
    groups = [*content.get_planar_roi_measurement_groups(), *content.get_image_measurement_groups()]
    assert {(group.method.value, group.method.meaning) for group in groups} == {(codes.BASES[basis].value, words)}
    for modality, items in made.items():
        assert not errors_of(items[0], tmp_path / f"{modality}.dcm")


def test_the_report_refers_to_every_other_object_and_its_grounds_are_coded(analysed, tmp_path):
    source = make_source(PixelSpacing=[0.5, 0.5])
    result = analysed(source).result
    made = by_modality(to_dicom(result, [source]))
    (report,), (segmentation,), (state,) = made["SR"], made["SEG"], made["PR"]
    evidence = {
        reference.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    }
    others = {item.SOPInstanceUID for items in made.values() for item in items} - {report.SOPInstanceUID}
    assert evidence == others | {source.SOPInstanceUID}
    items = [item for element in report.iterall() if element.keyword == "ContentSequence" for item in element.value]
    images = [item.ReferencedSOPSequence[0] for item in items if item.ValueType == "IMAGE"]
    (segments,) = [image for image in images if image.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID]
    numbers = segments.ReferencedSegmentNumber
    assert [int(n) for n in np.atleast_1d(numbers)] == [int(s.SegmentNumber) for s in segmentation.SegmentSequence]
    of_film = [image for image in images if image.ReferencedSOPInstanceUID == source.SOPInstanceUID]
    assert len(of_film) >= 3
    assert {image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for image in of_film} == {state.SOPInstanceUID}
    groups = hd.sr.srread(to_file(report)).content.get_image_measurement_groups()
    grounds = [e.value.value for g in groups for e in g.get_qualitative_evaluations(name=codes.STATEMENT)]
    assert grounds == [side.evidence.statement.code for side in result.severity.sides]
    assert not errors_of(report, tmp_path / "sr.dcm")


@pytest.mark.parametrize("sop_class", FILM_CLASSES)
def test_a_film_of_every_class_has_every_object(analysed, sop_class, tmp_path):
    """Those that may have several frames too, where they have one."""
    several = {"NumberOfFrames": 1} if "MultiFrame" in sop_class.keyword else {}
    source = make_source(sop_class, PixelSpacing=[0.5, 0.5], Modality="RF", **several)
    study = analysed(source)
    made = by_modality(to_dicom(study))
    assert sorted(made) == ["OT", "PR", "SEG", "SR"]
    assert not [warning for warning in study.result.warnings if warning.code == "dicom_object_failed"]
    (named,) = made["PR"][0].ReferencedSeriesSequence[0].ReferencedImageSequence
    assert (named.ReferencedSOPClassUID, named.ReferencedSOPInstanceUID) == (sop_class, source.SOPInstanceUID)
    for modality, items in made.items():
        assert not errors_of(items[0], tmp_path / f"{modality}.dcm")


def test_the_words_of_a_side_stand_over_it_with_its_grade(analysed):
    source = make_source(PixelSpacing=[0.5, 0.5])
    result = analysed(source).result
    report = by_modality(to_dicom(result, [source]))["SR"][0]
    items = [item for element in report.iterall() if element.keyword == "ContentSequence" for item in element.value]
    counts = [item for item in items if item.get("ConceptNameCodeSequence", [Dataset()])[0].get("CodeValue") == "COUNT"]
    for side, count in zip(result.severity.sides, counts, strict=True):
        words = count.ConceptNameCodeSequence[0].CodeMeaning
        assert words.startswith(side.side.capitalize())
        assert f" {side.grade}, research." in words
        (place,) = [e.value for e in count.iterall() if e.keyword == "GraphicData"]
        assert {result.images[0].side_at(x - 0.5) for x in place[0::2]} == {side.side}
        # A viewer writes to the right of the line.
        from_left = place[0] - (0.0 if side.side == result.images[0].sides[0] else COLUMNS / 2)
        assert from_left < 0.1 * COLUMNS


def to_file(item):
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, item, enforce_file_format=True)
    buffer.seek(0)
    return buffer


def test_a_new_report_names_the_one_that_it_replaces(analysed):
    """A late film, the same again, and the film taken back."""
    first, late = make_source(PixelSpacing=[0.5, 0.5]), make_source(CR, PixelSpacing=[0.25, 0.25])

    def named(report):
        return [str(e.value) for item in report.get("PredecessorDocumentsSequence", []) for e in item.iterall()
                if e.keyword == "ReferencedSOPInstanceUID"]  # fmt: skip

    one = to_dicom(analysed(first), created=datetime(2025, 1, 1, 9, 30))
    two = to_dicom(analysed(first, late), previous=one, created=datetime(2025, 1, 1, 11, 5))
    assert not named(one[-1])
    assert named(two[-1]) == [one[-1].SOPInstanceUID]
    assert one[-1].SeriesDescription == "HO imaging: report, 2025-01-01 09:30 (research)"
    assert two[-1].SeriesDescription == "HO imaging: report, 2025-01-01 11:05 (research)"
    assert (two[-1].CompletionFlag, two[-1].VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    again = to_dicom(analysed(first, late), previous=two)
    assert again[-1].SOPInstanceUID == two[-1].SOPInstanceUID
    assert named(again[-1]) == named(two[-1])
    assert not named(to_dicom(analysed(first), previous=two)[-1])  # it came before


def test_a_study_that_is_analysed_again_keeps_the_chain_of_its_reports(analysed, tmp_path):
    from ho_imaging.outputs.study_folder import write_study  # noqa: PLC0415

    films = [make_source(PixelSpacing=[0.5, 0.5]), make_source(CR, PixelSpacing=[0.25, 0.25])]
    reports = []
    for number in (1, 2):
        write_study(analysed(*films[:number]), tmp_path / "study", ["dicom"])
        (path,) = (tmp_path / "study").rglob("sr-*.dcm")
        reports.append(pydicom.dcmread(path))
    (study,) = reports[1].PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == reports[0].SOPInstanceUID
    assert series.SeriesInstanceUID == reports[0].SeriesInstanceUID != reports[1].SeriesInstanceUID
    assert not errors_of(reports[1], tmp_path / "report.dcm")


def ordered():
    """Attributes of patient and order, with what every object has to state of each."""
    issuer = Dataset()
    issuer.LocalNamespaceEntityID = "Hospital"
    request = Dataset()
    request.RequestedProcedureID, request.ScheduledProcedureStepID = "RP1", "SP1"
    request.RequestedProcedureDescription, request.AccessionNumber = "Pelvis AP", "A1"
    return {
        "PatientID": "P1", "IssuerOfPatientID": "Ward", "TypeOfPatientID": "TEXT", "AccessionNumber": "A1",
        "IssuerOfAccessionNumberSequence": [issuer], "StudyID": "S1", "StudyDescription": "Pelvis",
        "RequestAttributesSequence": [request],
    }  # fmt: skip


@pytest.mark.parametrize("absent", [*ordered(), None])
def test_patient_and_order_are_in_all_objects_alike(analysed, absent, tmp_path):
    given = ordered()
    source = make_source(PixelSpacing=[0.5, 0.5], **given)
    if absent is not None:
        del source[absent], given[absent]
    made = to_dicom(analysed(source), probability=True, anatomy=True)
    assert [item.Modality for item in made] == ["SEG", "SEG", "SEG", "PR", "OT", "SR"]
    request = given.pop("RequestAttributesSequence", None)
    for number, item in enumerate(made):
        for keyword, value in given.items():
            assert item[keyword].value == value, (item.Modality, keyword)
        assert not item.get(absent or "")
        is_report = item.Modality == "SR"
        stated = item.get("ReferencedRequestSequence" if is_report else "RequestAttributesSequence")
        assert bool(stated) == bool(request)
        if request:
            assert stated[0].RequestedProcedureID == "RP1"
            assert stated[0].RequestedProcedureDescription == "Pelvis AP"
        assert not errors_of(item, tmp_path / f"{number}.dcm")


def test_the_short_form_makes_the_same_objects(analysed):
    source = make_source(PixelSpacing=[0.5, 0.5])
    analysis = analysed(source)
    made = {item.SOPInstanceUID for item in to_dicom(analysis)}
    assert {item.SOPInstanceUID for item in analysis.to_dicom()} == made
    assert {item.SOPInstanceUID for item in analysis.result.to_dicom([source])} == made
    assert analysis.result.to_fhir(subject="Patient/1") == to_fhir(analysis.result, subject="Patient/1")
