"""The network in OpenVINO against torch, and what becomes of a runtime that is unknown or broken."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from ho_imaging.network import load_model, model_store, predict
from ho_imaging.network.architecture import Architecture
from ho_imaging.network.model_store import RUNTIME_VARIABLE, load_weights
from ho_imaging.network.unet import UNet

needs_openvino = pytest.mark.skipif(model_store.find_spec("openvino") is None, reason="needs the extra fast")


@pytest.fixture(autouse=True)
def _no_runtime_is_stated(monkeypatch):
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)


def state_of(net):
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


@needs_openvino
@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(widths=(8, 12, 16), blocks=(0, 1, 1), dilations=(1,)),
        Architecture(widths=(8, 8), blocks=(1, 2), dilations=()),
        Architecture(widths=(8, 12, 16, 20), blocks=(1, 0, 0, 1), dilations=(1, 3)),
    ],
)
def test_it_computes_what_torch_does(make_net, architecture):
    from ho_imaging.network.openvino_net import OpenVINONet  # noqa: PLC0415

    net = make_net(architecture=architecture)
    compiled = OpenVINONet(architecture, net.structures, state_of(net), precision="float32")
    rng = np.random.default_rng(3)
    for rows, columns in ((64, 96), (80, 48), (64, 96)):
        film = np.zeros((2, rows, columns), dtype=np.float32)
        film[1, : rows - 10, 7:] = 1.0
        film[0] = rng.random((rows, columns)) * film[1]
        (logits, scope), (expected, expected_scope) = compiled.look(film), net.look(film)
        assert logits.shape == expected.shape == (net.structures, rows, columns)
        np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)
        assert scope == pytest.approx(expected_scope, rel=1e-3, abs=1e-3)


@needs_openvino
def test_it_is_taken_where_it_is_installed_and_its_maps_are_torchs(model_folder, make_prepared, monkeypatch):
    film = make_prepared(70, 90)
    here = load_model(model_folder, device="cpu")
    monkeypatch.setenv(RUNTIME_VARIABLE, "torch")
    plain = load_model(model_folder, device="cpu")
    assert not isinstance(here.net, UNet)
    assert isinstance(plain.net, UNet)
    found, expected = predict(here, film), predict(plain, film)
    for structure, probability in expected.probabilities.items():
        assert np.abs(found.probabilities[structure] - probability).max() < 0.1
    exact = load_model(model_folder, device="cpu", precision="float32")
    assert isinstance(exact.net, UNet)


@needs_openvino
def test_it_needs_no_torch(model_folder):
    code = (
        "import sys\nfrom ho_imaging.network import load_model\n"
        f"load_model({str(model_folder)!r} + '/', device='cpu')\nsys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@needs_openvino
@pytest.mark.parametrize("wrong", ["missing", "surplus", "not finite", "another depth", "another width"])
def test_weights_that_do_not_fit_are_refused(make_net, wrong):
    from ho_imaging.network.openvino_net import OpenVINONet  # noqa: PLC0415

    net = make_net()
    state, architecture = dict(load(save(state_of(net)))), net.architecture
    if wrong == "missing":
        del state["head.bias"]
    elif wrong == "surplus":
        state["more.weight"] = np.zeros(3, dtype=np.float32)
    elif wrong == "not finite":
        state["stem.conv.weight"] = np.full_like(state["stem.conv.weight"], np.nan)
    elif wrong == "another depth":
        architecture = Architecture(widths=(8, 12, 16), blocks=(0, 1, 2), dilations=(1,))
    else:
        architecture = Architecture(widths=(8, 12, 20), blocks=(0, 1, 1), dilations=(1,))
    with pytest.raises(ValueError, match=r"missing|another|finite"):
        OpenVINONet(architecture, net.structures, state)


def test_a_broken_runtime_is_said_and_torch_does_the_work(model_folder, monkeypatch, caplog):
    monkeypatch.setenv(RUNTIME_VARIABLE, "openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.WARNING):
        model = load_model(model_folder, device="cpu")
    assert isinstance(model.net, UNet)
    assert "OpenVINO cannot be used" in caplog.text
    assert "torch" in caplog.text


def test_an_unknown_runtime_is_said_and_ignored(model_folder, monkeypatch, caplog):
    monkeypatch.setenv(RUNTIME_VARIABLE, "abacus")
    with caplog.at_level(logging.WARNING):
        load_model(model_folder, device="cpu")
    assert f"{RUNTIME_VARIABLE}=abacus is unknown" in caplog.text


def test_a_gpu_that_may_be_there_is_left_to_torch(model_folder, monkeypatch):
    monkeypatch.setattr(model_store, "may_have_gpu", lambda: True)
    monkeypatch.setattr(model_store, "find_spec", lambda _: pytest.fail("the processor is not asked for"))
    assert isinstance(load_model(model_folder).net, UNet)


def test_checking_a_model_reads_its_weights_and_loads_nothing(model_folder):
    identity = model_store.check_model(model_folder, device="cpu").identity
    assert identity == load_weights(model_folder)[0].identity
    weights = model_folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b"?")
    with pytest.raises(model_store.ModelError, match="sha256"):
        model_store.check_model(model_folder)
    with pytest.raises(model_store.ModelError, match="device"):
        model_store.check_model(model_folder, device="tpu")


def test_a_loaded_network_keeps_no_memory_of_a_random_one(model_folder):
    net = load_model(model_folder, device="cpu", precision="float32").net
    assert not any(parameter.is_meta for parameter in net.parameters())
    assert net.stem.conv.bias is not None
    assert torch.isfinite(net.head.weight).all()
