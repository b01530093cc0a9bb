"""Masks on the source grid and pictures of findings."""

import cv2
import numpy as np
import pytest

from ho_imaging.errors import WriteError
from ho_imaging.files.png import write_png
from ho_imaging.findings import find_nodules, read_anatomy
from ho_imaging.outputs.overlay import draw_overlay
from ho_imaging.outputs.probability_map import ho_probability_8bit
from ho_imaging.results.build import finding_result, image_result, severity_result, study_result
from ho_imaging.severity import FilmReading, grade_study
from ho_imaging.vocabulary import Status, Structure


def drawn(prediction):
    anatomy = read_anatomy(prediction)
    reading = FilmReading(prediction.prepared, anatomy, find_nodules(prediction, anatomy))
    image = image_result(prediction.prepared.radiograph, status=Status.DONE, reading=reading)
    findings = [finding_result(finding, finding.id) for finding in reading.findings]
    severity = severity_result(grade_study([reading]))
    result = study_result("1", [image], findings, severity, None, [])
    return reading, draw_overlay(prediction.prepared.radiograph, result)


@pytest.mark.parametrize("scale", [(1.0, 1.0), (3.0, 2.0), (12.0, 12.0)])
def test_a_picture_has_the_film_and_a_panel_at_a_readable_size(hips, scale):
    _, picture = drawn(hips((slice(115, 200), slice(56, 66)), (slice(110, 120), slice(200, 215)), scale=scale))
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert 890 <= picture.shape[0] <= 1700
    assert picture.shape[1] > picture.shape[0] * 0.9
    orange = (np.abs(picture.astype(int) - (255, 176, 0)) < 30).all(axis=2)
    blue = (np.abs(picture.astype(int) - (100, 200, 255)) < 30).all(axis=2)
    assert orange.sum() > 200
    assert blue.sum() > 20


def test_outlines_stand_where_the_nodule_is(hips):
    reading, picture = drawn(hips((slice(110, 130), slice(20, 45))))
    scale = picture.shape[0] / 320
    orange = (np.abs(picture.astype(int) - (255, 176, 0)) < 10).all(axis=2)
    window = orange[round(105 * scale) : round(135 * scale), round(15 * scale) : round(50 * scale)]
    assert window.sum() > 2 * (20 + 25)
    assert len(reading.findings) == 1


def test_a_film_without_findings_is_drawn_too(hips):
    _, picture = drawn(hips())
    assert picture.any()


def test_masks_are_the_probability_on_the_source_grid(known, tmp_path):
    ho = np.zeros((50, 60), np.float32)
    ho[20:30, 20:40] = 0.6
    mask = ho_probability_8bit(known.prediction({Structure.HO: ho}, scale=(3.0, 2.0)))
    assert mask.shape == (150, 120)
    assert mask[75, 60] == round(0.6 * 255)
    assert mask[10, 10] == 0
    write_png(tmp_path / "m.png", mask)
    assert np.array_equal(cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED), mask)


def test_a_picture_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(WriteError, match=r"m\.png"):
        write_png(tmp_path / "nowhere" / "m.png", np.zeros((4, 4), np.uint8))
