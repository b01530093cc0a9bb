"""The whole command on sample films: what it writes, that it resumes, and the site file all the way into results."""

import csv
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from ho_imaging import Analyzer, StudyResult, UsageError
from ho_imaging.batch import BatchOptions, Settings
from ho_imaging.batch.work import fingerprint
from ho_imaging.cli import main
from ho_imaging.evaluation.validate import validate
from ho_imaging.network.model_store import find_model, load_model, read_description
from ho_imaging.network.prediction import ModelIdentity
from ho_imaging.network.site import SiteEvidence, SiteFile, SiteModel, read_site, site_text
from ho_imaging.outputs import to_fhir
from ho_imaging.pacs.config import ServeConfig
from ho_imaging.reading import StudyRef
from ho_imaging.reading.files import FileKind
from ho_imaging.reading.read import ImageRef
from ho_imaging.vocabulary import Structure

SAMPLES = Path(__file__).parents[2] / "sample_data"

WITHOUT, WITH, ONE_HIP = "01_no_ectopic_bone.dcm", "05_bridging.dcm", "07_one_hip_islands.dcm"

LABELS = f"""Film;HO;Side;Brooker;Boxes;Maker
{WITHOUT.removesuffix(".dcm")};no;both;0;;one

{WITH};yes;;;0-0-100-100;two
{ONE_HIP};Yes;;;"0-0-1-1";two
damaged.dcm;no;;;;one
nowhere.dcm;no;;;;one
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "films"
    folder.mkdir()
    for name in (WITHOUT, WITH, ONE_HIP):
        shutil.copy(SAMPLES / name, folder / name)
    (folder / "damaged.dcm").write_bytes(b"")
    (folder / "unlabelled.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    return folder


@pytest.fixture(scope="module")
def labels(films):
    path = films.parent / "labels.csv"
    path.write_text(LABELS, encoding="utf-8-sig")
    return path


def command(films, labels, out, *more):
    return main(["-q", "validate", str(films), "--labels", str(labels), "--out", str(out), "--workers", "0", *more])


@pytest.fixture(scope="module")
def validated(films, labels):
    """The output folder of a first run, which also suggests a threshold."""
    out = films.parent / "out"
    assert command(films, labels, out, "--suggest-threshold", "--false-positive-rate", "0") == 1
    return out


def test_everything_is_written(validated, films):
    figures = json.loads((validated / "figures.json").read_text())
    group = figures["all"]
    assert (group["films"], group["accepted"], group["failed"]) == (4, 3, 1)
    assert (group["sensitivity"]["count"], group["sensitivity"]["total"]) == (2, 2)
    assert group["accepted_no"] == 1
    assert (group["box_hits"]["count"], group["box_hits"]["total"]) == (1, 2)
    assert group["sides"]["sides"] == 2
    assert figures["rows_not_matched"] == [{"line": 7, "why": "names no film that is here"}]
    assert figures["films_without_row"] == 1
    assert set(figures["by_group"]) == {"maker"}
    assert set(figures) == {"keys", *(name for name in figures["keys"] if "." not in name)}
    (grades,) = group["grades"]
    assert (grades["system"], grades["compared"] + grades["not_graded"]) == ("brooker", 2)
    with (validated / "films.csv").open(newline="") as stream:
        rows = {row["film"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {WITHOUT, WITH, ONE_HIP, "damaged.dcm"}
    assert (rows[WITH]["label"], rows[WITH]["result"], rows[WITH]["hit"]) == ("yes", "outlined", "yes")
    assert (rows[ONE_HIP]["hit"], rows[WITHOUT]["lines"], rows["damaged.dcm"]["status"]) == ("no", "2", "failed")
    result = StudyResult.from_json(next(validated.glob("analysis/studies/*/result.json")).read_bytes())
    assert result.model is not None
    assert result.model.site is None
    assert "unlabelled.png" in (validated / "tables.md").read_text()
    assert (validated / "roc.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_shows_each_disagreement_from_its_own_folder(validated):
    page = (validated / "index.html").read_text()
    assert "outlined, but outside every box" in page
    pictures = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert any(picture.startswith("disagreements/") for picture in pictures)
    for picture in pictures:
        assert (validated / picture).is_file()
        assert ".." not in picture
    assert "http" not in page.replace("http-equiv", "")


def test_the_same_command_resumes(validated, films, labels, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in validated.glob("analysis/studies/*/result.json")}
    figures = (validated / "figures.json").read_bytes()

    def analysed_again(*_):
        raise AssertionError

    monkeypatch.setattr("ho_imaging.pipeline.Analyzer.analyze_study", analysed_again)
    assert command(films, labels, validated) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (validated / "figures.json").read_bytes() == figures


def test_films_of_an_earlier_table_do_not_join_the_studies_of_this_one(tmp_path):
    """A grade of a study is that of its films together, so figures would depend on what was validated before."""
    (tmp_path / "films").mkdir()
    film = pydicom.dcmread(SAMPLES / WITHOUT)
    for name in "ab":
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{ord(name)}"
        film.save_as(tmp_path / "films" / f"{name}.dcm")
    for names in ("ab", "b"):
        labels = tmp_path / "labels.csv"
        labels.write_text("film,ho\n" + "".join(f"{name}.dcm,no\n" for name in names))
        # Refused by its region, before any model is loaded.
        validate(tmp_path / "films", labels, tmp_path / "out", Settings(region="chest"), BatchOptions(workers=0))
    (place,) = (tmp_path / "out" / "analysis" / "studies").glob("*/result.json")
    assert [image.sop_instance_uid for image in StudyResult.from_json(place.read_text()).images] == ["1.2.3.98"]


def test_bad_lines_are_said_before_anything_is_analysed(films, tmp_path, capsys):
    path = tmp_path / "labels.csv"
    path.write_text(f"film,ho\n{WITHOUT},perhaps\n{WITH},yes\n{WITH},no\n")
    assert command(films, path, tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert "line 2: ho is none of" in said
    assert "line 4: labels the film that line 3 labels" in said
    assert not (tmp_path / "out").exists()


def test_a_rate_without_its_option_is_wrong_use(films, labels, tmp_path, capsys):
    assert command(films, labels, tmp_path, "--false-positive-rate", "0.1") == 2
    assert command(films, labels, tmp_path, "--suggest-threshold", "--false-positive-rate", "1") == 2
    assert "--false-positive-rate" in capsys.readouterr().err


def test_a_site_file_comes_back_as_it_was_written(validated):
    path = validated / "site.toml"
    site = read_site(path)
    written = tomllib.loads(path.read_text())
    assert site.threshold == written["threshold"]
    assert (site.temperature, site.bias) == tuple(written["finding_confidence"].values())
    assert written["evidence"]["negatives"] == 1
    assert written["evidence"]["labels_sha256"] == json.loads((validated / "figures.json").read_text())["labels_sha256"]
    assert site.model_name == "hip"


def test_every_result_and_object_records_the_site_file(validated, films, tmp_path):
    """The threshold is put above every score: nothing is outlined then, and everything says by which file."""
    path = tmp_path / "site.toml"
    text = (validated / "site.toml").read_text()
    threshold = tomllib.loads(text)["threshold"]
    path.write_text(text.replace(f"threshold = {threshold}\n", "threshold = 0.5\n", 1))
    out = tmp_path / "out"
    arguments = ["-q", "analyze", str(films / WITH), "--out", str(out), "--dicom", "--workers", "0", "--site"]
    assert main([*arguments, str(path)]) == 0
    (place,) = out.glob("studies/*/result.json")
    result = StudyResult.from_json(place.read_bytes())
    site = read_site(path)
    assert (result.model.site.sha256, result.model.site.threshold) == (site.sha256, 0.5)
    named = f"site file sha256 {site.sha256}, threshold 0.5"
    objects = [pydicom.dcmread(item) for item in place.parent.glob("dicom/*.dcm")]
    (segmentation,) = [item for item in objects if item.Modality == "SEG"]
    algorithm = segmentation.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert site.sha256 in algorithm.AlgorithmParameters
    (report,) = [item for item in objects if item.Modality == "SR"]
    assert named in report.to_json()
    observation = to_fhir(result)["entry"][1]["resource"]
    assert observation["device"]["display"].endswith(named)
    assert to_fhir(result)["entry"][0]["fullUrl"] != to_fhir(without_site(result))["entry"][0]["fullUrl"]
    with (out / "studies.csv").open(newline="") as stream:
        assert next(csv.DictReader(stream))["site_sha256"] == site.sha256

    # The same content elsewhere changes nothing; other content does.
    stamp = place.stat().st_mtime_ns
    copy = tmp_path / "copy.toml"
    copy.write_bytes(path.read_bytes())
    assert main([*arguments, str(copy)]) == 0
    assert place.stat().st_mtime_ns == stamp
    copy.write_text(copy.read_text() + "# noted\n")
    assert main([*arguments, str(copy)]) == 0
    assert StudyResult.from_json(place.read_bytes()).model.site.sha256 == read_site(copy).sha256


def without_site(result):
    return result.model_copy(update={"model": result.model.model_copy(update={"site": None})})


def test_the_fingerprint_of_a_study_holds_the_site_file(tmp_path):
    study = StudyRef("1.2", (ImageRef(tmp_path / "a", FileKind.PNG, "1.2", "1.3", "1.4", ""),))
    site = made_site()
    one, other = Settings(site=replace(site, path="here")), Settings(site=replace(site, path="there"))
    assert fingerprint(study, one, None, "") == fingerprint(study, other, None, "")
    for changed in (
        Settings(),
        Settings(site=replace(site, threshold=0.6)),
        Settings(site=replace(site, sha256="e" * 64)),
    ):
        assert fingerprint(study, one, None, "") != fingerprint(study, changed, None, "")


def made_file(sha256="d" * 64):
    rates = dict.fromkeys(
        ("false_positive_rate_asked", "false_positive_rate_before", "false_positive_rate_after", "threshold_before"),
        0.1,
    )
    limits = dict.fromkeys(
        ["false_positive_rate_before_interval", "false_positive_rate_after_interval", "threshold_interval"], (0.0, 0.5)
    )
    return SiteFile(
        threshold=0.9,
        model=SiteModel(name="other", version="7", sha256=sha256),
        finding_confidence={"temperature": 2.0, "bias": -1.0},
        evidence=SiteEvidence(
            date="2026-11-30", films=10, positives=2, negatives=8, finding_confidence_fit="the bias alone",
            labels_sha256="c" * 64, program="p", **rates, **limits,
        ),
    )  # fmt: skip


def made_site(sha256="d" * 64):
    from ho_imaging.network.site import Site  # noqa: PLC0415

    return Site("f" * 64, 0.9, 2.0, -1.0, "other", "7", sha256)


def test_a_site_file_of_another_model_is_refused_and_both_are_named(tmp_path, films, capsys):
    path = tmp_path / "site.toml"
    path.write_text(site_text(made_file()))
    with pytest.raises(UsageError) as error:
        _ = Analyzer(site=path).model
    said = str(error.value)
    for part in (str(path), "other 7", "d" * 64, "hip", read_description(find_model("default")).sha256):
        assert part in said
    assert main(["-q", "analyze", str(films / WITH), "--out", str(tmp_path / "out"), "--site", str(path)]) == 2
    assert "other 7" in capsys.readouterr().err
    assert not list(tmp_path.glob("out/studies/*"))


@pytest.mark.parametrize("text", ["", "threshold = 2\n", "no toml", "threshold = 0.5\n"])
def test_what_is_no_site_file_is_said(tmp_path, text):
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"site\.toml"):
        Analyzer(site=path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_site(tmp_path / "nowhere.toml")


def test_a_loaded_model_takes_a_site_file(tmp_path):
    """Threshold and confidence are the file's; the level outlines are drawn at stays the model's."""
    model = load_model()
    path = tmp_path / "site.toml"
    path.write_text(site_text(made_file(model.identity.sha256)))
    plain, own = Analyzer(model), Analyzer(model, site=path)
    assert plain.model.identity == ModelIdentity("hip", model.description.version, model.identity.sha256)
    assert own.model.identity.site.threshold == 0.9
    (film,) = own.analyze_films([SAMPLES / WITH]).films.values()
    assert film.prediction.thresholds[Structure.HO] == 0.9
    assert film.prediction.outline_threshold == model.description.thresholds[Structure.HO]
    assert film.prediction.finding_confidence.temperature == 2.0


def test_the_service_reads_a_site_file(tmp_path):
    config = ServeConfig.model_validate({"spool": {"folder": tmp_path}, "analysis": {"site": tmp_path / "site.toml"}})
    from ho_imaging.pacs.service import check_config  # noqa: PLC0415

    with pytest.raises(UsageError, match=r"analysis\.site: cannot be read"):
        check_config(config)
    (tmp_path / "site.toml").write_text(site_text(made_file()))
    with pytest.raises(UsageError, match=r"analysis\.site: is for the model other 7"):
        check_config(config)
