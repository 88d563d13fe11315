"""The certificate: its faults at the start, its parameters, and its reload."""

import re
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trustme
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from tests.support.certificates import CertificateFiles, authority, certificate_files
from tests.support.nginx import SHIPPED
from trio_chat.errors import StartError
from trio_chat.settings import Settings
from trio_chat.tls.certificate import Certificate, load_certificate, reload_on_signal


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return certificate_files(tmp_path)


def load(files: CertificateFiles) -> Certificate:
    return Certificate(str(files.cert), str(files.key))


def break_file(files: CertificateFiles, which: str, content: bytes | None) -> Path:
    """Replace the content of a file, or delete it."""
    file: Path = getattr(files, which)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    return file


def test_two_settings_enable_tls(files: CertificateFiles) -> None:
    assert load_certificate(Settings()) is None
    settings = Settings(tls_cert=str(files.cert), tls_key=str(files.key))
    assert load_certificate(settings) is not None


@pytest.mark.parametrize(("given", "missing"), [("cert", "key"), ("key", "cert")])
def test_one_file_without_the_other_is_refused(given: str, missing: str) -> None:
    with pytest.raises(StartError) as error:
        load_certificate(Settings(**{f"tls_{given}": "x.pem"}))  # type: ignore[arg-type]
    assert str(error.value) == f"tls-{given} without tls-{missing}: TLS needs both"


@pytest.mark.parametrize("which", ["cert", "key"])
def test_a_message_names_an_unreadable_file(files: CertificateFiles, which: str) -> None:
    missing = break_file(files, which, None)
    with pytest.raises(StartError) as error:
        load_certificate(Settings(tls_cert=str(files.cert), tls_key=str(files.key)))
    assert str(error.value) == f"cannot read {missing}: No such file or directory"


@pytest.mark.parametrize("kind", trustme.KeyType)
def test_a_key_of_another_certificate_is_refused(
    files: CertificateFiles, kind: trustme.KeyType
) -> None:
    other = authority().issue_cert("localhost", key_type=kind)
    files.key.write_bytes(other.private_key_pem.bytes())
    with pytest.raises(StartError, match="the key belongs to another certificate"):
        load(files)


def test_a_world_readable_key_logs_a_warning(files: CertificateFiles) -> None:
    files.key.chmod(0o640)
    with capture_logs() as lines:
        load(files)
        assert lines == []
        files.key.chmod(0o644)
        load(files)
    event = "TLS key is readable by every user"
    assert lines == [{"event": event, "file": str(files.key), "log_level": "warning"}]


@pytest.mark.parametrize("which", ["cert", "key"])
@pytest.mark.parametrize("content", [b"", b"no PEM\n"])
def test_a_file_without_pem_is_refused(files: CertificateFiles, which: str, content: bytes) -> None:
    file = break_file(files, which, content)
    kind = "certificate" if which == "cert" else "key"
    with pytest.raises(StartError) as error:
        load(files)
    assert str(error.value).endswith(f": {file} contains no {kind} in PEM format")
    assert "\n" not in str(error.value)


def test_an_encrypted_key_is_refused_without_a_prompt(files: CertificateFiles) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(StartError, match=f"^the key {files.key} is encrypted"):
        load(files)


def test_every_suite_has_forward_secrecy_and_authenticated_encryption(
    files: CertificateFiles,
) -> None:
    context = load(files).context
    suites = context.get_ciphers()
    assert {suite["aead"] for suite in suites} == {True}
    assert {suite["kea"] for suite in suites} == {"kx-ecdhe", "kx-any"}  # any: TLS 1.3
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_nginx_conf_has_the_same_suites(files: CertificateFiles) -> None:
    (named,) = re.findall(r"ssl_ciphers (\S+);", (SHIPPED / "nginx-tls.conf").read_text())
    nginx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    nginx.set_ciphers(named)
    assert load(files).context.get_ciphers() == nginx.get_ciphers()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_server_sends_no_session_ticket(
    files: CertificateFiles, version: ssl.TLSVersion
) -> None:
    client_context = ssl.create_default_context()
    authority().configure_trust(client_context)
    client_context.maximum_version = client_context.minimum_version = version
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = load(files).context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    server.write(b"hello")
    client.read(5)
    session = client.session
    assert session is None or not session.has_ticket


async def signals() -> AsyncIterator[int]:
    for _ in range(2):
        await trio.lowlevel.checkpoint()
        yield signal.SIGHUP


async def test_each_signal_makes_a_new_context(files: CertificateFiles) -> None:
    certificate = load(files)
    old = certificate.context
    files.renew()
    with capture_logs() as lines:
        await reload_on_signal(signals(), certificate)
    assert certificate.context is not old
    assert [line["event"] for line in lines] == ["certificate reloaded"] * 2


async def test_without_a_certificate_a_signal_only_logs_a_line() -> None:
    with capture_logs() as lines:
        await reload_on_signal(signals(), None)
    assert [line["event"] for line in lines] == ["no certificate to reload"] * 2


@pytest.mark.parametrize("which", ["cert", "key"])
@pytest.mark.parametrize("content", [None, b"", b"no PEM"])
async def test_a_failed_reload_logs_one_line_and_keeps_the_certificate(
    files: CertificateFiles, which: str, content: bytes | None
) -> None:
    certificate = load(files)
    old = certificate.context
    broken = break_file(files, which, content)
    with capture_logs() as lines:
        await certificate.reload()
    assert certificate.context is old
    (line,) = lines
    assert line["log_level"] == "error"
    assert str(broken) in line["reason"]
    assert "exc_info" not in line
