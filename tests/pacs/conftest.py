"""Peers, small films and a stand-in for the analysis."""

import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ho_imaging.pacs.answers import Answers
from ho_imaging.pacs.config import ServeConfig

STAND_IN = '''
"""Analysis that takes no time: one secondary capture for each study, the same for the same films."""
import os
import time
from pathlib import Path
import numpy as np
from highdicom.sc import SCImage
from ho_imaging.batch.work import Outcome
from ho_imaging.results.folder import folder_name
from ho_imaging.reading.own import MANUFACTURER, MODEL_NAME
from ho_imaging.outputs.dicom.identity import stable_uid

def stand_in(job):
    study = job.study
    assert all(image.path.stat().st_size > 0 for image in study.images)
    uid = stable_uid("stand-in", study.study_uid, *sorted(image.sop_instance_uid for image in study.images))
    made = SCImage(np.zeros((8, 8), np.uint8), "MONOCHROME2", 8, "PATIENT", study.study_uid,
                   stable_uid("series", study.study_uid), 1, uid, 1, "stand-in", patient_orientation=("L", "F"))
    made.Manufacturer, made.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    place = Path(job.out_dir) / "studies" / folder_name(study.study_uid) / "dicom"
    place.mkdir(parents=True, exist_ok=True)
    for old in place.glob("*.dcm"):
        old.unlink()
    made.save_as(place / "part", enforce_file_format=True)
    (place / "part").replace(place / f"ot-{uid}.dcm")
    return Outcome(study.study_uid, "done", None)

def held_up(job):
    """Note that a study was begun; its first run takes until it is let go."""
    place = Path(job.out_dir).parent / "begun"
    place.mkdir(exist_ok=True)
    run = len(list(place.glob(f"{job.study.study_uid}-*")))
    (place / f"{job.study.study_uid}-{run}").write_text(str(os.getpid()))
    while job.study.study_uid == "1.2.3" and not (place / "let go").exists():
        time.sleep(0.05)
    return stand_in(job)

def killer(job):
    os.kill(os.getpid(), 9)

def dies_once(job):
    mark = Path(job.out_dir).parent / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return stand_in(job)
'''


def small_film(number: int, *, study: str | None = None, **changes: object) -> Dataset:
    """A film of 16 x 16 pixels that says what a real one does."""
    film = Dataset()
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.8.498.9.{number}"
    film.StudyInstanceUID = study or f"1.2.826.0.1.3680043.8.498.8.{number}"
    film.SeriesInstanceUID = f"{film.StudyInstanceUID}.1"
    film.Modality, film.PatientID, film.PatientName = "DX", f"P{number}", "Test^Film"
    film.Rows = film.Columns = 16
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.PixelData = np.zeros((16, 16), "<u2").tobytes()
    for keyword, value in changes.items():
        setattr(film, keyword, value)
    return film


@pytest.fixture(autouse=True)
def peers_keep_their_answers(monkeypatch):
    """Keep pynetdicom from dropping an answer to a peer of these tests: on a loaded machine it does, now and then."""
    from pynetdicom.association import Association  # noqa: PLC0415

    reactor = Association._run_reactor

    def run(association):
        if association.is_requestor:
            Answers().watch(association)
        reactor(association)

    monkeypatch.setattr(Association, "_run_reactor", run)


NEVER_S = 3600.0
"""A quiet time that no test lasts: its studies wait until `let_studies_be_quiet` is called."""


def let_studies_be_quiet(service):
    """Let the last film of every study have come long ago."""
    service.spool.ledger.run("UPDATE studies SET changed = 0 WHERE state = 'waiting'")


@contextmanager
def running(config, function):
    """Run a service with a stand-in for the analysis."""
    from ho_imaging.pacs.service import Service  # noqa: PLC0415

    service = Service(config, function=function)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition, seconds=300.0):
    """Wait until a condition holds; fail if it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


def tool(name: str) -> str:
    """Path of one of dcmtk's programs or a server; pynetdicom brings programs of the same names."""
    for folder in ("/usr/bin", "/usr/local/bin", "/usr/sbin"):
        found = shutil.which(name, path=folder)
        if found is not None:
            return found
    pytest.skip(f"{name} is not installed (Debian: dcmtk, orthanc, orthanc-dicomweb)")


@pytest.fixture
def stand_ins(importable):
    return importable(STAND_IN)


@pytest.fixture
def config(tmp_path):
    """Make a configuration with short waits; parts can be replaced."""

    def make(*, quiet_s: float = 0.3, **parts: object) -> ServeConfig:
        values = {
            "listen": {"port": 0},
            "spool": {"folder": str(tmp_path / "spool"), "quiet_s": quiet_s},
            "health": {"port": 0},
        }
        return ServeConfig.model_validate(values | parts)

    return make


@pytest.fixture
def peer():
    """A PACS that takes whatever it is sent; ``taken`` lists SOP Instance UIDs, ``answers`` its next statuses.

    ``store`` is what it does with each and can be replaced.
    """
    from pynetdicom import AE, AllStoragePresentationContexts, evt  # noqa: PLC0415

    class Peer:
        taken: list[str]
        answers: list[int]
        store: Callable[[object], int]

    made = Peer()
    made.taken, made.answers = [], []

    def take(event):
        status = made.answers.pop(0) if made.answers else 0x0000
        if status == 0x0000:
            made.taken.append(str(event.request.AffectedSOPInstanceUID))
        return status

    def store(event):
        return made.store(event)

    made.store = take
    entity = AE("PEER")
    entity.supported_contexts = AllStoragePresentationContexts
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    made.port = server.server_address[1]
    made.destination = {
        "kind": "dimse", "name": "peer", "ae_title": "PEER", "host": "127.0.0.1", "port": made.port,
    }  # fmt: skip
    yield made
    server.shutdown()


