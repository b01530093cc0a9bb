"""DICOM objects that are made on request: a refusal's report, key objects, the report as PDF."""

import shutil

import pydicom
import pytest
from dicom_checks import file_errors

from ho_imaging import Analyzer
from ho_imaging.outputs import registry, to_dicom


def analyse(region, film):
    return Analyzer(region=region, laterality="bilateral", view="ap").analyze_films([film])


def written(study, folder, **options):
    registry.write(study, "dicom", folder, **options)
    return {path.name.split("-")[0]: path for path in sorted(folder.glob("*.dcm"))}


def texts_of(item):
    return [element.value for element in item.iterall() if element.keyword == "TextValue"]


def codes_of(item):
    """Codes of the messages that a report holds in words."""
    items = [one for element in item.iterall() if element.keyword == "ContentSequence" for one in element.value]
    named = [one.ConceptCodeSequence[0] for one in items if name_of(one) == "MESSAGE"]
    assert {code.CodingSchemeDesignator for code in named} <= {"99HOIMG"}
    return {code.get("LongCodeValue") or code.CodeValue for code in named}


def name_of(item):
    names = item.get("ConceptNameCodeSequence")
    return names[0].get("CodeValue") if names else None


def test_a_refused_study_says_so_only_where_it_is_asked_for(fake_network, film, tmp_path):
    study = analyse("chest", film)
    assert study.result.status == "refused"
    assert written(study, tmp_path / "without") == {}
    paths = written(study, tmp_path / "with", refusals=True)
    assert set(paths) == {"sr"}
    report = pydicom.dcmread(paths["sr"])
    assert report.PatientID == film.PatientID
    assert report.StudyInstanceUID == film.StudyInstanceUID
    texts = texts_of(report)
    assert any(str(study.result.reason) in text for text in texts)
    assert study.result.research_use in texts
    assert codes_of(report) == {study.result.reason.code, *(image.reason.code for image in study.result.images)}
    assert not file_errors(paths["sr"])
    (again,) = to_dicom(study, refusals=True)
    assert again.SOPInstanceUID == report.SOPInstanceUID


def referred_to_by(report):
    """Documents that a report refers to in its content, each of which has to be in its evidence too."""
    items = [item for item in report.ContentSequence if item.ValueType == "COMPOSITE"]
    evidence = [
        reference.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for reference in series.ReferencedSOPSequence
    ]
    found = [(name_of(item), item.ReferencedSOPSequence[0]) for item in items]
    assert all(evidence.count(reference.ReferencedSOPInstanceUID) == 1 for _, reference in found)
    return [(name, reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) for name, reference in found]


def test_key_objects_are_the_films_with_findings(fake_network, film, tmp_path):
    paths = written(analyse("pelvis", film), tmp_path, **{"key-objects": True})
    assert set(paths) == {"seg", "sr", "pr", "ot", "ko"}
    selection = pydicom.dcmread(paths["ko"])
    named = {e.value for e in selection.iterall() if e.keyword == "ReferencedSOPInstanceUID"}
    assert named == {film.SOPInstanceUID}
    assert not file_errors(paths["ko"])
    assert referred_to_by(pydicom.dcmread(paths["sr"])) == [("113000", selection.SOPClassUID, selection.SOPInstanceUID)]
    assert not file_errors(paths["sr"])
    fake_network.ho = False
    assert "ko" not in written(analyse("pelvis", film), tmp_path, **{"key-objects": True})


def test_a_report_as_pdf_is_an_object_of_the_study(fake_network, film, tmp_path):
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    study = analyse("pelvis", film)
    paths = written(study, tmp_path, report=True)
    document = pydicom.dcmread(paths["doc"])
    assert document.EncapsulatedDocument.startswith(b"%PDF-")
    assert document.EncapsulatedDocumentLength in {
        len(document.EncapsulatedDocument),
        len(document.EncapsulatedDocument) - 1,
    }
    assert document.PatientID == film.PatientID
    assert document.SourceInstanceSequence[0].ReferencedSOPInstanceUID == film.SOPInstanceUID
    assert not file_errors(paths["doc"])
    assert referred_to_by(pydicom.dcmread(paths["sr"])) == [("18748-4", document.SOPClassUID, document.SOPInstanceUID)]
    assert not file_errors(paths["sr"])
    assert written(study, tmp_path, report=True)["doc"] == paths["doc"]
