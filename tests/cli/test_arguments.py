"""Arguments as people write them: what is wrong is said before any work, with what would be right."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ho_imaging.batch import BatchCounts
from ho_imaging.cli import main
from ho_imaging.cli.common import check_out
from ho_imaging.errors import UsageError, WriteError
from ho_imaging.pipeline import Analyzer
from ho_imaging.reading import discover
from ho_imaging.vocabulary import Laterality, Region, View


@pytest.fixture
def films(tmp_path):
    """Two films that are studies of their own."""
    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(2):
        values = np.random.default_rng(number).integers(0, 255, (80, 90)).astype(np.uint8)
        Image.fromarray(values).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def batch(monkeypatch):
    """What the command line asks of a batch."""
    asked = {}

    def run_batch(paths, out, settings, options, **more):
        asked.update(settings=settings, options=options, **more)
        return BatchCounts(1, 0, 0)

    monkeypatch.setattr("ho_imaging.batch.run_batch", run_batch)
    return asked


@pytest.mark.parametrize(
    ("option", "text", "name", "value"),
    [
        ("--region", "Hip", "region", "hip"),
        ("--region", "Residual Limb", "region", "residual_limb"),
        ("--view", "AP", "view", "ap"),
        ("--view", "Frog-Leg", "view", "frog_leg"),
        ("--laterality", "Left", "laterality", "left"),
        ("--laterality", "L", "laterality", "left"),
        ("--laterality", "r", "laterality", "right"),
        ("--laterality", "B", "laterality", "bilateral"),
    ],
)
def test_words_are_taken_as_people_write_them(batch, option, text, name, value):
    assert main(["-q", "analyze", "x", "--out", "o", option, text]) == 0
    assert getattr(batch["settings"], name) == value


@pytest.mark.parametrize(("option", "words"), [("--region", Region), ("--view", View), ("--laterality", Laterality)])
def test_an_unknown_word_is_answered_with_those_there_are(batch, capsys, option, words):
    assert main(["analyze", "x", "--out", "o", option, "nose"]) == 2
    said = capsys.readouterr().err
    assert "'nose'" in said
    assert all(word.value in said for word in words)
    assert not batch
    with pytest.raises(SystemExit):
        main(["analyze", "--help"])
    said = capsys.readouterr().out
    assert all(word.value in said for word in words)


@pytest.mark.parametrize("first", ["--anonymous", "--identifiers=order"])
def test_words_on_identifiers_exclude_each_other(batch, capsys, first):
    with pytest.raises(SystemExit, match="2"):
        main(["analyze", "x", "--out", "o", first, "--patient"])
    assert "not allowed with argument" in capsys.readouterr().err
    assert not batch


def test_the_same_in_python():
    with pytest.raises(UsageError, match=r"'nose' is no view .*cross_table_lateral"):
        Analyzer(view="nose")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom ho_imaging.cli import main\n"
        "try:\n    main(['--help'])\n"
        "finally:\n    sys.stderr.write(' '.join({'torch', 'numpy', 'cv2', 'pydicom', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == ""


COMMANDS = {
    "analyze": ["{films}"],
    "simulate": ["--count", "1"],
    "compare": ["{films}/0.png", "{films}/1.png"],
    "report": ["{films}"],
    "evaluate": ["--data", "{films}"],
}


@pytest.mark.parametrize("below", ["", "a/b"])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_out_that_is_a_file_is_said_before_any_work(films, tmp_path, monkeypatch, capsys, command, below):
    def work(*_, **__):
        raise AssertionError("something was done first")

    for name in (
        "pipeline.Analyzer.__init__", "batch.run_batch", "batch.kept_studies.kept_studies",
        "simulation.studies.write_study",
    ):  # fmt: skip
        monkeypatch.setattr(f"ho_imaging.{name}", work)
    (tmp_path / "file").write_text("somebody's")
    arguments = [text.format(films=films) for text in COMMANDS[command]]
    assert main([command, *arguments, "--out", str(tmp_path / "file" / below)]) == 2
    said = capsys.readouterr()
    assert f"{tmp_path / 'file'}: is a file, not a folder" in said.err
    assert said.out == ""
    assert (tmp_path / "file").read_text() == "somebody's"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_out_whose_name_is_too_long_is_said_in_one_line(films, tmp_path, capsys, command):
    out = tmp_path / ("L" * 300) / "below"
    arguments = [text.format(films=films) for text in COMMANDS[command]]
    assert main([command, *arguments, "--out", str(out)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "L" * 300 in line] == said[-1:]
    assert f"{out}: the name is too long" in said[-1]
    assert "Traceback" not in "".join(said)


def test_a_report_may_be_a_file_of_its_own(tmp_path):
    (tmp_path / "old.html").write_text("an earlier report")
    check_out(tmp_path / "old.html", page=True)
    check_out(tmp_path / "new" / "x.html", page=True)
    check_out(tmp_path / "new" / "folder")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_out(tmp_path / "folder.html", page=True)
    with pytest.raises(UsageError, match=r"old.html: is a file"):
        check_out(tmp_path / "old.html" / "x.html", page=True)


def test_a_comparison_is_printed_before_pictures_can_fail(monkeypatch, tmp_path, capsys):
    def no_space(*_):
        raise WriteError("cannot be written: No space left on device", path=tmp_path)

    result = SimpleNamespace(to_json=lambda **_: '{"verdict": "stable"}\n', verdict="stable")
    monkeypatch.setattr("ho_imaging.progression.studies.analyze_study", lambda *_: None)
    monkeypatch.setattr(
        "ho_imaging.progression.studies.compare_studies", lambda *_, **__: SimpleNamespace(result=result)
    )
    monkeypatch.setattr("ho_imaging.outputs.comparison_picture.write_comparison", no_space)
    assert main(["compare", "a", "b", "--out", str(tmp_path / "o")]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out) == {"verdict": "stable"}
    assert "No space" in said.err


@pytest.fixture
def scored(monkeypatch):
    """An evaluation that ends, told, where scoring would begin."""

    def score(*_, **__):
        raise UsageError("scoring begins")

    model = SimpleNamespace(identity=SimpleNamespace(name="m", version="1", sha256="a" * 64, site=None))
    monkeypatch.setattr("ho_imaging.pipeline.Analyzer.model", property(lambda self: model))
    monkeypatch.setattr("ho_imaging.evaluation.evaluate.evaluate_studies", score)


@pytest.mark.parametrize("more", [[], ["--pairs"]])
def test_a_wrong_folder_of_truth_does_not_keep_the_right_one_out(scored, tmp_path, monkeypatch, capsys, more):
    out, data = tmp_path / "e1", tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "--data", "nosuch", "--out", str(out), *more]) == 2
    assert "nosuch: holds no" in capsys.readouterr().err
    assert not out.exists()
    (data / "1" / "truth").mkdir(parents=True)
    (data / "1" / "truth" / "truth.json").write_text("{}")
    (tmp_path / "x").mkdir()
    for given in ("data", str(data), "./x/../data"):
        assert main(["evaluate", "--data", given, "--out", str(out)]) == 2
        assert "scoring begins" in capsys.readouterr().err
    (tmp_path / "x" / "data" / "1").mkdir(parents=True)
    (data / "1" / "truth").rename(tmp_path / "x" / "data" / "1" / "truth")
    assert main(["evaluate", "--data", "x/data", "--out", str(out)]) == 2
    assert "other data" in capsys.readouterr().err


def test_an_evaluation_begun_by_an_earlier_version_goes_on(scored, tmp_path, monkeypatch, capsys):
    """It noted the path as it was given."""
    (tmp_path / "data" / "1" / "truth").mkdir(parents=True)
    (tmp_path / "data" / "1" / "truth" / "truth.json").write_text("{}")
    (tmp_path / "e1").mkdir()
    mark = {"name": "m", "version": "1", "sha256": "a" * 64, "data": "data"}
    (tmp_path / "e1" / "model.json").write_text(json.dumps(mark))
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "--data", "data", "--out", "e1"]) == 2
    assert "scoring begins" in capsys.readouterr().err


def analyze(films, tmp_path, facts):
    table = tmp_path / "facts.csv"
    table.write_text(facts)
    out = tmp_path / "out"
    return main(["analyze", str(films), "--out", str(out), "--region", "chest", "--context", str(table)])


def test_clinical_facts_of_no_study_are_named(films, tmp_path, capsys):
    uid = discover([films]).studies[0].study_uid
    facts = f"study_uid,cause\n{uid},burn\nfilms/1.png,burn\n1.2.3,trauma\n4.5.6,\n"
    assert analyze(films, tmp_path, facts) == 1
    said = capsys.readouterr().err
    assert f"2 lines of {tmp_path / 'facts.csv'} name no study here, the first: films/1.png" in said
    assert analyze(films, tmp_path, facts.replace("films/1.png", uid.replace("2.25", "2.26"))) == 1
    assert "2 lines of" in capsys.readouterr().err
    assert analyze(films, tmp_path, f"study_uid,cause\n{uid},burn\n") == 1
    assert "no study here" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ("study_uid;cause\n1.2;burn\n", "separated by commas"),
        ("study_uid,cause\n1.2,burn\n,trauma\n", "line 3: names no study"),
    ],
)
def test_a_table_of_facts_that_would_lose_some_is_refused(films, tmp_path, capsys, facts, says):
    assert analyze(films, tmp_path, facts) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_table_of_facts_that_is_not_there_is_said_as_that(films, tmp_path, capsys):
    facts = tmp_path / "no.csv"
    assert main(["analyze", str(films), "--out", str(tmp_path / "o"), "--context", str(facts)]) == 2
    said = capsys.readouterr().err
    assert f"{facts}: does not exist (check the path)" in said
    facts.write_bytes("study_uid,cause\nä,burn\n".encode("latin-1"))
    assert main(["analyze", str(films), "--out", str(tmp_path / "o"), "--context", str(facts)]) == 2
    assert "UTF-8" in capsys.readouterr().err
