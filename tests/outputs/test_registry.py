"""Outputs by name: of this package, and of a package that plugs one in."""

import json
import sys
from pathlib import Path

import pytest

from ho_imaging import Analyzer
from ho_imaging.errors import UsageError
from ho_imaging.outputs import names, write
from ho_imaging.outputs.registry import Needs, choose, find
from ho_imaging.outputs.study_folder import write_study

SAMPLE = Path(__file__).parents[2] / "sample_data" / "07_one_hip_islands.dcm"

TOY = """
from ho_imaging.outputs import Output, Option

def write(source, path, *, shout):
    if source.result.findings and shout:
        raise KeyError("Doe^Jane")
    path.write_text(source.result.study_uid)

OUTPUT = Output(name="toy", about="the study's UID", write=write, file="toy.txt", options={"shout": Option("fail")})
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A package with an entry point, as pip installs it."""
    site = tmp_path / "site"
    about = site / "ho_toy-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "ho_toy.py").write_text(TOY)
    (site / "ho_broken.py").write_text("raise RuntimeError")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ho-toy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[ho_imaging.outputs]\n"
        "toy = ho_toy:OUTPUT\nbroken = ho_broken:OUTPUT\nfhir = ho_toy:OUTPUT\nother = ho_toy:OUTPUT\n"
    )
    monkeypatch.syspath_prepend(site)
    yield
    sys.modules.pop("ho_toy", None)


@pytest.fixture
def analysis(fake_network):
    return Analyzer(region="pelvis", view="ap").analyze_films([SAMPLE])


def test_every_output_of_the_package_is_what_its_row_says():
    for name in names():
        output = find(name)
        assert output.name == name
        assert output.about


def test_every_output_writes_something(analysis, tmp_path):
    for name in names():
        place = tmp_path / name
        place.mkdir()
        path = find(name).path_in(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(analysis, name, path)
        assert [file for file in place.rglob("*") if file.is_file()], name


def test_a_kept_result_gives_what_it_can_and_says_what_it_cannot(analysis, tmp_path):
    kept = type(analysis.result).from_json(analysis.result.to_json())
    for name in names():
        path = tmp_path / name
        if find(name).needs is Needs.ANALYSIS:
            with pytest.raises(UsageError, match="cannot be made from a kept result"):
                write(kept, name, path)
        else:
            write(kept, name, path)
            assert path.exists(), name
    with pytest.raises(UsageError, match="kept result"):
        write(kept, "dicom", tmp_path / "more", probability=True)


def test_another_package_plugs_in_an_output(toy, analysis, tmp_path):
    assert "toy" in names()
    assert names().count("fhir") == 1
    write(analysis, "toy", tmp_path / "toy.txt")
    assert (tmp_path / "toy.txt").read_text() == analysis.result.study_uid
    with pytest.raises(UsageError, match=r"broken cannot be loaded .* remove ho-toy"):
        choose("broken")
    with pytest.raises(UsageError, match="is not the output other"):
        choose("other")


def test_an_output_that_fails_costs_itself_alone(toy, analysis, tmp_path, caplog):
    done = write_study(analysis, tmp_path / "study", ("toy:shout", "fhir"))
    assert any("Output toy was not written: internal error (KeyError)" in str(text) for text in done.result.warnings)
    assert "Doe" not in caplog.text
    assert json.loads((tmp_path / "study" / "result.json").read_text())["warnings"] == [
        warning.model_dump(mode="json") for warning in done.result.warnings
    ]
    assert (tmp_path / "study" / "outputs" / "fhir.json").is_file()
    # Analysed again without it, nothing of the earlier result stays.
    write_study(analysis, tmp_path / "study")
    assert not list((tmp_path / "study" / "outputs").iterdir())


@pytest.mark.parametrize("killed_at", range(1, 4))
def test_an_analysis_that_is_killed_leaves_no_result_beside_outputs_of_another(
    analysis, tmp_path, monkeypatch, killed_at
):
    write_study(analysis, tmp_path / "study", ("fhir",))
    left = iter(range(killed_at))

    def killed(path, *_, **__):
        if next(left, None) is None:
            raise KeyboardInterrupt
        path.write_text("new")

    monkeypatch.setattr("ho_imaging.outputs.study_folder.write_text", killed)
    monkeypatch.setattr("ho_imaging.outputs.study_folder.write_output", lambda _, __, folder: killed(folder / "out"))
    with pytest.raises(KeyboardInterrupt):
        write_study(analysis, tmp_path / "study", ("fhir",))
    assert not (tmp_path / "study" / "result.json").exists()


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr("ho_imaging.outputs.registry.find_spec", lambda _: None)
    with pytest.raises(
        UsageError, match=r"output coco needs pycocotools \(install it with: pip install \"ho-imaging\[exchange\]\"\)"
    ):
        choose("coco")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("nothing", "unknown output 'nothing'"),
        ("dicom:colour", "no option 'colour'"),
        ("dicom:anatomy=1", "it is a switch"),
        ("fhir:release=R3", "write release=R4 or R5"),
    ],
)
def test_what_is_no_output_is_said(text, wrong):
    with pytest.raises(UsageError, match=wrong):
        choose(text)


def test_one_choice_has_one_spelling():
    assert choose("dicom:probability:anatomy").text == choose("dicom:anatomy=true:probability").text
    assert choose("fhir:release=R4").text == "fhir"
    assert choose("dicom").needs is Needs.FILMS
    assert choose("dicom:anatomy").needs is Needs.ANALYSIS
