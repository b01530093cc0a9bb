"""What people read on a terminal, and what programs read elsewhere."""

import json
import os
import pty
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest

from ho_imaging.batch import Outcome, Progress
from ho_imaging.cli import main
from ho_imaging.cli.answers import comparison_text, study_line, summary_text
from ho_imaging.cli.main import build_parser
from ho_imaging.cli.progress import ProgressLine
from ho_imaging.messages import Message
from ho_imaging.severity.context import context_from_words

GRADED = SimpleNamespace(
    study_uid="1.2.3",
    status="done",
    images=(SimpleNamespace(path="films/a.dcm", status="done"),),
    severity=SimpleNamespace(
        sides=(
            SimpleNamespace(side="right", system="brooker", grade="0", category="none", probabilities={"0": 0.93}),
            SimpleNamespace(side="left", system="walter_reed", grade="II", category="mild", probabilities={}),
            SimpleNamespace(side="unknown", system="none", grade=None, category="moderate", probabilities={}),
        )
    ),
)


def line_of(result, monkeypatch):
    monkeypatch.setattr("ho_imaging.results.folder.read_result", lambda path: result)
    return study_line(Outcome("1.2.3", "done", None), Path("o"))


def test_a_study_is_one_short_line(monkeypatch):
    line = line_of(GRADED, monkeypatch)
    assert line == "a.dcm: right Brooker 0 (certainty 0.93); left Walter Reed II; side unknown moderate"


def test_several_images_are_named_by_their_folder(monkeypatch):
    images = (*GRADED.images, SimpleNamespace(path="films/b.dcm", status="failed"))
    line = line_of(SimpleNamespace(**{**vars(GRADED), "images": images}), monkeypatch)
    assert line.startswith("films (2 images): right")
    assert line.endswith("; 1 image not analysed")


def test_a_study_without_a_result_says_why(tmp_path):
    assert study_line(Outcome("1.2.3", "failed", Message("folder_empty")), tmp_path) == "1.2.3: failed: holds no files"


def test_json_is_for_programs_and_sentences_for_people(chest, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("ho_imaging.pipeline.Analyzer.model", property(lambda self: None))
    command = ["analyze", str(chest.parent), "--out", str(tmp_path / "o"), "--region", "chest"]
    assert main([*command, "--no-json"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("a.png: refused: ")
    assert str(tmp_path / "o" / "index.html") in said.err
    assert main(["summary", str(tmp_path / "o")]) == 0
    assert json.loads(capsys.readouterr().out)["studies"] == {"refused": 1}
    assert main(["summary", "--no-json", str(tmp_path / "o")]) == 0
    assert capsys.readouterr().out.startswith("1 study: 1 refused.\n1 file: 1 refused.\nWhy ")


def test_a_summary_in_sentences():
    text = summary_text({"studies": {"done": 2}, "inputs": {"done": 3}, "grades": {"brooker II": 2}, "reasons": {}})
    assert text == "2 studies: 2 done.\n3 files: 3 done.\nGrades (worst side of a study):\n  brooker II: 2\n"


def test_a_comparison_in_sentences():
    side = SimpleNamespace(side="left", verdict="spreading", statement="20 mm² more.")
    interval = SimpleNamespace(days=30, verdict="spreading", sides=(side,))
    result = SimpleNamespace(verdict="spreading", intervals=(interval,), overall=interval, warnings=("x",))
    assert comparison_text(result).splitlines() == [
        "Verdict: spreading.",
        "Last interval: 30 days, spreading.",
        "  Left: spreading. 20 mm² more.",
        "Note: x",
    ]
    twice = comparison_text(SimpleNamespace(**{**vars(result), "intervals": (interval, interval)}))
    assert "From the first study to the last: 30 days, spreading." in twice


@pytest.mark.parametrize("arguments", [["-q", "analyze", "x"], ["analyze", "x", "-q"], ["analyse", "-q", "x"]])
def test_quiet_and_verbose_stand_before_or_after_the_command(arguments):
    options = build_parser().parse_args(arguments)
    assert (options.command, options.quiet, options.verbose) == ("analyze", True, False)


def test_a_missing_out_has_a_default_that_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["analyze", "nowhere"]) == 2
    said = capsys.readouterr().err
    assert "results go to ho_results" in said
    assert "nowhere" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("topic", [[], ["compare"], ["analyse"]])
def test_help_is_a_command(topic, capsys):
    assert main(["help", *topic]) == 0
    assert (["analyze", *topic][-1].replace("analyse", "analyze")) in capsys.readouterr().out


def test_bash_completes_commands_and_options(tmp_path, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "c.sh"
    script.write_text(capsys.readouterr().out)
    asked = "COMP_WORDS=(ho-imaging ana); COMP_CWORD=1; _shtab_ho_imaging; echo ${COMPREPLY[@]}"
    done = subprocess.run(
        ["bash", "-c", f". {script}; {asked}"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert "analyze" in done.stdout, done.stderr


def test_a_cause_is_taken_as_people_write_it():
    for words in ("spinal cord injury", "Spinal-cord injury", "spinal_cord_injury"):
        assert context_from_words(words).cause == "spinal_cord_injury"


BAR = """
import logging
from ho_imaging.batch import Progress
from ho_imaging.cli.progress import ProgressLine
from ho_imaging.logs import LogSettings, set_up
set_up(LogSettings())
line = ProgressLine(quiet=False)
for n in (1, 2, 3):
    line.write(f"study {n}")
    line.show(Progress(n, 0, 0, 4, 10.0 * n))
    logging.getLogger("ho_imaging.x").warning("a word")
line.end()
"""


def test_the_bar_of_a_terminal_tells_rate_and_time_left_and_breaks_no_line():
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    with subprocess.Popen([sys.executable, "-c", BAR], stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        out, shown = process.stdout.read().decode(), b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert out.splitlines() == ["study 1", "study 2", "study 3"]
    text = shown.decode()
    assert "3 of 4 studies" in text
    assert "10.0" in text.replace("s/", " s/")  # ten seconds a study
    assert "00:10 left" in text or "00:09 left" in text
    # What is left of each line when the carriage has returned for the last time.
    assert [line.rsplit("\r", 1)[-1] for line in text.split("\r\n")].count("WARNING a word") == 3


def test_elsewhere_there_is_no_bar(capsys):
    line = ProgressLine(quiet=False)
    line.show(Progress(1, 0, 0, 4, 10.0))
    line.write("x")
    line.end()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("x\n", "")
