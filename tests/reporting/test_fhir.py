"""FHIR bundles against the models of fhir.resources."""

import json

import numpy as np
import pytest
from fhir.resources.R4B.bundle import Bundle
from PIL import Image

from ho_imaging import Analyzer


@pytest.fixture
def analyse(fake_network, tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray((np.random.default_rng(0).random((700, 860)) * 60000).astype(np.uint16)).save(path)
    made = Analyzer(region="pelvis", laterality="bilateral", view="ap", spacing_mm=(0.5, 0.5))
    return lambda: (fake_network, made.analyze(path))


def test_a_bundle_is_valid_and_says_what_the_result_says(analyse):
    _, result = analyse()
    bundle = Bundle.model_validate(json.loads(json.dumps(result.to_fhir(subject="Patient/42"))))
    report, *observations = [entry.resource for entry in bundle.entry]
    assert report.get_resource_type() == "DiagnosticReport"
    assert {entry.fullUrl for entry in bundle.entry[1:]} == {item.reference for item in report.result}
    assert len(observations) == len(result.severity.sides) + len(result.findings)
    right = observations[0]
    assert right.valueString == f"brooker {result.severity.sides[0].grade}"
    assert right.bodySite.text == "Right hip"
    assert right.derivedFrom[0].identifier.value == f"urn:oid:{result.study_uid}"
    nodule = {part.code.text: part.valueQuantity for part in observations[-1].component}
    assert float(nodule["Area"].value) == pytest.approx(result.findings[0].area_mm2)
    assert nodule["Area"].code == "mm2"
    assert result.research_use in report.conclusion
    assert all(item.subject.reference == "Patient/42" for item in observations)
    assert all(item.status == "preliminary" for item in [report, *observations])


def test_the_same_result_gives_the_same_bundle(analyse):
    _, result = analyse()
    assert result.to_fhir() == result.to_fhir()


def test_a_refused_study_gives_a_report_without_observations(analyse):
    network, _ = analyse()
    network.scope = 0.01
    _, result = analyse()
    bundle = Bundle.model_validate(result.to_fhir())
    assert len(bundle.entry) == 1
    assert "refused" in bundle.entry[0].resource.conclusion
