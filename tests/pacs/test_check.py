"""A service that could never send or receive says so before it starts, and `serve --check` before that."""

from pathlib import Path

import pytest

from ho_imaging import UsageError
from ho_imaging.cli import main
from ho_imaging.errors import HOImagingError
from ho_imaging.pacs.config import load_serve_config
from ho_imaging.pacs.service import Service, check_config

from .conftest import running, send, small_film

WEB = 'kind = "dicomweb"\nname = "web"\nurl = "https://pacs.example/dicom-web"\n'
DIMSE = 'kind = "dimse"\nname = "pacs"\nae_title = "PACS"\nhost = "pacs.example"\nport = 104\n'


@pytest.fixture
def written(tmp_path, certificates):
    """Write a configuration with a listener and two destinations, each of which gets some more lines."""
    (tmp_path / "empty").touch()
    (tmp_path / "a file").touch()

    def write(*, listen="", web="", dimse="", more="", spool="spool"):
        values = certificates | {"here": str(tmp_path)}
        text = f'[listen]\nport = 0\n{listen}\n[spool]\nfolder = "{{here}}/{spool}"\n{more}\n'
        text += f"[[send]]\n{WEB}{web}\n[[send]]\n{DIMSE}{dimse}\n"
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        path = tmp_path / "serve.toml"
        path.write_text(text)
        return path

    return write


NOT_THERE = [
    ({"web": 'token_env = "HO_TEST_NOT_SET"'}, "send.web.token_env: the environment variable HO_TEST_NOT_SET"),
    ({"web": 'token_file = "{here}/nosuch"'}, "nosuch: send.web.token_file: cannot be read"),
    ({"web": 'token_file = "{here}/empty"'}, "empty: send.web.token_file: is empty"),
    ({"web": 'user = "u"\npassword_file = "{here}/nosuch"'}, "nosuch: send.web.password_file: cannot be read"),
    ({"web": 'tls = { authority = "{here}/nosuch" }'}, "nosuch: send.web.tls.authority: cannot be read"),
    ({"web": 'tls = { authority = "{here}/empty" }'}, "empty: send.web.tls.authority: cannot be used"),
    ({"web": 'tls = { certificate = "{here}/nosuch" }'}, "nosuch: send.web.tls.certificate: cannot be read"),
    ({"dimse": 'tls = { authority = "{here}/nosuch" }'}, "nosuch: send.pacs.tls.authority: cannot be read"),
    (
        {"dimse": 'tls = { certificate = "{client}", key = "{here}/nosuch" }'},
        "nosuch: send.pacs.tls.key: cannot be read",
    ),
    ({"dimse": 'tls = { certificate = "{client}", key = "{server_key}" }'}, "client.pem: send.pacs.tls.certificate"),
    ({"listen": "tls = {}"}, "listen.tls.certificate: "),
    ({"listen": 'tls = { certificate = "{here}/nosuch" }'}, "nosuch: listen.tls.certificate: cannot be read"),
    (
        {"listen": 'tls = { certificate = "{server}", key = "{server_key}", authority = "{here}/nosuch" }'},
        "nosuch: listen.tls.authority: cannot be read",
    ),
    ({"more": '[analysis]\nmodel = "nosuch"'}, "analysis.model: no model named 'nosuch'"),
]
NO_PLACE = [({"spool": "a file"}, "a file: spool.folder"), ({"spool": "a file/spool"}, "spool.folder: cannot be used")]
NO_MEANING = [
    ({"web": 'password_env = "HO_TEST_NOT_SET"'}, "password_env: Value error, is the password of no user"),
    ({"dimse": 'tls = { key = "{server_key}" }'}, "tls.key: Value error, is the key of no certificate"),
]


@pytest.mark.parametrize(("parts", "says"), NOT_THERE + NO_PLACE + NO_MEANING)
def test_check_names_the_entry_that_cannot_be_used(written, capsys, tmp_path, parts, says):
    before = set(tmp_path.rglob("*"))
    path = written(**parts)
    assert main(["serve", "--config", str(path), "--check"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert says in line
    assert set(tmp_path.rglob("*")) == before | {path}


@pytest.mark.parametrize(("parts", "says"), NOT_THERE)
def test_a_service_does_not_start_without_it_either(written, parts, says):
    service = Service(load_serve_config(written(**parts)))
    with pytest.raises(HOImagingError) as raised:
        service.start()
    assert says in str(raised.value)
    assert service.health_port is None
    assert not hasattr(service, "receiver")


def test_check_says_that_all_is_well_and_leaves_nothing(written, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("HO_TEST_TOKEN", "t")
    path = written(
        listen='tls = { certificate = "{server}", key = "{server_key}", authority = "{ca}" }',
        web='token_env = "HO_TEST_TOKEN"\ntls = { authority = "{ca}" }',
        dimse='tls = { certificate = "{client}", key = "{client_key}" }',
        spool="of/a/spool",
    )
    before = set(tmp_path.rglob("*"))
    assert main(["serve", "--config", str(path), "--check"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{path}: the configuration is good" in said.err
    assert set(tmp_path.rglob("*")) == before


def test_the_spool_of_a_running_service_can_be_checked(config, stand_ins, tmp_path):
    with running(config(), stand_ins.stand_in) as service:
        assert send(service.receiver.port, [small_film(1)]) == [0]
        check_config(config())
        assert send(service.receiver.port, [small_film(2)]) == [0]
        assert service.spool.counts()["instances"] == 2
    (tmp_path / "spool" / "out").rename(tmp_path / "moved")
    (tmp_path / "spool" / "out").touch()
    with pytest.raises(UsageError, match=r"out: spool\.folder: cannot be used"):
        check_config(config())


def test_a_ledger_that_is_none_is_said(config, tmp_path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "spool.sqlite").write_bytes(b"of something else" * 100)
    for use in (check_config, lambda config: Service(config).start()):
        with pytest.raises(UsageError, match=r"spool\.sqlite: spool\.folder: its ledger cannot be used"):
            use(config())


def test_a_key_with_a_password_is_refused_and_not_asked_for(tmp_path, certificates):
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    from ho_imaging.pacs.config import Tls  # noqa: PLC0415

    key = serialization.load_pem_private_key(Path(certificates["server_key"]).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    tls = Tls(certificate=certificates["server"], key=locked)
    for make in (tls.for_server, tls.for_client):
        with pytest.raises(UsageError, match="without a password"):
            make()
