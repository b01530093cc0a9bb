"""``ho-imaging report DIR|STUDY``."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ho_imaging.cli.common import add_identifier_arguments, add_site_argument, is_page, site_of
from ho_imaging.errors import HOImagingError, ReadError, UsageError
from ho_imaging.files.path_text import path_text
from ho_imaging.vocabulary import Identifiers

if TYPE_CHECKING:
    from ho_imaging.batch.kept_studies import KeptStudy
    from ho_imaging.outputs.report import ComparisonMaterial, Material
    from ho_imaging.results.analysis import StudyAnalysis

__all__ = ["add_arguments", "run"]

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="DIR|STUDY",
        help="the --out of a batch, a study's folder in it, or films that are analysed first",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="folder for the reports, or an .html file for one (default: beside each result, else here)",
    )
    parser.add_argument("--language", default="en", metavar="CODE", help="en, de (default: %(default)s)")
    parser.add_argument("--pdf", action="store_true", help="print each report to PDF too, with a Chromium that is here")
    parser.add_argument("--browser", metavar="PATH", help="the Chromium or Chrome to print with (default: on PATH)")
    add_identifier_arguments(parser)
    parser.add_argument("--films", type=Path, nargs="+", metavar="PATH", help="where the films are now, if they moved")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument(
        "--previous", type=Path, metavar="STUDY", help="an earlier study to compare with, analysed now"
    )
    earlier.add_argument("--comparison", type=Path, metavar="FILE", help="comparison.json of ho-imaging compare")
    parser.add_argument("--days", type=int, metavar="N", help="days from --previous to this study, in place of dates")
    parser.add_argument(
        "--allow-other-patient", action="store_true", help="compare even if the files name different patients"
    )
    parser.add_argument("--without-readers", action="store_true", help="leave out what readers decided (DIR/reviews)")
    parser.add_argument("--model", default="default", help="name or folder of a model (default: %(default)s)")
    add_site_argument(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Write reports; print one JSON line each. Exit status 1 if one could not be written."""
    from ho_imaging.batch.kept_studies import kept_studies  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.outputs.report.pdf import find_browser  # noqa: PLC0415
    from ho_imaging.outputs.spoken import check_language  # noqa: PLC0415

    check_language(options.language)  # what cannot be is said before the first study, not after the last
    if options.pdf:
        find_browser(options.browser)
    if not options.source.exists():
        raise ReadError("does not exist", path=options.source, remedy="check the path")
    studies = kept_studies(options.source)
    reports = _of_films(options) if studies is None else _of_kept(options, list(studies))
    all_well = True
    for line in reports:
        all_well &= line["problem"] is None
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    from ho_imaging.results.folder import OutputFolder  # noqa: PLC0415

    if studies is not None and options.out is None and OutputFolder(options.source).worklist.is_file():
        from ho_imaging.batch import summarise  # noqa: PLC0415

        summarise(options.source)  # the worklist gets its links
    return 0 if all_well else 1


def _of_kept(options: argparse.Namespace, studies: list[KeptStudy]) -> Iterator[dict[str, Any]]:
    from ho_imaging.batch.kept_studies import reviews_of  # noqa: PLC0415
    from ho_imaging.outputs.report import material_of_result  # noqa: PLC0415
    from ho_imaging.outputs.report.material import find_films  # noqa: PLC0415
    from ho_imaging.results.folder import StudyFolder  # noqa: PLC0415

    if len(studies) != 1 and (options.previous or options.comparison or is_page(options.out)):
        raise UsageError(
            f"holds {len(studies)} studies; a comparison and a file name are for one",
            path=options.source,
            remedy="give the folder of one study below studies/",
        )
    films = None if options.films is None else find_films(options.films)
    for study in studies:
        if study.result is None:
            yield _line(study.study_uid, None, problem=study.problem)
            continue
        try:
            material = material_of_result(
                study.result,
                folder=study.folder,
                films=films,
                comparison=_comparison(options, study, films),
                patient=options.identifiers == Identifiers.PATIENT,
                reviews=() if options.without_readers else reviews_of(study),
                shows_files=True,
            )
            material = _said(options, material)
            page = StudyFolder(study.folder).report if options.out is None else _page(options.out, _name(study))
            yield _write(options, material, page)
        except HOImagingError as error:
            if len(studies) == 1:
                raise
            logger.warning("study %s: %s", study.study_uid, error)
            yield _line(study.study_uid, study.result.status, problem=str(error))


def _said(options: argparse.Namespace, material: Material) -> Material:
    """Leave out of a kept result what the report is not to say; what it does not know it cannot say."""
    from ho_imaging.reading.identifiers import StudyIdentifiers  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.results.identified import identified  # noqa: PLC0415

    if options.identifiers not in {Identifiers.NONE, Identifiers.ORDER}:
        return material
    said = material.result.identifiers
    stated = StudyIdentifiers(accession_number="" if said is None else said.accession_number or "")
    result = identified(material.result, Identifiers(options.identifiers), stated)
    return replace(material, result=result, patient=None)


