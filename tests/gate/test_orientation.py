"""Films whose file says the wrong thing about black and white, and films that lie on their side or head."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from ho_imaging import Analyzer
from ho_imaging.findings import read_anatomy
from ho_imaging.gate import orientation as module
from ho_imaging.gate.orientation import shown_wrongly
from ho_imaging.reading.radiograph import QualityFlag
from ho_imaging.vocabulary import Region, Structure, View

ROOT = Path(__file__).parents[2]
FRONTAL = ("01_", "04_", "07_")
"""Samples of both hips, of both hips with much ectopic bone, and of one hip."""


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


def sample(prefix):
    (path,) = (ROOT / "sample_data").glob(f"{prefix}*.dcm")
    return pydicom.dcmread(path)


@pytest.mark.parametrize("prefix", [f"{number:02d}_" for number in range(1, 9)])
def test_a_file_that_states_the_wrong_polarity_is_refused_and_says_so(analyzer, prefix):
    film = sample(prefix)
    one_is_two = {"MONOCHROME1": "MONOCHROME2", "MONOCHROME2": "MONOCHROME1"}
    film.PhotometricInterpretation = one_is_two[film.PhotometricInterpretation]
    if "PresentationLUTShape" in film:
        film.PresentationLUTShape = {"IDENTITY": "INVERSE", "INVERSE": "IDENTITY"}[film.PresentationLUTShape]
    result = analyzer.analyze(film)
    assert result.status == "refused"
    assert "with black and white swapped" in str(result.reason)
    assert "Photometric Interpretation" in str(result.reason)
    assert result.severity is None


@pytest.mark.parametrize(("quarters", "back"), [(1, "with the clock"), (2, "by a half"), (3, "against the clock")])
@pytest.mark.parametrize("prefix", FRONTAL)
def test_a_film_that_was_turned_is_refused_with_the_way_back(analyzer, prefix, quarters, back):
    """Upside down a pelvis looks much like one, with left for right."""
    film = sample(prefix)
    turned = np.ascontiguousarray(np.rot90(film.pixel_array, quarters))
    film.PixelData = turned.tobytes()
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    film.Rows, film.Columns = turned.shape
    result = analyzer.analyze(film)
    assert result.status == "refused"
    assert back in str(result.reason)


def model(*, usual=5.0):
    return SimpleNamespace(net=None, description=SimpleNamespace(usual_scope_logit=usual, scope_threshold=0.5))


def whole_hips(hips, **options):
    """Two schematic hips whose heads are bone and sit in sockets."""
    prediction = hips(**options)
    maps = {structure: picture.copy() for structure, picture in prediction.probabilities.items()}
    maps[Structure.FEMUR][maps[Structure.FEMORAL_HEAD] > 0] = 1.0
    for column in (80, 240):
        maps[Structure.PELVIS][100:140, column - 40 : column + 40] = 1.0
        maps[Structure.FEMUR][160:180, column - 15 : column + 16] = 1.0
    return replace(prediction, probabilities=maps)


@pytest.fixture
def looks(monkeypatch, hips):
    """A network for which a film is right when its upper left corner is bright; counts how often it looks."""
    seen = []

    def predict_logits(_net, pixels, valid):
        assert pixels.shape == valid.shape
        seen.append(pixels)
        return None, 9.0 if pixels[0, 0] > 0.85 else -9.0

    monkeypatch.setattr(module, "predict_logits", predict_logits)
    monkeypatch.setattr(module, "predict", lambda *_: whole_hips(hips))
    return seen


def shown(hips, corner=(0, 0), *, swapped=False, scope=0.0, **options):
    """Two schematic hips and the picture of a dark film with one bright corner, or of one that is swapped."""
    prediction = whole_hips(hips, **options)
    pixels = np.full(prediction.prepared.pixels.shape, 0.2, dtype=np.float32)
    pixels[corner] = 0.9
    prepared = replace(prediction.prepared, pixels=1.0 - pixels if swapped else pixels)
    return replace(prediction, prepared=prepared, scope_logit=scope)


def verdict(prediction, **options):
    return shown_wrongly(model(**options), prediction, read_anatomy(prediction))


@pytest.mark.parametrize(
    ("corner", "code"),
    [((0, -1), "shown_turned_left"), ((-1, -1), "shown_upside_down"), ((-1, 0), "shown_turned_right")],
)
def test_the_way_back_is_told(hips, looks, corner, code):
    assert verdict(shown(hips, corner)).code == code
    assert verdict(shown(hips, swapped=True)).code == "shown_swapped"


def test_a_film_that_nothing_makes_doubt_of_costs_no_further_look(hips, looks):
    assert verdict(shown(hips, (0, -1), scope=6.0)) is None
    assert verdict(shown(hips, (0, -1)), usual=None) is None, "an older model does not say what is usual"
    assert verdict(shown(hips, (0, -1), scope=None)) is None
    assert not looks


def test_a_film_that_gains_by_no_other_showing_is_left_to_the_gate(hips, looks):
    assert verdict(shown(hips)) is None
    assert len(looks) == 4


def test_a_little_better_is_not_better(hips, looks):
    """9 in place of 4.9 is a rise of less than 4.5, that of 6.1 one of less than 3."""
    assert verdict(shown(hips, (0, -1), scope=4.9)) is None
    assert verdict(shown(hips, swapped=True, scope=4.9)) is not None
    assert verdict(shown(hips, swapped=True, scope=6.1), usual=7.0) is None


@pytest.mark.parametrize(("logit", "wrongly"), [(-1.0, False), (2.4, False), (2.6, True)])
def test_what_looks_little_like_a_hip_either_way_is_left_to_the_gate(hips, monkeypatch, logit, wrongly):
    monkeypatch.setattr(module, "predict_logits", lambda *_: (None, logit))
    monkeypatch.setattr(module, "predict", lambda *_: whole_hips(hips))
    assert (verdict(shown(hips, scope=-20.0)) is not None) == wrongly


def no_bones(hips):
    return replace(hips(), probabilities={s: np.zeros((320, 320), np.float32) for s in Structure})


def without_sockets(hips):
    """Round bones with femur above them and no pelvis near, as in a hand or an elbow."""
    prediction = whole_hips(hips)
    maps = {structure: picture.copy() for structure, picture in prediction.probabilities.items()}
    maps[Structure.FEMUR][100:140, :] = 1.0
    return replace(prediction, probabilities=maps)


@pytest.mark.parametrize("bones", [no_bones, without_sockets])
@pytest.mark.parametrize("corner", [(0, -1), (-1, -1), (-1, 0)])
def test_what_only_rises_in_scope_is_not_said_to_be_turned(hips, looks, monkeypatch, corner, bones):
    """Hands and feet look a little more like a hip upside down, but show none."""
    monkeypatch.setattr(module, "predict", lambda *_: bones(hips))
    assert verdict(shown(hips, corner, scope=-9.0)) is None
    assert len(looks) == 4


def test_a_film_that_is_refused_as_shown_need_not_rise_as_much(hips, monkeypatch):
    monkeypatch.setattr(module, "predict_logits", lambda _net, pixels, _: (None, 5.5 if pixels[0, 0] > 0.85 else -9.0))
    monkeypatch.setattr(module, "predict", lambda *_: whole_hips(hips))
    seen = shown(hips, (0, -1), scope=3.0)
    assert verdict(seen) is None
    nothing = replace(seen, probabilities=no_bones(hips).probabilities)
    assert verdict(nothing).code == "shown_turned_left"


@pytest.mark.parametrize("about", [{"region": Region.KNEE}, {"view": View.LATERAL}])
def test_what_has_no_upright_is_swapped_but_not_turned(hips, looks, about):
    assert verdict(shown(hips, (-1, -1), **about)) is None
    assert verdict(shown(hips, swapped=True, **about)) is not None


def test_air_that_looks_bright_makes_doubt(hips, looks):
    flag = QualityFlag("polarity_contradicts_pixels")
    assert verdict(shown(hips, swapped=True, scope=5.5)) is None
    assert verdict(shown(hips, swapped=True, scope=5.5, quality=(flag,))).code == "shown_swapped"


def test_femurs_above_a_pelvis_make_doubt(hips, looks):
    prediction = shown(hips, (-1, -1), scope=5.5)
    assert verdict(prediction, usual=4.0) is None
    assert verdict(prediction, usual=6.0) is None, "a rise of 3.5 alone is too little"
    maps = {structure: picture[::-1, ::-1] for structure, picture in prediction.probabilities.items()}
    assert verdict(replace(prediction, probabilities=maps), usual=4.0).code == "shown_upside_down"
    assert verdict(replace(prediction, probabilities=maps, scope_logit=9.5), usual=4.0) is None