class WebPeer:
    """Answers as it is told, one after the other and the last for ever; ``asked`` holds method, path and headers.

    An answer may be made from the path that is asked for.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: list[dict[str, object] | Callable[[str], dict[str, object]]] = [{}]
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                peer.asked.append((self.command, self.path, dict(self.headers)))
                told = peer.answers.pop(0) if len(peer.answers) > 1 else peer.answers[0]
                told = told(self.path) if callable(told) else told
                time.sleep(told.get("after_s", 0.0))
                body = told.get("body", b"")
                self.send_response(told.get("status", 200))
                for name, value in {"Content-Type": "application/dicom+json", **told.get("headers", {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
        self.url = f"{scheme}://{host}:{self._server.server_port}/dicom-web"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def web_peer():
    made = WebPeer()
    yield made
    made.stop()


def send(port: int, films: list[Dataset], *, called: str = "HO_IMAGING", calling: str = "MODALITY") -> list[int | None]:
    """Send films over one association; give the status of each, ``None`` for no answer."""
    from pynetdicom import AE  # noqa: PLC0415

    entity = AE(calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
    entity.connection_timeout = 10
    entity.add_requested_context(DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    statuses: list[int | None] = []
    if not association.is_established:
        return [None] * len(films)
    for film in films:
        try:
            statuses.append(association.send_c_store(film).get("Status"))
        except (RuntimeError, ValueError):
            statuses.append(None)
            break
    if association.is_established:
        association.release()
    return statuses + [None] * (len(films) - len(statuses))


def write_films(films: list[Dataset], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, film in enumerate(films):
        paths.append(folder / f"{number:04d}.dcm")
        film.save_as(paths[-1], enforce_file_format=True)
    return paths


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A small authority with a server and a client, as PEM files by name."""
    import datetime  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("certificates")
    now = datetime.datetime.now(datetime.UTC)

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def make(text, issuer=None, issuer_key=None):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        built = (
            x509.CertificateBuilder()
            .subject_name(name(text))
            .issuer_name(name(issuer or text))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .sign(issuer_key or key, hashes.SHA256())
        )
        (folder / f"{text}.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
        (folder / f"{text}.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return key

    authority = make("ca")
    for text in ("server", "client"):
        make(text, "ca", authority)
    return {
        "ca": str(folder / "ca.pem"),
        **{text: str(folder / f"{text}.pem") for text in ("server", "client")},
        **{f"{text}_key": str(folder / f"{text}.key") for text in ("server", "client")},
    }


@pytest.fixture
def orthanc_settings():
    """What an archive of a test is to have beyond the usual; a test module may say more."""
    return {}


@pytest.fixture
def orthanc(tmp_path, orthanc_settings):
    """A real archive: DIMSE and DICOMweb with a password, knowing us as HO_IMAGING at ``our_port``; it can go away."""
    import json  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    program = tool("Orthanc")
    plugins = [Path(p) for p in ("/usr/share/orthanc/plugins", "/usr/lib/orthanc/plugins") if Path(p).is_dir()]
    web = next((p for folder in plugins for p in folder.glob("libOrthancDicomWeb*")), None)
    if web is None:
        pytest.skip("orthanc-dicomweb is not installed")

    class Archive:
        dicom_port, http_port, our_port = free_port(), free_port(), free_port()

        def rest(self, path, data=None, method=None):
            request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=data, method=method)
            import base64  # noqa: PLC0415

            request.add_header("Authorization", "Basic " + base64.b64encode(b"reader:secret").decode())
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")

        def upload(self, path):
            return self.rest("/instances", Path(path).read_bytes(), "POST")

        def instances(self, study_uid):
            """SOP classes and UIDs of what it holds of a study."""
            query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}, "Expand": True}
            found = self.rest("/tools/find", json.dumps(query).encode(), "POST")
            return {item["MainDicomTags"]["SOPInstanceUID"]: item["ID"] for item in found}

        def modalities(self, study_uid):
            return sorted(tags["Modality"] for tags in self.headers(study_uid))

        def headers(self, study_uid):
            """What the objects of a study say, by keyword."""
            return [self.rest(f"/instances/{i}/simplified-tags") for i in self.instances(study_uid).values()]

        def start(self):
            self.process = subprocess.Popen([program, str(tmp_path / "orthanc.json")], stdout=log, stderr=log)
            wait_for(self.is_up)

        def stop(self):
            self.process.terminate()
            self.process.wait(120)

        def is_up(self):
            try:
                return bool(self.rest("/system"))
            except (urllib.error.URLError, ConnectionError):
                return False

    archive = Archive()
    settings = {
        "Name": "archive", "StorageDirectory": str(tmp_path / "orthanc"), "IndexDirectory": str(tmp_path / "orthanc"),
        "DicomAet": "ARCHIVE", "DicomPort": archive.dicom_port, "HttpPort": archive.http_port,
        "RemoteAccessAllowed": True, "AuthenticationEnabled": True, "RegisteredUsers": {"reader": "secret"},
        "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True, "OverwriteInstances": True, "StorageCommitmentReportsSize": 100,
        "DicomModalities": {"us": {"AET": "HO_IMAGING", "Host": "127.0.0.1", "Port": archive.our_port,
                                   "AllowStorageCommitment": True}},
        "Plugins": [str(web)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    settings |= orthanc_settings | {"Plugins": [*settings["Plugins"], *orthanc_settings.get("Plugins", [])]}
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    log = (tmp_path / "orthanc.log").open("wb")
    try:
        archive.start()
        yield archive
    finally:
        archive.stop()
        log.close()