def _comparison(options: argparse.Namespace, study: KeptStudy, films: Any) -> ComparisonMaterial | None:
    from ho_imaging.batch.kept_studies import read_comparison  # noqa: PLC0415

    if options.previous is None:
        return read_comparison(study, options.comparison)
    if study.result is None or study.result.status != "done":
        raise UsageError("was not analysed, so there is nothing to compare", path=study.folder)
    places = films or {}
    paths = [places.get(image.sop_instance_uid, image.path) for image in study.result.images if image.status == "done"]
    if None in paths:
        raise UsageError("does not say where its films are", path=study.folder, remedy="name the place with --films")
    analyzer = _analyzer(options)
    analysis = analyzer.analyze_films(paths, study_uid=study.study_uid)
    if analysis.result.findings != study.result.findings:
        raise UsageError(
            "was analysed by another model or with other options than now, so its nodules have other numbers",
            path=study.folder,
            remedy="analyse it again, or give its films instead",
        )
    return _compared(options, analyzer, analysis)


def _of_films(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from ho_imaging.batch.kept_studies import KeptStudy, read_comparison  # noqa: PLC0415
    from ho_imaging.files.output_names import name_of_file  # noqa: PLC0415
    from ho_imaging.outputs.report import material_of_analysis  # noqa: PLC0415
    from ho_imaging.reading import discover  # noqa: PLC0415
    from ho_imaging.reading.identifiers import of_one_study  # noqa: PLC0415
    from ho_imaging.results.folder import folder_name, study_file  # noqa: PLC0415
    from ho_imaging.results.identified import identified  # noqa: PLC0415

    found = discover([options.source]).studies
    if not found:
        raise UsageError(
            "holds neither results nor films", path=options.source, remedy="give films, or the --out of a batch"
        )
    if len(found) > 1 and (options.previous or options.comparison or is_page(options.out)):
        raise UsageError(
            f"holds {len(found)} studies; a comparison and a file name are for one", path=options.source,
            remedy="give each study on its own",
        )  # fmt: skip
    analyzer = _analyzer(options)
    for study in found:
        analysis = analyzer.analyze_study(study)
        comparison = None
        if options.previous is not None:
            comparison = _compared(options, analyzer, analysis)
        elif options.comparison is not None:
            kept = KeptStudy(analysis.result.study_uid, options.comparison.parent, analysis.result)
            comparison = read_comparison(kept, options.comparison)
        stated = of_one_study(image.identifiers for image in study.images)
        wanted = Identifiers(options.identifiers or Identifiers.ORDER)
        analysis = replace(analysis, result=identified(analysis.result, wanted, stated))
        patient = wanted is Identifiers.PATIENT
        material = material_of_analysis(analysis, comparison=comparison, patient=patient, shows_files=True)
        file = None if wanted is Identifiers.NONE else study_file(study)
        name = folder_name(study.study_uid) if file is None else name_of_file(file, study.study_uid)
        yield _write(options, material, _page(options.out or Path(), name))


def _analyzer(options: argparse.Namespace) -> Any:
    from ho_imaging.pipeline import Analyzer  # noqa: PLC0415

    return Analyzer(options.model, device=options.device, site=site_of(options))


def _compared(options: argparse.Namespace, analyzer: Any, analysis: StudyAnalysis) -> ComparisonMaterial:
    from ho_imaging.outputs.report import ComparisonMaterial  # noqa: PLC0415
    from ho_imaging.progression.studies import analyze_study, compare_studies  # noqa: PLC0415

    earlier = analyze_study(analyzer, options.previous)
    comparison = compare_studies(
        [earlier, analysis],
        days=None if options.days is None else [options.days],
        allow_other_patient=options.allow_other_patient,
    )
    return ComparisonMaterial(comparison.result, comparison.sides, earlier.result)


def _name(study: KeptStudy) -> str:
    """Return the name of a study's folder in its batch, or of its UID: names of files tell of no patient."""
    from ho_imaging.results.folder import folder_name  # noqa: PLC0415

    return folder_name(study.study_uid) if study.batch is None else study.folder.name


def _page(out: Path, name: str) -> Path:
    """Return the file of a report: the one that was given, or one of a study's name in the folder."""
    return out if is_page(out) else out / f"{name}.html"


def _write(options: argparse.Namespace, material: Material, page: Path) -> dict[str, Any]:
    from ho_imaging.errors import WriteError  # noqa: PLC0415
    from ho_imaging.files.atomic import write_text  # noqa: PLC0415
    from ho_imaging.outputs.report import report_html, write_pdf  # noqa: PLC0415

    text = report_html(material, options.language)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot be made: {error.strerror}", path=page.parent, remedy="check space and rights"
        ) from error
    write_text(page, text)
    result = material.result
    if not options.pdf:
        return _line(result.study_uid, result.status, page=page)
    pdf = page.with_suffix(".pdf")
    try:
        write_pdf(text, pdf, browser=options.browser)
    except HOImagingError as error:
        logger.warning("study %s: %s", result.study_uid, error)
        return _line(result.study_uid, result.status, page=page, problem=str(error))
    return _line(result.study_uid, result.status, page=page, pdf=pdf)


def _line(
    study_uid: str, status: str | None, *, page: Path | None = None, pdf: Path | None = None, problem: str | None = None
) -> dict[str, Any]:
    def text(value: str | Path | None) -> str | None:
        return None if value is None else path_text(value)

    return {
        "study_uid": text(study_uid),
        "status": status,
        "report": text(page),
        "pdf": text(pdf),
        "problem": text(problem),
    }
