"""FHIR bundles against the models of fhir.resources, of R4B and of R5."""

import json

import numpy as np
import pytest
import shapely
from fhir.resources.bundle import Bundle as R5Bundle
from fhir.resources.R4B.bundle import Bundle
from PIL import Image

from ho_imaging import Analyzer, UsageError
from ho_imaging.outputs import to_dicom, to_fhir
from ho_imaging.results.schema import SoftwareResult, StudyResult

BUNDLES = {"R4": Bundle, "R5": R5Bundle}

EMPTY = {"code": "file_empty"}


def read(bundle, release="R4"):
    """Validate a bundle as a system of that release does."""
    return BUNDLES[release].model_validate(json.loads(json.dumps(bundle)))


def of_type(bundle, kind):
    return [entry.resource for entry in bundle.entry if entry.resource.get_resource_type() == kind]


@pytest.fixture
def analyse(fake_network, tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray((np.random.default_rng(0).random((700, 860)) * 60000).astype(np.uint16)).save(path)
    made = Analyzer(region="pelvis", laterality="bilateral", view="ap", spacing_mm=(0.5, 0.5))
    return lambda: (fake_network, made.analyze(path))


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_gap_says_what_it_rests_on_and_a_repeated_nodule_of_which_it_is_one(analyse, release):
    _, result = analyse()
    side, *others = result.severity.sides
    evidence = side.evidence.model_copy(update={"gap_mm": 12.5, "spacing_basis": "assumed"})
    sides = (side.model_copy(update={"evidence": evidence}), *others)
    again = result.findings[0].model_copy(update={"id": "F9", "same_as": result.findings[0].id})
    changed = result.model_copy(
        update={
            "severity": result.severity.model_copy(update={"sides": sides}),
            "findings": (*result.findings, again),
        }
    )
    observations = of_type(read(to_fhir(changed, release=release), release), "Observation")
    gap = {part.code.text: part.valueQuantity for part in observations[0].component}[
        "Least distance between opposing bone surfaces"
    ]
    assert (float(gap.value), observations[0].method.coding[0].code) == (12.5, "mm-assumed")
    assert f"the same nodule as {result.findings[0].id}" in observations[-1].note[0].text
    assert "same nodule" not in observations[-2].note[0].text


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_bundle_is_valid_and_says_what_the_result_says(analyse, release):
    _, result = analyse()
    bundle = read(to_fhir(result, subject="Patient/42", release=release), release)
    (report,), observations = of_type(bundle, "DiagnosticReport"), of_type(bundle, "Observation")
    named = {entry.fullUrl for entry in bundle.entry if entry.resource in observations}
    assert named == {item.reference for item in report.result}
    assert len(observations) == len(result.severity.sides) + len(result.findings)
    right = observations[0]
    assert right.valueString == f"brooker {result.severity.sides[0].grade}"
    assert right.bodySite.text == "Right hip"
    assert right.component[0].valueCodeableConcept.coding[0].code == "24028007"
    study = (report.imagingStudy if release == "R4" else report.study)[0]
    assert study.identifier.value == right.derivedFrom[0].identifier.value == f"urn:oid:{result.study_uid}"
    nodule = {part.code.text: part.valueQuantity for part in observations[-1].component}
    assert float(nodule["Area"].value) == pytest.approx(result.findings[0].area_mm2)
    assert nodule["Area"].code == "mm2"
    assert result.research_use in report.conclusion
    assert all(item.subject.reference == "Patient/42" for item in [report, *observations])
    assert all(item.status == "preliminary" for item in [report, *observations])


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_nodule_is_tracked_as_in_the_dicom_objects(fake_network, film, release):
    study = Analyzer(region="pelvis", laterality="bilateral", view="ap").analyze_films([film])
    (segment,) = to_dicom(study)[0].SegmentSequence
    nodule = read(to_fhir(study.result, release=release), release)
    nodule = of_type(nodule, "Observation")[-1]
    assert [item.value for item in nodule.identifier] == [segment.TrackingID, f"urn:oid:{segment.TrackingUID}"]
    assert [item.type.coding[0].code for item in nodule.identifier] == ["112039", "112040"]
    assert nodule.category[0].coding[0].code == "imaging"
    assert nodule.method.coding[0].code == "mm-calibrated"


def test_the_same_result_gives_the_same_bundle(analyse):
    _, result = analyse()
    assert to_fhir(result) == to_fhir(result)


def test_every_contour_of_a_nodule_is_told(analyse):
    """A part beside the first one, and a hole in that: their areas by the polygons' own arithmetic."""
    _, result = analyse()
    found = result.findings[0]
    rings = [((0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0)), ((10.0, 10.0), (20.0, 10.0), (20.0, 20.0)),
             ((60.0, 60.0), (70.0, 60.0), (70.0, 70.0), (60.0, 70.0))]  # fmt: skip
    changed = result.model_copy(update={"findings": (found.model_copy(update={"contours_xy_px": rings}),)})
    nodule = of_type(read(to_fhir(changed)), "Observation")[-1]
    told = [part.valueString for part in nodule.component if part.code.coding[0].code == "outline"]
    areas = [shapely.Polygon([tuple(map(float, p.split(","))) for p in text.split()]).area for text in told]
    assert areas == [1600.0, 50.0, 100.0]
    (selection,) = of_type(read(to_fhir(changed, release="R5"), "R5"), "ImagingSelection")
    told = [np.reshape(np.float64(region.coordinate), (-1, 2)) for region in selection.instance[0].imageRegion2D]
    assert [shapely.Polygon(ring).area for ring in told] == areas
    assert told[0].min() == 0.5  # the middle of the top left pixel, as the DICOM report counts


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_observations_refer_to_the_program_and_to_what_was_outlined(fake_network, film, release):
    study = Analyzer(region="pelvis", laterality="bilateral", view="ap").analyze_films([film])
    result = study.result
    bundle = read(to_fhir(result, subject="Patient/42", release=release), release)
    there = {entry.fullUrl: entry.resource for entry in bundle.entry}
    assert len(there) == len(bundle.entry)
    observations = of_type(bundle, "Observation")
    (program,) = of_type(bundle, "Device")
    assert all(there[item.device.reference] is program for item in observations)
    assert {one.value for one in program.version} == {
        result.software.version, result.model.version, result.model.sha256,
    }  # fmt: skip
    reports = [item for item in to_dicom(study) if item.Modality == "SR"]
    observer = [item.get("UID") for e in reports[0].iterall() if e.keyword == "ContentSequence" for item in e.value]
    assert program.identifier[0].value.removeprefix("urn:oid:") in observer
    nodules = observations[len(result.severity.sides) :]
    assert len(nodules) == len(result.findings) > 0
    for finding, nodule in zip(result.findings, nodules, strict=True):
        if release == "R4":
            (extension,) = nodule.bodySite.extension
            structure, side = there[extension.valueReference.reference], None
            side = structure.locationQualifier[0]
        else:
            assert nodule.bodySite is None  # one or the other (obs-8)
            structure = there[nodule.bodyStructure.reference]
            side = structure.includedStructure[0].laterality
            selection = there[nodule.derivedFrom[1].reference]
            assert (selection.studyUid, selection.seriesUid) == (film.StudyInstanceUID, film.SeriesInstanceUID)
            assert selection.instance[0].uid == film.SOPInstanceUID
        assert structure.patient.reference == "Patient/42"
        assert structure.identifier == nodule.identifier
        assert side.text.lower() == finding.side
    anonymous = read(to_fhir(result, release=release), release)
    assert not of_type(anonymous, "BodyStructure")


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_refused_study_names_its_study_and_is_cancelled(analyse, tmp_path, release):
    result = Analyzer(region="chest").analyze(tmp_path / "film.png")
    bundle = read(to_fhir(result, subject="Patient/42", release=release), release)
    (entry,) = bundle.entry
    report = entry.resource
    assert report.status == "cancelled"
    assert "refused" in report.conclusion
    assert report.subject.reference == "Patient/42"
    study = (report.imagingStudy if release == "R4" else report.study)[0]
    assert study.identifier.value == f"urn:oid:{result.study_uid}"
    said = report.model_dump_json().lower()
    assert not [word for word in ("x-ray", "43468-8", "radiographs") if word in said]


@pytest.mark.parametrize("release", ["R4", "R5"])
def test_an_incomplete_study_is_partial_and_its_warnings_are_told(analyse, release):
    _, result = analyse()
    warning = {"code": "graded_incomplete", "parameters": {"reasons": ["1 of 2 images did not come"]}}
    completeness = {"received": 1, "expected": 2, "complete": False, "reasons": [warning]}
    kept = json.loads(result.to_json()) | {"completeness": completeness, "warnings": [warning]}
    (report,) = of_type(
        read(to_fhir(StudyResult.from_json(json.dumps(kept)), release=release), release), "DiagnosticReport"
    )
    assert report.status == "partial"
    assert "1 of 2 images did not come" in report.conclusion


def test_a_study_without_a_uid_is_named_and_is_not_another_one():
    """Inputs that belong to no study must not share one name."""

    def failed(uid):
        software = SoftwareResult(name="ho_imaging", version="0")
        image = {"sop_instance_uid": uid, "status": "failed", "reason": EMPTY}
        return StudyResult(study_uid="unknown", status="failed", reason=EMPTY, images=(image,), software=software)

    one, other = (to_fhir(failed(uid)) for uid in ("1.2", "1.3"))
    report = read(one).entry[0].resource
    assert report.imagingStudy[0].display == "Study unknown"
    (reason,) = report.conclusionCode
    assert (reason.coding[0].code, reason.text) == ("file_empty", "is empty (send the file again)")
    assert one["entry"][0]["fullUrl"] != other["entry"][0]["fullUrl"]


def test_films_that_were_left_out_are_said(analyse):
    _, result = analyse()
    left_out = {"sop_instance_uid": "1.2.3", "status": "refused", "reason": EMPTY}
    result = StudyResult.model_validate(result.model_dump() | {"images": [*result.model_dump()["images"], left_out]})
    assert (
        "Film 1.2.3 was refused: is empty (send the file again)." in read(to_fhir(result)).entry[0].resource.conclusion
    )


@pytest.mark.parametrize("subject", ["", "42", "Patient/", "Patient/a b", "Practitioner/1", "Patient/" + "9" * 65])
def test_what_is_no_reference_to_a_patient_is_answered(analyse, subject):
    with pytest.raises(UsageError, match="no reference to a patient"):
        to_fhir(analyse()[1], subject=subject)


@pytest.mark.parametrize(
    "subject", ["Patient/42", "https://ehr.example/fhir/Patient/a-1", "urn:uuid:0a1b2c3d-0000-4000-8000-0123456789ab"]
)
def test_references_to_patients_are_taken_as_they_are(analyse, subject):
    report = read(to_fhir(analyse()[1], subject=subject)).entry[0].resource
    assert report.subject.reference == subject
    with pytest.raises(UsageError, match="no release of FHIR"):
        to_fhir(analyse()[1], release="STU3")
