"""``ho-imaging fetch-analyze --dicomweb URL --study UID --out DIR``."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ho_imaging.cli.common import add_identifier_arguments, add_out_argument, add_site_argument, site_of
from ho_imaging.errors import HOImagingError, UsageError
from ho_imaging.logs import say
from ho_imaging.messages import Message
from ho_imaging.vocabulary import Identifiers

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from ho_imaging.pacs.config import Tls
    from ho_imaging.pacs.fetch import Archive
    from ho_imaging.pipeline import Analyzer

__all__ = ["add_arguments", "run"]

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--dicomweb", metavar="URL", help="archive with DICOMweb")
    where.add_argument("--dimse", metavar="AET@HOST:PORT", help="archive with C-FIND and C-GET or C-MOVE")
    parser.add_argument("--study", action="append", default=[], metavar="UID", help="a study; may be repeated")
    parser.add_argument(
        "--query", action="append", default=[], metavar="KEY=VALUE", help="find studies, e.g. StudyDate=20240101-"
    )
    parser.add_argument(
        "--accept-incomplete", action="store_true", help="grade a study although a part of it did not come, and say so"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most N studies")
    add_out_argument(parser, "ho_results", "folder for the results")
    parser.add_argument("--send", action="store_true", help="put the DICOM objects into the archive")
    parser.add_argument("--overlays", action="store_true", help="write pictures")
    parser.add_argument("--model", default="default", help="name or folder of a model (default: %(default)s)")
    add_site_argument(parser)
    add_identifier_arguments(parser, default="order")
    web = parser.add_argument_group("DICOMweb")
    web.add_argument("--token-env", metavar="NAME", help="environment variable that holds a bearer token")
    web.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds a bearer token")
    web.add_argument("--user", help="user for basic authentication")
    web.add_argument("--password-env", metavar="NAME", help="environment variable that holds the password")
    web.add_argument("--password-file", type=Path, metavar="FILE", help="file that holds the password")
    tls = parser.add_argument_group("TLS")
    tls.add_argument("--certificate", type=Path, metavar="PEM", help="client certificate")
    tls.add_argument("--key", type=Path, metavar="PEM", help="its key")
    tls.add_argument("--authority", type=Path, metavar="PEM", help="authority to trust in place of the system's")
    dimse = parser.add_argument_group("DIMSE")
    dimse.add_argument("--ae-title", default="HO_IMAGING", help="our AE title (default: %(default)s)")
    dimse.add_argument("--move-port", type=int, metavar="PORT", help="use C-MOVE to this port of ours, not C-GET")
    dimse.add_argument("--tls", action="store_true", help="speak TLS with the archive")


def run(options: argparse.Namespace) -> int:
    """Fetch, analyse and write studies; one JSON line each."""
    from ho_imaging.pipeline import Analyzer  # noqa: PLC0415  (heavy imports wait)
    from ho_imaging.results.folder import check_schema  # noqa: PLC0415

    query = dict(_pair(text) for text in options.query)
    if not query and not options.study:
        raise UsageError("neither --study nor --query is given", remedy="say which studies")
    if options.limit is not None and options.limit < 0:
        raise UsageError(f"--limit {options.limit} is negative", remedy="give 0 or more")
    wanted = Identifiers(options.identifiers)
    if wanted is Identifiers.NONE and options.send:
        raise UsageError(
            "DICOM objects name the patient, so --anonymous cannot be had with --send",
            remedy="leave one of them out",
        )
    check_schema(options.out)
    archive = _archive(options)
    found = archive.find(query) if query else []
    studies = [*options.study, *found][: options.limit]
    if query and not found and not options.quiet:
        sys.stderr.write("no study matches the query\n")
    analyzer = Analyzer(options.model, site=site_of(options))
    ended = [_one(archive, analyzer, uid, wanted, options) for uid in dict.fromkeys(studies)]
    if not options.quiet:
        say(f"{ended.count(True)} of {len(ended)} studies done")
    return 0 if all(ended) else 1


def _one(archive: Archive, analyzer: Analyzer, uid: str, wanted: Identifiers, options: argparse.Namespace) -> bool:
    """Fetch and analyse a study; what goes wrong with it is said in its line and costs no other."""
    import pydicom  # noqa: PLC0415  (heavy imports wait)

    from ho_imaging.outputs.rows import IDENTIFIER_COLUMNS, reason_cells  # noqa: PLC0415
    from ho_imaging.outputs.study_folder import write_study  # noqa: PLC0415
    from ho_imaging.reading.identifiers import identifiers_of, of_one_study  # noqa: PLC0415
    from ho_imaging.results.folder import OutputFolder  # noqa: PLC0415
    from ho_imaging.results.identified import identified  # noqa: PLC0415

    line: dict[str, object] = {"study_uid": uid}
    try:
        films = archive.fetch(uid)
        if not films and films.completeness.complete:
            line |= {"status": "refused", **reason_cells(Message("no_radiographs"))}
        else:
            analysis = analyzer.analyze_films(films, study_uid=uid, accept_incomplete=options.accept_incomplete)
            stated = of_one_study(map(identifiers_of, films))
            analysis = replace(analysis, result=identified(analysis.result, wanted, stated))
            folder = OutputFolder(options.out).study(uid)
            outputs = [] if wanted is Identifiers.NONE else ["dicom"]  # objects are of a patient by nature
            before = len(analysis.result.warnings)
            analysis = write_study(analysis, folder.path, [*outputs, *(["overlays"] * options.overlays)])
            result = analysis.result
            if result.identifiers is not None:
                said = result.identifiers.model_dump()
                line |= {name: said[name] for name in IDENTIFIER_COLUMNS if said[name] is not None}
            line |= {"status": str(result.status), **reason_cells(result.reason), "findings": len(result.findings)}
            if result.severity is not None:
                line |= {"grade": result.severity.study.grade, "score": result.severity.study.score}
            line["films_not_done"] = sum(image.status != "done" for image in result.images)
            if not films.completeness.complete:
                line["incomplete"] = [str(reason) for reason in films.completeness.reasons]
                line["incomplete_codes"] = [reason.code for reason in films.completeness.reasons]
            line["result"] = str(folder.result)
            if options.send and str(result.status) == "done":
                objects: list[Dataset] = [pydicom.dcmread(path) for path in sorted(folder.dicom.glob("*.dcm"))]
                answers = archive.put(objects) if objects else {}
                line["objects_sent"] = sum(reason is None for reason in answers.values())
                # What was not made cannot be sent either, and nobody would miss it there.
                not_sent = {reason for reason in answers.values() if reason is not None}
                not_sent |= {warning.message for warning in result.warnings[before:]}
                not_sent |= set() if objects else {Message("no_objects_made")}
                line["objects_not_sent"] = sorted(map(str, not_sent))
                line["objects_not_sent_codes"] = sorted({reason.code for reason in not_sent})
    except HOImagingError as error:
        line |= {"status": "failed", "reason": error.problem, "reason_code": error.code}
    except Exception as error:  # whatever a study holds, the others go on
        logger.warning("study %s failed (%s)", uid, type(error).__name__)
        logger.debug("trace", exc_info=True)
        line |= {"status": "failed", **reason_cells(Message("internal_error", kind=type(error).__name__))}
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return line["status"] == "done" and not line.get("films_not_done") and not line.get("objects_not_sent")


def _archive(options: argparse.Namespace) -> Archive:
    """Make the archive that is asked; what cannot be used is said under the name of its option."""
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return _web(options) if options.dicomweb is not None else _dimse(options)
    except ValidationError as error:
        wrong = error.errors()[0]
        entry, problem = str(wrong["loc"][0]), wrong["msg"].removeprefix("Value error, ")
        if entry in {"ae_title", "host", "port"}:
            raise _no_address(options.dimse) from error
        if entry == "tls":  # made of these
            entry = next(name for name in ("authority", "certificate", "tls") if getattr(options, name))
        raise UsageError(f"{_option('dicomweb' if entry == 'url' else entry)}: {problem}") from error


@contextlib.contextmanager
def _as_option() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        entry, _, problem = error.problem.removeprefix("tls.").partition(": ")
        if not problem:  # of no entry: a package is missing
            raise
        raise UsageError(f"{_option(entry)}: {problem}", path=error.path, remedy=error.remedy) from error


def _web(options: argparse.Namespace) -> Archive:
    from ho_imaging.pacs.config import DicomwebDestination  # noqa: PLC0415
    from ho_imaging.pacs.fetch import DicomwebArchive  # noqa: PLC0415

    peer = DicomwebDestination(
        kind="dicomweb",
        name="archive",
        url=options.dicomweb,
        token_env=options.token_env,
        token_file=options.token_file,
        user=options.user,
        password_env=options.password_env,
        password_file=options.password_file,
        tls=_tls(options),
    )
    with _as_option():
        return DicomwebArchive(peer)


def _dimse(options: argparse.Namespace) -> Archive:
    from ho_imaging.pacs.config import DimseDestination  # noqa: PLC0415
    from ho_imaging.pacs.fetch import DimseArchive  # noqa: PLC0415

    title, _, address = options.dimse.partition("@")
    host, _, port = address.rpartition(":")
    if not (title and host and port.isdecimal()):
        raise _no_address(options.dimse)
    peer = DimseDestination(
        kind="dimse", name="archive", ae_title=title, host=host, port=int(port), tls=_tls(options)
    )  # fmt: skip
    with _as_option():
        return DimseArchive(peer, own_ae_title=options.ae_title, move_port=options.move_port)


def _tls(options: argparse.Namespace) -> Tls | None:
    from ho_imaging.pacs.config import Tls  # noqa: PLC0415

    if not (options.tls or options.certificate or options.key or options.authority):
        return None
    return Tls(certificate=options.certificate, key=options.key, authority=options.authority)


def _no_address(text: str) -> UsageError:
    return UsageError(
        f"--dimse: {text!r} is no address",
        remedy="write AET@HOST:PORT, the title with at most 16 characters, the port from 1 to 65535",
    )


def _option(entry: str) -> str:
    return f"--{entry.replace('_', '-')}"


def _pair(text: str) -> tuple[str, str]:
    keyword, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--query {text!r} has no value", remedy="write KEY=VALUE")
    return keyword, value
