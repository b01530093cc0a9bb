"""A grade rests on nodules that are sure enough; what the others would make of it is said, not graded."""

from dataclasses import replace

import pytest

from ho_imaging.findings import find_nodules, read_anatomy
from ho_imaging.findings.resolution import COARSEST_MM, only_possible, resolution_flags
from ho_imaging.preparing.quality import FilmQuality
from ho_imaging.reading.compression import NOT_KNOWN
from ho_imaging.severity import Category, FilmReading, grade_study
from ho_imaging.severity.certainty import SURE_CONFIDENCE
from ho_imaging.vocabulary import Side

ISLAND = (slice(130, 136), slice(30, 36))
BELOW, ABOVE = SURE_CONFIDENCE - 0.01, SURE_CONFIDENCE + 0.01


def spur(gap_px):
    return (slice(100 + gap_px, 200), slice(56, 66))


def film(prediction, confidence):
    """A reading whose nodules have a confidence each, by their size: the largest first."""
    anatomy = read_anatomy(prediction)
    found = sorted(find_nodules(prediction, anatomy), key=lambda f: -f.area_px)
    sure = tuple(replace(f, confidence=c) for f, c in zip(found, confidence, strict=True))
    return FilmReading(prediction.prepared, anatomy, sure)


def right(reading):
    return next(side for side in grade_study([reading]).sides if side.side is Side.RIGHT)


@pytest.mark.parametrize(("gap", "grade"), [(30, "II"), (6, "III"), (0, "IV")])
def test_a_spur_counts_when_it_is_sure(hips, gap, grade):
    sure, unsure = (right(film(hips(spur(gap)), [confidence])) for confidence in (ABOVE, BELOW))
    assert (sure.grade, sure.possible, sure.evidence.not_counted_ids) == (grade, None, ())
    assert (unsure.grade, unsure.possible, unsure.evidence.not_counted_ids) == ("0", grade, ("F1",))
    assert grade in unsure.alternatives
    assert (unsure.score, unsure.category, unsure.evidence.gap) == (0.0, Category.NONE, None)
    # The probabilities are those of what is known, whatever is counted.
    assert sum(unsure.probabilities.values()) == pytest.approx(1.0)
    assert unsure.probabilities[grade] == max(unsure.probabilities.values())
    assert f"the grade would be {grade}" in str(unsure.evidence.statement)
    assert unsure.evidence.finding_ids == ("F1",)


def test_an_island_counts_when_it_is_reported(hips):
    side = right(film(hips(ISLAND), [0.3]))
    assert (side.grade, side.possible) == ("I", None)


def test_what_is_sure_is_graded_without_what_is_not(hips):
    side = right(film(hips(ISLAND, spur(6)), [BELOW, ABOVE]))
    assert (side.grade, side.possible) == ("I", "III")
    assert 0.0 < side.score < right(film(hips(ISLAND, spur(6)), [ABOVE, ABOVE])).score


def test_every_system_goes_by_the_same_nodules(hips):
    systems = {found.system: found for found in right(film(hips(spur(6)), [BELOW])).systems}
    assert (systems["della_valle"].grade, systems["della_valle"].possible) == ("A", "C")


def quality(resolution_mm):
    return FilmQuality(resolution_mm, resolution_mm, 1.0, 0.0, NOT_KNOWN, None)


def test_a_coarse_film_is_not_graded_and_its_nodules_are_possible(hips):
    coarse = quality(COARSEST_MM + 0.2)
    read = film(hips(spur(6), ISLAND), [ABOVE, ABOVE])
    findings, possible = only_possible(read.findings, read.possible, coarse)
    assert findings == ()
    assert [finding.id for finding in possible] == ["P1", "P2"]
    assert [flag.code for flag in resolution_flags(coarse)] == ["resolution_low"]
    side = right(replace(read, findings=findings, possible=possible, quality=coarse))
    assert (side.grade, side.score, side.category, side.probabilities) == (None, None, None, {})
    assert "resolves about" in str(side.evidence.statement)


@pytest.mark.parametrize("picture", [None, quality(None), quality(COARSEST_MM)])
def test_a_film_of_unknown_or_sufficient_resolution_is_read(hips, picture):
    read = film(hips(spur(6)), [ABOVE])
    assert only_possible(read.findings, read.possible, picture) == (read.findings, read.possible)
    assert resolution_flags(picture) == ()
    assert right(replace(read, quality=picture)).grade == "III"
