from __future__ import annotations

import hashlib
import os
import pickle
import tomllib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ho_imaging.errors import ModelError
from ho_imaging.network import load_model
from ho_imaging.network.calibration import Calibration
from ho_imaging.network.model_store import (
    MODELS_VARIABLE,
    PreparationContract,
    find_model,
    read_description,
    save_model,
)
from ho_imaging.network.unet import Architecture, UNet, fold_batch_norm
from ho_imaging.vocabulary import Region, Structure


def test_a_model_comes_back_as_it_was_saved(tmp_path, make_net):
    net = make_net()
    saved = save_model(
        tmp_path / "round",
        net,
        name="round",
        version="2.1",
        structures=tuple(Structure),
        preparation=PreparationContract(pixel_mm=0.5),
        thresholds={Structure.HO: 0.31},
        calibration={Structure.HO: Calibration(temperature=1.7, bias=-0.4)},
        scope_threshold=0.2,
        finding_confidence=Calibration(temperature=1.1, bias=-1.9),
        training={"seed": 3, "torch": "2.4"},
        card="# A card\n",
    )
    model = load_model(tmp_path / "round", device="cpu", precision="float32")
    assert model.description == saved
    assert model.description.thresholds[Structure.HO] == 0.31
    assert model.description.calibration[Structure.HO].temperature == 1.7
    assert model.identity.sha256 == hashlib.sha256((tmp_path / "round/weights.safetensors").read_bytes()).hexdigest()
    film = torch.rand(1, 2, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(model.net(film).structures, fold_batch_norm(net)(film).structures)
    assert (tmp_path / "round/MODEL_CARD.md").read_text() == "# A card\n"


def test_the_description_is_toml_a_person_can_read(model_folder):
    written = tomllib.loads((model_folder / "model.toml").read_text())
    assert written["structures"] == ["ho", "pelvis", "femur", "femoral_head", "implant", "body"]
    assert written["architecture"] == {"widths": [8, 12, 16], "blocks": [0, 1, 1], "dilations": [1]}
    assert written["calibration"]["ho"] == {"temperature": 1.0, "bias": 0.0}


def test_weights_that_were_changed_are_refused(model_folder):
    weights = model_folder / "weights.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(ModelError, match=r"weights\.safetensors.*sha256.*fetch the model again"):
        load_model(model_folder)


def _restate_sha256(folder: Path) -> None:
    """Make the description agree with the weights that lie there, as an attacker or a careless person would."""
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    text = (folder / "model.toml").read_text()
    old = tomllib.loads(text)["sha256"]
    (folder / "model.toml").write_text(text.replace(old, digest))


def test_a_pickle_is_never_opened(model_folder, tmp_path):
    marker = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(marker),))

    (model_folder / "weights.safetensors").write_bytes(pickle.dumps(Trap()))
    _restate_sha256(model_folder)
    with pytest.raises(ModelError, match="not a safetensors file"):
        load_model(model_folder)
    assert not marker.exists()


def test_weights_of_another_architecture_are_refused(model_folder):
    text = (model_folder / "model.toml").read_text()
    (model_folder / "model.toml").write_text(text.replace("[8, 12, 16]", "[8, 12, 20]"))
    with pytest.raises(ModelError, match="do not fit the architecture"):
        load_model(model_folder)


def test_weights_that_are_not_finite_are_refused(model_folder):
    tensors = load_file(model_folder / "weights.safetensors")
    tensors["head.bias"][0] = float("nan")
    save_file(tensors, model_folder / "weights.safetensors")
    _restate_sha256(model_folder)
    with pytest.raises(ModelError, match="not all finite"):
        load_model(model_folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[8, 12, 16]", "[8, 12, 9999999]"),
        ('version = "1.0"', 'version = "1.0"\nsurprise = 1'),
        ("ho = 0.5", "ho = 1.5"),
        ("ho = 0.5\n", ""),
        ("pixel_mm = 0.6", "pixel_mm = nan"),
        ("pixel_mm = 0.6", "pixel_mm ="),
    ],
)
def test_a_description_out_of_bounds_is_refused(model_folder, old, new):
    path = model_folder / "model.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ModelError, match=r"model\.toml"):
        read_description(model_folder)


def test_missing_weights_are_named(model_folder):
    (model_folder / "weights.safetensors").unlink()
    with pytest.raises(ModelError, match=r"weights\.safetensors: cannot be read"):
        load_model(model_folder)


def test_models_are_found_by_name_default_and_path(model_folder, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(model_folder.parent))
    assert find_model("toy") == model_folder
    assert find_model(str(model_folder)) == model_folder
    (model_folder.parent / "DEFAULT").write_text("toy\n")
    assert find_model("default") == model_folder
    assert load_model().identity.name == "toy"


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a b", "x" * 65, "no-such-model"])
def test_names_that_lead_nowhere_are_refused(name, model_folder, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(model_folder.parent))
    with pytest.raises(ModelError):
        find_model(name)


def test_a_default_that_points_out_of_its_folder_is_refused(model_folder, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, str(model_folder.parent))
    (model_folder.parent / "DEFAULT").write_text("../elsewhere")
    with pytest.raises(ModelError, match="DEFAULT"):
        find_model("default")


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "nonsense:x"])
def test_a_device_that_is_not_there_is_an_error(model_folder, device):
    with pytest.raises(ModelError, match="device"):
        load_model(model_folder, device=device)


def test_a_model_without_a_structure_of_its_regions_is_refused_by_what_is_missing(tmp_path):
    """Without it every image would fail, one after the other."""
    kept = (Structure.HO, Structure.PELVIS, Structure.FEMUR, Structure.BODY)
    net = UNet(Architecture(widths=(8, 12, 16), blocks=(0, 1, 1), dilations=(1,)), len(kept))
    save_model(tmp_path / "less", net, name="less", version="1", structures=kept)
    with pytest.raises(ModelError, match="less does not outline implant, femoral_head, which films of pelvis take"):
        load_model(tmp_path / "less", device="cpu")


def test_a_model_for_a_region_without_a_plan_is_refused_by_its_name(model_folder):
    path = model_folder / "model.toml"
    described = path.read_text()
    assert tomllib.loads(described)["regions"][:2] == ["pelvis", "hip"]
    path.write_text(described.replace('"knee"', '"wrist"'))
    with pytest.raises(ModelError, match="made for wrist"):
        load_model(model_folder, device="cpu")


def test_a_model_that_does_not_say_so_reads_hips_and_legs(model_folder):
    path = model_folder / "model.toml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("regions")))
    model = load_model(model_folder, device="cpu")
    assert {Region.HIP, Region.KNEE, Region.UNKNOWN} <= set(model.description.regions)
