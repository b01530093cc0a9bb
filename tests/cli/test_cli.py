"""The command line as a user meets it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ho_imaging.batch import folder_name
from ho_imaging.cli import main
from ho_imaging.errors import ModelError
from ho_imaging.progression import growth


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "ho_imaging", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_schema_is_json_schema():
    done = run("schema")
    assert done.returncode == 0
    assert json.loads(done.stdout)["properties"]["severity"]


def test_version_and_help():
    assert run("--version").stdout.startswith("ho_imaging ")
    text = run("--help").stdout
    assert "analyze" in text
    assert "Not a medical device" in text


@pytest.mark.parametrize(
    "arguments", [(), ("analyze",), ("analyze", "x"), ("nonsense",), ("analyze", "nowhere", "--out", "o")]
)
def test_wrong_use_exits_with_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


def test_a_missing_path_is_named(tmp_path):
    done = run("analyze", tmp_path / "nowhere.dcm", "--out", tmp_path / "out")
    assert "nowhere.dcm" in done.stderr
    assert "does not exist" in done.stderr


def test_a_missing_model_is_said_before_any_film(chest, tmp_path):
    done = run("analyze", chest, "--out", tmp_path / "out", "--model", tmp_path / "no_model")
    assert done.returncode == 2
    assert "no_model" in done.stderr


def test_refused_films_exit_with_1_and_leave_a_result(chest, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ho_imaging.pipeline.Analyzer.model", property(lambda self: None))
    out = tmp_path / "out"
    assert main(["analyze", str(chest.parent), "--out", str(out), "--region", "chest", "--overlays", "--masks"]) == 1
    line = json.loads(capsys.readouterr().out)
    assert line["status"] == "refused"
    assert "chest" in line["reason"]
    result = json.loads(Path(line["result"]).read_text())
    assert result["status"] == "refused"
    with (out / "inputs.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["path"], row["status"]) == (str(chest), "refused")
    assert not list(out.rglob("*.part"))


@pytest.mark.parametrize("uid", ["1.2.840.1", "2.25.7"])
def test_a_uid_is_its_own_folder(uid):
    assert folder_name(uid) == uid


@pytest.mark.parametrize("uid", ["../../etc", "1..2", "", "a/b", "1.2\n", "9" * 70, "é"])
def test_anything_else_is_hashed(uid):
    name = folder_name(uid)
    assert name.startswith("uid-")
    assert name == folder_name(uid)
    assert "/" not in name


def test_errors_keep_their_remedy_on_the_command_line(monkeypatch, chest, tmp_path, capsys):
    def broken(self):
        raise ModelError("is damaged", path="m", remedy="fetch it again")

    monkeypatch.setattr("ho_imaging.pipeline.Analyzer.model", property(broken))
    assert main(["analyze", str(chest), "--out", str(tmp_path / "o")]) == 2
    assert "fetch it again" in capsys.readouterr().err


def test_a_folder_without_images_is_wrong_use(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no films here, only this note about them")
    assert main(["analyze", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "no image files" in capsys.readouterr().err


def test_every_rejected_file_has_its_line(chest, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ho_imaging.pipeline.Analyzer.model", property(lambda self: None))
    (chest.parent / "torn.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL")
    (chest.parent / "README").write_text("a stray that nobody expects a result for")
    assert main(["analyze", str(chest.parent), "--out", str(tmp_path / "o"), "--region", "chest"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["refused", "failed"]
    assert lines[1]["path"].endswith("torn.dcm")


def test_logs_can_be_json_lines(chest, tmp_path):
    done = run("--log-json", "analyze", chest, "--out", tmp_path / "o", "--model", tmp_path / "no_model")
    line = json.loads(done.stderr.splitlines()[-1])
    assert line["level"] == "ERROR"
    assert "no_model" in line["message"]


@pytest.mark.parametrize(
    "options", [("--shard", "3/2"), ("--shard", "x"), ("--since", "yesterday"), ("--region", "nose")]
)
def test_wrong_options_are_named(chest, tmp_path, capsys, options):
    assert main(["analyze", str(chest), "--out", str(tmp_path / "o"), *options]) == 2
    assert options[1] in capsys.readouterr().err


SAMPLE = Path(__file__).parents[2] / "sample_data" / "02_islands.dcm"


def test_a_study_compared_with_itself_is_stable(tmp_path, capsys, monkeypatch):
    """Where outlines err by little; how much those of the model do decides how sure a verdict can be."""
    monkeypatch.setattr(
        growth,
        "CONSTANTS",
        growth.Constants(whole=0.5, share=0.02, blur=0.02, scatter=0.02, change=0.05, reach=2.0, size=0.05),
    )
    assert main(["-q", "compare", str(SAMPLE), str(SAMPLE), "--days", "30", "--out", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["verdict"] == "stable"
    assert result["overall"]["sides"][0]["residual_mm"] < 0.01
    assert all(nodule["change_mm2"] == 0 for side in result["overall"]["sides"] for nodule in side["nodules"])
    assert json.loads((tmp_path / "comparison.json").read_text()) == result
    assert {path.name for path in tmp_path.glob("*.png")} >= {"left.png", "right.png"}


def test_comparing_one_study_is_wrong_use(capsys):
    assert main(["compare", str(SAMPLE)]) == 2
    assert "two studies" in capsys.readouterr().err
