"""Films, predictions and nodules of known geometry."""

import importlib
import logging
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ho_imaging import logs
from ho_imaging.batch import work
from ho_imaging.network.prediction import ModelIdentity, Prediction
from ho_imaging.preparing import PreparationContract, Scale
from ho_imaging.preparing.prepared import GridMap, Prepared
from ho_imaging.reading.radiograph import Radiograph, Sourced, Spacing
from ho_imaging.regions import read_regions
from ho_imaging.vocabulary import Laterality, Region, SpacingBasis, Structure, View

sys.path.insert(0, str(Path(__file__).parent / "shared"))  # modules that tests of several packages import

# Tools that come as wheels (dciodvfy) lie beside Python, also where its environment is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def make_radiograph(
    pixels: np.ndarray,
    *,
    spacing_mm: tuple[float, float] | None = (0.5, 0.5),
    basis: SpacingBasis = SpacingBasis.CALIBRATED,
    region: Region = Region.PELVIS,
    view: View = View.AP,
    laterality: Laterality = Laterality.BILATERAL,
    **changes: object,
) -> Radiograph:
    spacing = (
        Spacing(None, None, SpacingBasis.NONE, "none") if spacing_mm is None else Spacing(*spacing_mm, basis, "test")
    )
    values: dict[str, object] = {
        "pixels": pixels.astype(np.float32),
        "padding": None,
        "spacing": spacing,
        "region": Sourced(region, "test"),
        "view": Sourced(view, "test"),
        "laterality": Sourced(laterality, "test"),
        "study_uid": "1.2.3",
        "series_uid": "1.2.3.4",
        "sop_instance_uid": "1.2.3.4.5",
        "frame": 0,
        "path": None,
        "modality": "DX",
    }
    return Radiograph(**(values | changes))  # type: ignore[arg-type]


def make_prediction(
    masks: Mapping[Structure, np.ndarray],
    *,
    pixel_mm: float | None = 0.5,
    basis: SpacingBasis = SpacingBasis.CALIBRATED,
    scale: tuple[float, float] = (1.0, 1.0),
    pixels: np.ndarray | None = None,
    scope: float | None = None,
    **film: object,
) -> Prediction:
    """A prediction whose maps are given masks (bool) or probabilities; structures left out are absent."""
    shape = next(iter(masks.values())).shape
    source_shape = (round(shape[0] * scale[0]), round(shape[1] * scale[1]))
    spacing = None if pixel_mm is None else (pixel_mm / scale[0], pixel_mm / scale[1])
    radiograph = make_radiograph(np.zeros(source_shape), spacing_mm=spacing, basis=basis, **film)  # type: ignore[arg-type]
    grid = GridMap(source_shape, shape, scale[0], 0.5 * scale[0] - 0.5, scale[1], 0.5 * scale[1] - 0.5)
    picture = np.full(shape, 0.4, np.float32) if pixels is None else pixels.astype(np.float32)
    film_scale = Scale(0.5, SpacingBasis.NONE) if pixel_mm is None else Scale(pixel_mm, basis)
    prepared = Prepared(radiograph, picture, np.ones(shape, dtype=bool), film_scale, grid)
    maps = {s: np.zeros(shape, np.float32) for s in Structure} | {Structure.BODY: np.ones(shape, np.float32)}
    maps |= {s: np.asarray(mask, dtype=np.float32) for s, mask in masks.items()}
    # Nodules are outlined at 60 % of the operating threshold: with this one, where a mask's edge is.
    thresholds = dict.fromkeys(Structure, 0.5) | {Structure.HO: 0.5 / 0.6}
    return Prediction(prepared, maps, thresholds, ModelIdentity("test", "0", "0" * 64), scope)


LEVELS = {name: logging.getLogger(name).level for name in ("", *logs.LIBRARIES)}
"""Of loggers before any test: a fixture of a whole module may run the command line before the one below begins."""


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """Undo what the command line sets for its whole process: after ``-q`` a test in it would see no warning."""
    _reset_logging()
    yield
    _reset_logging()


