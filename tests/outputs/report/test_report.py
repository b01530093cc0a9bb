"""A report says what the result says, to everyone, and nothing it should not."""

import itertools
import json
import re
from datetime import UTC, datetime

import numpy as np
import pydicom
import pytest
from PIL import Image

from ho_imaging.batch import Settings, run_batch
from ho_imaging.batch.kept_studies import kept_studies, read_comparison, reviews_of
from ho_imaging.batch.ledger import Ledger
from ho_imaging.cli import main
from ho_imaging.errors import UsageError
from ho_imaging.findings import read_anatomy
from ho_imaging.messages import Message
from ho_imaging.outputs.report import (
    ComparisonMaterial,
    Material,
    PdfError,
    material_of_analysis,
    material_of_result,
    report_html,
    write_pdf,
)
from ho_imaging.outputs.report.model_card import parse_card
from ho_imaging.pipeline import Analyzer
from ho_imaging.progression.schema import IntervalResult, NoduleChangeResult, ProgressionResult, SideIntervalResult
from ho_imaging.readings.decisions import Decision
from ho_imaging.readings.review_store import ReviewStore
from ho_imaging.results.bone_outlines import BoneOutlines, bone_outlines
from ho_imaging.results.messages import message_result
from ho_imaging.results.schema import RESEARCH_USE, StudyResult
from ho_imaging.severity.film import FilmReading
from ho_imaging.vocabulary import Structure

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}\u202e\x00"


