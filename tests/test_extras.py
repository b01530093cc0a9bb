"""A package that is not installed is named with the command that installs it, wherever it is needed."""

import sys
from importlib import import_module
from types import SimpleNamespace

import pytest
from pydicom import Dataset

from ho_imaging.cli import main
from ho_imaging.errors import UsageError
from ho_imaging.extras import missing_extra, require


@pytest.fixture
def hidden(monkeypatch):
    """Hide a package, and forget the modules of ours that have imported it."""

    def hide(package, *ours):
        monkeypatch.setitem(sys.modules, package, None)
        for name in ours:
            monkeypatch.delitem(sys.modules, name, raising=False)
            parent, _, child = name.rpartition(".")
            # "from parent import child" would find it there.
            monkeypatch.delattr(sys.modules.get(parent, hide), child, raising=False)

    return hide


def bland_altman():
    from ho_imaging.readings.agreement import plot_bland_altman  # noqa: PLC0415

    plot_bland_altman(None)


def plot():
    import_module("ho_imaging.plotting").new_axes((1, 1), 50)


def simulate():
    import_module("ho_imaging.simulation.spectrum")._mass_attenuation_cm2_per_g.__wrapped__("Ca")


def cluster():
    import_module("ho_imaging.batch.cluster").Cluster("tcp://localhost:1", None, "default")


def plot_result():
    import_module("ho_imaging.outputs.matplotlib_plot")._new_axes()


def frame():
    import_module("ho_imaging.results.frames").to_dataframe("1.2", [], [], "sides")


def deidentify():
    import_module("ho_imaging.reading.deidentify").deidentify(Dataset(), b"k" * 32)


def coco():
    import_module("ho_imaging.readings.outline_files")._run_lengths({"size": [9, 9], "counts": "x"}, (9, 9))


def openvino():
    import_module("ho_imaging.network.openvino_net").OpenVINONet(None, 1, {})


def review():
    _ = import_module("ho_imaging.review").review


@pytest.mark.parametrize(
    ("package", "extra", "use"),
    [
        ("matplotlib", "evaluate", plot),
        ("matplotlib", "evaluate", bland_altman),
        ("xraydb", "simulate", simulate),
        ("distributed", "dask", cluster),
        ("matplotlib", "evaluate", plot_result),
        ("pandas", "pandas", frame),
        ("dicomanonymizer", "share", deidentify),
        ("pycocotools", "exchange", coco),
        ("openvino", "fast", openvino),
        ("anywidget", "review", review),
    ],
)
def test_in_python(hidden, package, extra, use):
    hidden(package, "ho_imaging.review.widget", *_submodules(package))
    with pytest.raises(UsageError, match=rf'needs {package} .*pip install "ho-imaging\[{extra}\]"'):
        use()


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("pynetdicom", "pacs", ["fetch-analyze", "--dimse", "A@localhost:1", "--study", "1.2"]),
        ("pynetdicom", "pacs", ["fetch-analyze", "--dimse", "A@localhost:1", "--query", "StudyDate=20240101-"]),
        ("dicomweb_client", "pacs", ["fetch-analyze", "--dicomweb", "http://localhost:1/x", "--study", "1.2"]),
        ("pynetdicom", "pacs", ["serve", "--config", "c.toml"]),
        ("dicomweb_client", "pacs", ["serve", "--config", "c.toml"]),
        ("shtab", "completion", ["completion", "bash"]),
    ],
)
def test_on_the_command_line(hidden, monkeypatch, tmp_path, capsys, package, extra, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ho_imaging.pacs.config.load_serve_config", lambda path: SimpleNamespace())
    hidden(package, *_submodules(package))
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert package in said.err
    assert f'pip install "ho-imaging[{extra}]"' in said.err
    assert said.out == ""
    assert not list(tmp_path.iterdir())


def test_a_module_within_a_package_is_named_by_the_package():
    error = ModuleNotFoundError("no", name="dicomweb_client.api")
    assert "needs dicomweb_client (" in str(missing_extra(error, "pacs", "this"))


def test_what_is_there_is_no_error():
    require(("json", "ast"), "pacs", "this")


def _submodules(package):
    return [name for name in sys.modules if name.startswith(f"{package}.")]