def _reset_logging():
    logs.forget()
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """Write text as a module under a name of its own, in a folder that other processes import from too."""
    folder = tmp_path / "code"
    folder.mkdir()

    def make(text):
        name = f"stand_ins_{os.getpid()}_{abs(hash(str(tmp_path)))}"
        (folder / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        return importlib.import_module(name)

    return make


@pytest.fixture
def known() -> SimpleNamespace:
    """Makers of radiographs and predictions of known geometry, and a disc."""

    def disc(shape: tuple[int, int], center: tuple[float, float], radius: float) -> np.ndarray:
        rows, columns = np.indices(shape)
        return np.hypot(rows - center[0], columns - center[1]) <= radius

    makers: dict[str, Callable[..., object]] = {
        "radiograph": make_radiograph,
        "prediction": make_prediction,
        "disc": disc,
    }
    return SimpleNamespace(**makers)


@pytest.fixture
def hips(known: SimpleNamespace) -> Callable[..., Prediction]:
    """Two schematic hips at 1 mm a pixel: a bar of pelvis, a shaft of femur below each head, and given ectopic bone.

    The pelvis covers rows 40 to 99 and the femora rows 180 to 299, so 80 mm lie between them; heads lie at row 140,
    columns 80 (the patient's right) and 240 (left), with a radius of 24.
    """

    def make(*nodules: tuple[slice, slice], implant: np.ndarray | None = None, **options: object) -> Prediction:
        shape = (320, 320)
        masks = {s: np.zeros(shape, dtype=bool) for s in (Structure.HO, Structure.PELVIS, Structure.FEMUR)}
        masks[Structure.PELVIS][40:100, 20:300] = True
        for column in (80, 240):
            masks[Structure.FEMUR][180:300, column - 15 : column + 16] = True
        masks[Structure.FEMORAL_HEAD] = known.disc(shape, (140, 80), 24) | known.disc(shape, (140, 240), 24)
        if implant is not None:
            masks[Structure.IMPLANT] = implant
        for nodule in nodules:
            masks[Structure.HO][nodule] = True
        return known.prediction(masks, **({"pixel_mm": 1.0} | options))

    return make


def hip_maps(prepared, *, ho=True, columns=(0.27, 0.73)):
    """Draw the schematic hips of the fixtures onto whatever grid the film was prepared to, by share of its extent."""
    shape = prepared.pixels.shape
    r, c = np.indices(shape) / np.array(shape)[:, None, None]
    round_ = shape[1] / shape[0]
    maps = {s: np.zeros(shape, np.float32) for s in Structure}
    maps[Structure.BODY][:] = 1
    maps[Structure.PELVIS][(r > 0.12) & (r < 0.32)] = 1
    for column in columns:
        maps[Structure.FEMUR][(r > 0.6) & (np.abs(c - column) < 0.05)] = 1
        from_center = np.hypot(r - 0.45, (c - column) * round_)
        head = from_center < 0.07
        maps[Structure.FEMORAL_HEAD][head] = maps[Structure.FEMUR][head] = 1
        # The roof of the socket and the neck.
        maps[Structure.PELVIS][(from_center < 0.1) & (r < 0.45)] = 1
        maps[Structure.FEMUR][(r > 0.45) & (r < 0.62) & (np.abs(c - column) * round_ < 0.03)] = 1
    if ho:
        maps[Structure.HO][(np.abs(r - 0.45) < 0.03) & (np.abs(c - 0.08) < 0.03)] = 0.9
    return maps


@pytest.fixture
def fake_network(monkeypatch):
    """An Analyzer whose model draws schematic hips; tests set ``scope`` and ``ho`` on it."""
    state = SimpleNamespace(scope=0.99, ho=True, loads=0)
    identity = ModelIdentity("fake", "1", "a" * 64)
    description = SimpleNamespace(
        name="fake",
        regions=read_regions(),
        preparation=PreparationContract(),
        scope_threshold=0.5,
        usual_scope_logit=None,
    )

    def load_model(name, *, device="auto"):
        state.loads += 1
        return SimpleNamespace(identity=identity, description=description)

    def predict(_model, prepared):
        # Two hips would outweigh a word against the film.
        columns = (0.27, 0.73) if state.scope is None or state.scope >= description.scope_threshold else (0.27,)
        maps = hip_maps(prepared, ho=state.ho, columns=columns)
        return Prediction(prepared, maps, dict.fromkeys(Structure, 0.5), identity, state.scope)

    monkeypatch.setattr("ho_imaging.network.model_store.load_model", load_model)
    monkeypatch.setattr("ho_imaging.network.inference.predict", predict)
    # A worker keeps its Analyzer: none of another test's may serve here, nor this one's elsewhere.
    analyzers = work._analyzer  # tests may put another in its place
    analyzers.cache_clear()
    yield state
    analyzers.cache_clear()


@pytest.fixture
def browser(tmp_path):
    """A headless Chromium that opens pages from disk."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("chromium is not installed (Debian: chromium, chromium-driver)")
    from selenium import webdriver  # noqa: PLC0415

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--window-size=1300,900", f"--user-data-dir={tmp_path}/profile",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    )
    yield driver
    driver.quit()