def hostile(value):
    """The same data with every free text replaced; words of the vocabulary, hashes and UIDs of films stay."""
    kept = {
        "status", "region", "view", "laterality", "side", "spacing_basis", "measured_basis", "category", "sides",
        "nearest_bone", "joined_to", "schema_version", "sha256", "sop_instance_uid", "path", "code",
        "codec", "known_from",
    }  # fmt: skip
    if isinstance(value, dict):
        return {key: item if key in kept else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return HOSTILE if isinstance(value, str) else value


def comparison(uid, *, later_ids=None, model=None, **changes):
    """A comparison that ends with a study, of one nodule if ``later_ids`` are given."""
    nodule = NoduleChangeResult(
        course="grown", earlier_ids=("F1",), later_ids=later_ids or (), earlier_mm2=100.0, later_mm2=220.0,
        change_mm2=120.0, change_sd_mm2=20.4, change_mm2_per_month=40.0, density_change=None,
    )  # fmt: skip
    side = SideIntervalResult(
        side="right", verdict="spreading", statement=message_result(
            Message("areas_change", earlier_mm2=100, later_mm2=220, appeared=1, gone=0).with_also(
                Message("grade_change", earlier="I", later="III")
            )
        ),
        earlier_grade="I", later_grade="III", earlier_mm2=100.0, later_mm2=220.0, change_mm2=120.0, change_sd_mm2=20.4,
        change_mm2_per_month=40.0, change_sd_mm2_per_month=6.8, residual_mm=0.7,
        nodules=() if later_ids is None else (nodule,),
    )  # fmt: skip
    interval = IntervalResult(
        earlier_study_uid="1.2.3", later_study_uid=uid, days=91, verdict="spreading", sides=(side,), **changes
    )
    return ProgressionResult(verdict="spreading", intervals=(interval,), overall=interval, model=model)


@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_from_elsewhere_no_script_and_the_notice(material, page, language):
    text = report_html(material, language)
    shown = page(text)
    assert "script" not in {tag for tag, _ in shown.elements}
    assert not [name for _, attributes in shown.elements for name in attributes if name.startswith("on")]
    loaded = [
        a.get(key) for _, a in shown.elements for key in ("src", "href", "srcset", "action", "data") if a.get(key)
    ]
    assert all(target.startswith(("#", "data:image/jpeg;base64,")) for target in loaded)
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [m["content"] for m in shown.named("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert shown.named("html")[0]["lang"] == language
    assert {"en": RESEARCH_USE, "de": "Kein Medizinprodukt."}[language] in shown.text
    # Every target of a link is there.
    ids = [a["id"] for _, a in shown.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in loaded if target.startswith("#")} <= set(ids)


def test_the_numbers_are_those_of_the_result(material, page):
    result = material.result
    shown = page(report_html(material)).text
    assert result.findings
    for finding in result.findings:
        assert f"{finding.long_axis_mm:.1f} × {finding.short_axis_mm:.1f} mm" in shown
        assert f"{finding.area_mm2:.0f} mm²" in shown
    for side in result.severity.sides:
        assert str(side.evidence.statement) in shown
        assert f"{side.score:.1f} of 100" in shown
        for probability in side.probabilities.values():
            assert f"{probability:.0%}" in shown
    assert result.model.sha256 in shown
    german = page(report_html(material, "de")).text
    finding = result.findings[0]
    assert f"{finding.long_axis_mm:.1f}".replace(".", ",") + " × " in german


def test_a_german_report_is_german_but_for_what_is_marked(material, page):
    english = re.compile(r"\b(the|of|and|is|are|with|by|from|this|not|than|between|seen|film|side)\b")
    for material_ in (material, Material(material.result)):
        shown = page(report_html(material_, "de"))
        left = [text for text, language in shown.texts if language == "de" and english.search(text)]
        assert left == []
        alts = [a["alt"] for a in shown.named("img")]
        assert not [alt for alt in alts if english.search(alt)]


def test_a_screen_reader_finds_its_way(material, page):
    shown = page(report_html(material))
    tags = [tag for tag, _ in shown.elements]
    assert [tags.count(tag) for tag in ("main", "h1", "header", "footer", "nav")] == [1, 1, 1, 1, 1]
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    assert all(cell.get("scope") in {"row", "col"} for cell in shown.named("th"))
    assert tags.count("table") == tags.count("caption")
    labels = {label["for"] for label in shown.named("label")}
    assert {field["id"] for field in shown.named("input")} == labels
    (picture,) = shown.named("img")
    assert "Radiograph, bone bright: pelvis, AP, both sides." in picture["alt"]
    assert all(finding.id in picture["alt"] for finding in material.result.findings)


@pytest.mark.parametrize("language", ["en", "de"])
def test_hostile_texts_are_shown_and_never_run(material, page, language):
    result = StudyResult.model_validate_json(json.dumps(hostile(json.loads(material.result.to_json()))))
    text = report_html(Material(result, material.films, material.bones, comparison=None), language)
    shown = page(text)
    tags = {tag for tag, _ in shown.elements}
    assert "script" not in tags
    assert not [name for _, attributes in shown.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in shown.text
    assert "{{7*7}}" in shown.text
    assert "\u202e" not in text
    assert "\x00" not in text
    # What stands in the style sheet cannot be left by a text.
    assert text.count("</style>") == 1
    text.encode("utf-8")


def test_the_same_material_gives_the_same_bytes(analysis):
    first = report_html(material_of_analysis(analysis), "de")
    assert first == report_html(material_of_analysis(analysis), "de")


@pytest.fixture
def named_film(tmp_path, fake_network, samples):
    """A film of somebody with a name, in a folder that tells it too."""
    dataset = pydicom.dcmread(samples / "06_both_sides.dcm")
    dataset.PatientName, dataset.PatientBirthDate, dataset.PatientID = "Beispiel^Erika", "19600304", "HOSP-4711"
    dataset.AcquisitionDate = "20251224"
    path = tmp_path / "Beispiel_Erika" / "film.dcm"
    path.parent.mkdir()
    dataset.save_as(path)
    return path


def test_no_patient_unless_asked_for(named_film):
    analysis = Analyzer().analyze_films([named_film])
    silent = report_html(material_of_analysis(analysis))
    for said in ("Beispiel", "Erika", "1960", "4711", "2025", "December"):
        assert said not in re.sub(r"base64,[\w+/=]+", "", silent).replace(analysis.result.study_uid, "")
    told = report_html(material_of_analysis(analysis, patient=True), "de")
    for said in ("Erika Beispiel", "HOSP-4711", "4. März 1960", "24. Dezember 2025"):
        assert said in told


@pytest.fixture
def second_film(named_film, tmp_path):
    """Write another film of the study, of somebody with a given name."""

    def write(name):
        dataset = pydicom.dcmread(named_film)
        dataset.PatientName, dataset.SOPInstanceUID = name, "1.2.3.4.5"
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
        dataset.save_as(tmp_path / "other.dcm")
        return tmp_path / "other.dcm"

    return write


def test_patients_that_differ_are_told(named_film, second_film):
    """A study of two patients has no grade; so the films must have changed since they were analysed."""
    result = Analyzer().analyze_films([named_film, second_film("Beispiel^Erika")]).result
    assert "different patients" not in report_html(material_of_result(result, patient=True))
    second_film("Muster^Max")
    assert "different patients" in report_html(material_of_result(result, patient=True))


def test_a_study_refused_for_two_patients_names_films_by_number_alone(named_film, second_film, tmp_path, page):
    analysis = Analyzer().analyze_films([named_film, second_film("Muster^Max")])
    assert analysis.result.status == "refused"
    text = report_html(material_of_analysis(analysis))
    assert "images of two patients in one study" in page(text).text
    assert "between film 1 and film 2 (" in page(text).text
    for said in ("Beispiel", "Erika", "Muster", str(tmp_path)):
        assert said not in text


@pytest.mark.parametrize(
    ("status", "reason", "german"),
    [
        ("refused", Message("region_not_read", region="chest", source="BodyPartExamined", regions=("hip", "knee")),
         "zeigt laut BodyPartExamined: Thorax"),
        ("failed", Message("file_empty"), "ist leer"),
        ("failed", Message("given_up", tries=2, died=Message("died.memory")), "aufgegeben nach 2 Versuchen allein"),
        ("failed", Message("of_another_version", tries=2), None),
        ("failed", Message("unclassified", problem="nobody expected this", remedy=""), None),
    ],
)  # fmt: skip
def test_refused_and_failed_studies_say_why(page, status, reason, german):
    result = StudyResult(
        study_uid="1.2.9",
        status=status,
        reason=message_result(reason),
        images=(),
        software={"name": "ho_imaging", "version": "0"},
    )
    assert str(reason) in page(report_html(Material(result))).text
    shown = page(report_html(Material(result), "de"))
    if german is None:
        assert (str(reason), "en") in shown.texts
    else:
        assert german in shown.text
    assert "sagt" in shown.text or "gesagt" in shown.text


def test_a_film_that_is_gone_is_told_in_words(material, page):
    shown = page(report_html(Material(material.result))).text
    assert "not where it was" in shown
    assert "nodule" in shown
    assert material.result.images[0].path not in shown  # a path may tell a name


def test_bones_are_outlined_where_they_are(hips):
    prediction = hips()
    anatomy = read_anatomy(prediction)
    kept = bone_outlines(FilmReading(prediction.prepared, anatomy, ()), "a" * 64)
    assert BoneOutlines.from_json(kept.to_json()) == kept
    (ring,) = kept.outlines_xy_px[Structure.PELVIS]
    columns, rows = np.array(ring).T
    # Masks cover whole pixels, so their outlines lie half a pixel beyond the outermost centres.
    np.testing.assert_allclose(
        [rows.min(), rows.max(), columns.min(), columns.max()], [39.5, 99.5, 19.5, 299.5], atol=0.1
    )
    assert len(kept.outlines_xy_px[Structure.FEMUR]) == 2
    assert kept.outlines_xy_px[Structure.IMPLANT] == ()


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "Joined to pelvis: F1; femur: F1, F2"), ("de", "Verbunden mit Becken: F1; Femur: F1, F2")],
)
def test_bones_that_nodules_are_joined_to_are_named(material, page, language, said):
    severity = material.result.severity
    joined = {"pelvis": ("F1",), "femur": ("F1", "F2"), "implant": ()}
    evidence = severity.sides[0].evidence.model_copy(update={"joined_to": joined})
    sides = (severity.sides[0].model_copy(update={"evidence": evidence}),)
    severity = severity.model_copy(update={"sides": sides})
    shown = page(report_html(Material(material.result.model_copy(update={"severity": severity})), language)).text
    assert said in " ".join(shown.split())


def test_a_comparison_is_shown_with_its_error(material, page):
    uid = material.result.study_uid
    shown = page(report_html(Material(material.result, comparison=ComparisonMaterial(comparison(uid))), "de")).text
    for said in ("fortschreitend", "100 mm²", "220 mm²", "+120 ± 40 mm²", "+40,0 ± 13,3 mm²", "91 Tage", "I → III"):
        assert said in shown
    assert "100 auf 220 mm²; 1 neu, 0 verschwunden. Grad I zu III." in shown


@pytest.mark.parametrize(
    ("earlier", "later", "english", "german"),
    [
        ("calibrated", "detector", "Millimetres of the earlier film: calibrated; of the later film: detector.",
         "Millimeter der früheren Aufnahme: kalibriert; der späteren Aufnahme: Detektor."),
        ("anatomical", "calibrated", "Millimetres of the earlier film: anatomical; of the later film: calibrated.",
         "Millimeter der früheren Aufnahme: anatomisch; der späteren Aufnahme: kalibriert."),
        ("anatomical", "anatomical", "Millimetres of both films: anatomical.",
         "Millimeter beider Aufnahmen: anatomisch."),
        ("assumed", "assumed", "Millimetres of both films: assumed.", "Millimeter beider Aufnahmen: angenommen."),
        ("calibrated", "calibrated", None, None),
        ("detector", "detector", None, None),
        (None, None, None, None),
    ],
)  # fmt: skip
def test_a_comparison_says_what_its_millimetres_rest_on_where_that_matters(
    material, page, earlier, later, english, german
):
    """Where the two films differ, or where it is no spacing of theirs; one from before that was noted says nothing."""
    made = comparison(material.result.study_uid)
    (side,) = made.overall.sides
    sides = (side.model_copy(update={"earlier_basis": earlier, "later_basis": later}),)
    interval = made.overall.model_copy(update={"sides": sides})
    made = made.model_copy(update={"intervals": (interval,), "overall": interval})
    shown = Material(material.result, comparison=ComparisonMaterial(ProgressionResult.from_json(made.to_json())))
    for language, said in (("en", english), ("de", german)):
        text = page(report_html(shown, language)).text
        if said is not None:
            assert text.count(said) == 1
        else:
            any_basis = r"Millimet\w+ (of the earlier film|of both films|der früheren Aufnahme|beider Aufnahmen):"
            assert re.search(any_basis, text) is None


@pytest.fixture
def batch(tmp_path, fake_network, monkeypatch, samples):
    """A batch of one film that is analysed and one that is refused, with an outcome of each kind."""
    films = tmp_path / "films"
    films.mkdir()
    (films / "a.dcm").write_bytes((samples / "06_both_sides.dcm").read_bytes())
    chest = pydicom.dcmread(samples / "01_no_ectopic_bone.dcm")
    for keyword in ("AnatomicRegionSequence", "ViewCodeSequence"):
        chest.pop(keyword, None)
    chest.BodyPartExamined = "CHEST"
    chest.save_as(films / "b.dcm")
    monkeypatch.setattr("ho_imaging.batch.run._model_of", lambda *_, **__: ("a" * 64, "b" * 64))
    out = tmp_path / "out"
    run_batch([films], out, Settings(), None)
    return out


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_batch_gets_a_report_a_study_and_links_to_them(batch, capsys, page):
    ledger = Ledger(batch / "ledger.sqlite")
    kept = [row["study_uid"] for row in ledger.rows()]
    ledger.begin({})
    ledger.plan([("1.2.3.999", "x", 0)], kept, ())
    from ho_imaging.batch.work import Outcome  # noqa: PLC0415

    ledger.start("1.2.3.999")
    ledger.finish(Outcome("1.2.3.999", "failed", Message("given_up", tries=2, died=Message("died.worker"))))
    ledger.close()
    assert main(["-q", "report", str(batch), "--language", "de"]) == 0
    written = lines(capsys)
    assert sorted(line["status"] for line in written) == ["done", "failed", "refused"]
    for line in written:
        shown = page((batch / "studies" / line["study_uid"] / "report.html").read_text(encoding="utf-8"))
        assert line["study_uid"] in shown.text
        assert line["problem"] is None
        if line["status"] == "done":
            assert len([a for a in shown.named("input") if "show-bones" in a["class"]]) == 1
    assert '"report": true' in (batch / "index.html").read_text(encoding="utf-8")
    assert not list(batch.rglob("*.part"))


def test_one_study_may_have_a_file_of_its_own(batch, tmp_path, capsys):
    (folder,) = [path.parent for path in batch.glob("studies/*/result.json") if '"done"' in path.read_text()[:200]]
    assert main(["-q", "report", str(folder), "--out", str(tmp_path / "r" / "x.html")]) == 0
    assert (tmp_path / "r" / "x.html").is_file()
    assert main(["-q", "report", str(batch), "--out", str(tmp_path / "many.html")]) == 2
    capsys.readouterr()
    assert main(["-q", "report", str(batch), "--out", str(tmp_path / "all")]) == 0
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == sorted(
        f"{path.parent.name}.html" for path in batch.glob("studies/*/result.json")
    )


def test_a_damaged_result_costs_the_others_nothing(batch, capsys):
    broken = sorted(batch.glob("studies/*/result.json"))[0]
    broken.write_text('{"schema_version": "9.9"}')
    assert main(["-q", "report", str(batch)]) == 1
    written = lines(capsys)
    assert [line["report"] is None for line in sorted(written, key=lambda line: line["problem"] is None)] == [
        True,
        False,
    ]
    (problem,) = [line["problem"] for line in written if line["problem"]]
    assert "is a result of schema 9.9; this version of ho_imaging reads schema 2.1 (update ho_imaging)" in problem


def test_films_are_reported_on_directly(named_film, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = {}
    for option in ("--anonymous", "--identifiers=order", "--patient"):
        assert main(["-q", "report", str(named_film), option]) == 0
        (line,) = lines(capsys)
        assert line["report"] == f"{line['study_uid']}.html"  # a name of a file never tells whose it is
        shown[option] = re.sub(r"base64,[\w+/=]+", "", (tmp_path / line["report"]).read_text(encoding="utf-8"))
    assert "Beispiel" not in shown["--anonymous"]
    assert str(named_film) in shown["--identifiers=order"]
    assert "Erika Beispiel" not in shown["--identifiers=order"]
    assert "Erika Beispiel" in shown["--patient"]


def test_wrong_use_is_told(batch, tmp_path, capsys):
    Image.fromarray(np.zeros((90, 90), np.uint8)).save(tmp_path / "x.png")
    assert main(["-q", "report", str(tmp_path / "nowhere")]) == 2
    assert main(["-q", "report", str(batch), "--language", "xx"]) == 2
    assert main(["-q", "report", str(batch), "--comparison", str(batch / "none.json")]) == 2
    assert main(["-q", "report", str(batch), "--pdf", "--browser", str(tmp_path / "no-browser")]) == 2
    assert "no-browser" in capsys.readouterr().err


def test_a_comparison_of_another_study_is_refused(batch, tmp_path):
    study = next(study for study in kept_studies(batch) if study.result.status == "done")
    path = tmp_path / "comparison.json"
    path.write_text(comparison("1.2.3.4").to_json())
    with pytest.raises(UsageError, match="does not end with study"):
        read_comparison(study, path)
    path.write_text(comparison(study.study_uid).to_json())
    assert read_comparison(study, path).result.verdict == "spreading"
    (study.folder / "comparison.json").write_text(comparison(study.study_uid).to_json())
    assert read_comparison(study).result.verdict == "spreading"


def test_a_comparison_of_another_analysis_of_the_study_is_refused(batch):
    study = next(study for study in kept_studies(batch) if study.result.status == "done")
    path = study.folder / "comparison.json"
    path.write_text(comparison(study.study_uid, later_ids=("F1", "P7"), model=study.result.model).to_json())
    assert read_comparison(study).result.model == study.result.model
    other = study.result.model.model_copy(update={"sha256": "f" * 64})
    path.write_text(comparison(study.study_uid, later_ids=("F1",), model=other).to_json())
    with pytest.raises(UsageError, match=r"comparison\.json: is of another analysis.*run ho-imaging compare again"):
        read_comparison(study)
    # One that names no weights still names its nodules.
    path.write_text(comparison(study.study_uid, later_ids=("F1", "F999"), model=None).to_json())
    with pytest.raises(UsageError, match="is of another analysis"):
        read_comparison(study)


def test_readers_decisions_stand_beside_the_models(batch, page):
    study = next(study for study in kept_studies(batch) if study.result.status == "done")
    store = ReviewStore(batch / "reviews")
    uid = study.result.images[0].sop_instance_uid
    grade = next(side for side in study.result.severity.sides if side.side == "right").grade
    for number, (action, target, value, reason) in enumerate(
        [
            ("reject", "F1", {}, None),
            ("add", "R1", {"outline_xy_px": [[[100, 100], [140, 100], [140, 150]]]}, None),
            ("regrade", None, {"side": "right", "system": "brooker", "from": grade, "to": "IV"}, "<b>seen</b> on CT"),
            ("commit", None, {}, None),
        ]
    ):
        store.append(
            Decision(
                id=f"{number:032x}",
                at=datetime(2026, 1, 1, 9, number, tzinfo=UTC),
                reader="reader-7",
                study_uid=study.study_uid,
                image_uid=uid,
                model=study.result.model,
                action=action,
                target=target,
                value=value,
                reason=reason,
            )
        )
    material = material_of_result(study.result, folder=study.folder, reviews=reviews_of(study))
    shown = page(report_html(material))
    for said in ("Reader reader-7", "committed", "rejected", "drawn by the reader", "<b>seen</b> on CT"):
        assert said in shown.text, said
    assert "IV (reader-7; 1 nodule)" in shown.text  # the one that was drawn, not the one that was rejected
    assert len([a for _, a in shown.elements if a.get("class") == "readers reader"]) == 2  # the outline and its label
    assert len([a for a in shown.named("input") if "show-readers" in a["class"]]) == 1


def test_decisions_that_do_not_hold_for_the_result_are_said(batch, page):
    """Another study's weights: what was said of their F1 is said of nothing here."""
    study = next(study for study in kept_studies(batch) if study.result.status == "done")
    ReviewStore(batch / "reviews").append(
        Decision(
            reader="reader-7",
            study_uid=study.result.study_uid,
            image_uid=study.result.images[0].sop_instance_uid,
            model=study.result.model.model_copy(update={"sha256": "f" * 64}),
            action="reject",
            target="F1",
            grounds="0" * 32,
        )
    )
    material = material_of_result(study.result, folder=study.folder, reviews=reviews_of(study))
    said = "Decisions left out because the study was analysed again with another outcome: 1."
    assert said in page(report_html(material)).text
    assert "neu ausgewertet wurde: 1." in page(report_html(material, "de")).text


def test_without_a_browser_it_is_told_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("ho_imaging.outputs.report.pdf.BROWSERS", ("chromium",))
    with pytest.raises(PdfError, match=r"takes Chromium or Chrome.*--browser"):
        write_pdf("<p>", tmp_path / "x.pdf")


NO_PDF = 'for a in "$@"; do case $a in --print-to-pdf=*) echo no > "${a#--print-to-pdf=}";; esac; done'


@pytest.mark.parametrize(
    ("script", "problem"), [("exit 3", "exit status 3"), ("sleep 20", "within 1 s"), (NO_PDF, "nothing")]
)
def test_a_browser_that_fails_leaves_nothing(tmp_path, script, problem):
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\n{script}\n")
    browser.chmod(0o755)
    (tmp_path / "out").mkdir()
    with pytest.raises(PdfError, match=problem):
        write_pdf("<p>", tmp_path / "out" / "x.pdf", browser=browser, limit_s=1.0)
    assert not list((tmp_path / "out").iterdir())


def test_a_card_is_read_by_its_sections():
    card = parse_card(
        "# x\n\n## Intended use\n\n**Research only.** Films\nof hips.\n\n"
        "## Data\n- no\n\n## Limitations\n\n- One\n  more.\n- Two.\n"
    )
    assert card.intended_use == ("Research only. Films of hips.",)
    assert card.limits == ("One more.", "Two.")
