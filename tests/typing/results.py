"""Types of a result as a type checker sees them; read by type checkers and never run."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

import ho_imaging
from ho_imaging import ProgressionResult, StudyResult
from ho_imaging.outputs import mask, plot, to_dicom, to_fhir
from ho_imaging.results import FindingResult, SideResult, json_schema

result = ho_imaging.analyze("film.dcm")
if result.severity is None:
    assert_type(str(result.reason), str)
else:
    for side in result.severity.sides:
        assert_type(side, SideResult)
        assert_type(side.grade, str | None)
        assert_type(side.score, float | None)
for finding in result.findings:
    assert_type(finding, FindingResult)
    assert_type(finding.area_mm2, float | None)
assert_type(StudyResult.from_json(result.to_json()), StudyResult)
result.to_dataframe("findings")
result.to_dataframe("sides")
result.to_dataframe("images")  # type: ignore[arg-type]

analysis = ho_imaging.Analyzer().analyze_films(["film.dcm"])
assert_type(mask(analysis), NDArray[np.uint16])
assert_type(mask(result, "1.2.3"), NDArray[np.uint16])
assert_type(to_dicom(analysis), list[Dataset])
plot(result, image="film.dcm").set_title("hip")
to_fhir(result)
json_schema()
assert_type(ho_imaging.compare("a.dcm", "b.dcm"), ProgressionResult)
