"""Types of the calls a user makes, as a type checker sees them; read by type checkers and never run."""

import gzip
import io
from pathlib import Path
from typing import assert_type

import numpy as np
import pydicom

import ho_imaging
from ho_imaging import Analyzer, BatchResults, Radiograph, StudyAnalysis, StudyContext, StudyResult
from ho_imaging.reading import ImageSource
from ho_imaging.vocabulary import Laterality, Region, Side, View

analyzer = Analyzer(region="hip", view=View.AP, laterality="R", spacing_mm=(0.15, 0.15))
dataset = pydicom.dcmread("film.dcm")

# One image, however it is given, has one result.
assert_type(analyzer.analyze("film.dcm"), StudyResult)
assert_type(analyzer.analyze(Path("film.dcm")), StudyResult)
assert_type(analyzer.analyze(b""), StudyResult)
assert_type(analyzer.analyze(bytearray()), StudyResult)
assert_type(analyzer.analyze(memoryview(b"")), StudyResult)
assert_type(analyzer.analyze(io.BytesIO()), StudyResult)
assert_type(analyzer.analyze(dataset), StudyResult)
assert_type(analyzer.analyze(ho_imaging.read_radiograph("film.dcm"), context=StudyContext()), StudyResult)
with Path("film.dcm").open("rb") as stream, gzip.open("film.dcm.gz", "rb") as packed:
    assert_type(analyzer.analyze(stream), StudyResult)
    assert_type(ho_imaging.analyze(packed), StudyResult)
assert_type(ho_imaging.analyze("film.dcm", region=Region.HIP, laterality=Side.LEFT, model="hip"), StudyResult)


def grade(source: ImageSource) -> str | None:
    """Wrap a call, as users do."""
    result = analyzer.analyze(source)
    return None if result.severity is None else result.severity.study.grade


# Several have a list of them.
assert_type(analyzer.analyze_all("folder"), list[StudyResult])
assert_type(analyzer.analyze_all(["a.dcm", Path("b.dcm"), b"", dataset]), list[StudyResult])
assert_type(ho_imaging.analyze_all(Path().glob("*.dcm"), laterality=Laterality.LEFT), list[StudyResult])

pixels = np.zeros((2000, 1600), dtype=np.uint16)
assert_type(analyzer.analyze_array(pixels, spacing_mm=(0.15, 0.15)), StudyResult)
assert_type(ho_imaging.analyze_array(pixels.astype(np.float32), region="residual limb"), StudyResult)

assert_type(analyzer.analyze_films(["a.dcm", dataset]), StudyAnalysis)
for study in ho_imaging.discover("folder").studies:
    assert_type(analyzer.analyze_study(study).result, StudyResult)
assert_type(ho_imaging.read_radiograph("film.dcm", region="hip", laterality="both"), Radiograph)

results = ho_imaging.read_batch("out")
assert_type(results, BatchResults)
assert_type(results[0], StudyResult)
assert_type(results[:2], BatchResults)
for result in results:
    assert_type(result, StudyResult)

# What no call takes.
analyzer.analyze(None)  # type: ignore[arg-type]
analyzer.analyze(["film.dcm"])  # type: ignore[arg-type]
analyzer.analyze(pixels)  # type: ignore[arg-type]
analyzer.analyze(io.StringIO())  # type: ignore[arg-type]
analyzer.analyze_all(7)  # type: ignore[arg-type]
analyzer.analyze_films(dataset)  # type: ignore[arg-type]
ho_imaging.analyze("film.dcm", regoin="hip")  # type: ignore[call-arg]
ho_imaging.analyze("film.dcm", spacing_mm=0.15)  # type: ignore[arg-type]
