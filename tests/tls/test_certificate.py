"""The certificate: what is refused at the start, and what a reload changes."""

import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from tests.certificates import CertificateFiles, authority, certificate_files
from trio_chat.errors import StartError
from trio_chat.settings import Settings
from trio_chat.tls.certificate import (
    Certificate,
    CertificateError,
    load_certificate,
    reload_on_signal,
)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return certificate_files(tmp_path)


def load(files: CertificateFiles) -> Certificate:
    return Certificate(str(files.cert), str(files.key))


def break_file(files: CertificateFiles, which: str, content: bytes | None) -> Path:
    """Give a file another content, or take it away."""
    file: Path = getattr(files, which)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    return file


# --- start ---------------------------------------------------------------------------------------


def test_without_both_settings_there_is_no_tls() -> None:
    assert load_certificate(Settings()) is None


def test_with_both_settings_there_is(files: CertificateFiles) -> None:
    settings = Settings(tls_cert=str(files.cert), tls_key=str(files.key))
    assert load_certificate(settings) is not None


@pytest.mark.parametrize(("given", "missing"), [("cert", "key"), ("key", "cert")])
def test_one_file_without_the_other_is_refused(given: str, missing: str) -> None:
    with pytest.raises(StartError) as error:
        load_certificate(Settings(**{f"tls_{given}": "x.pem"}))  # type: ignore[arg-type]
    assert str(error.value) == f"tls-{given} without tls-{missing}: TLS needs both"


@pytest.mark.parametrize("which", ["cert", "key"])
def test_a_file_that_cannot_be_read_is_named(files: CertificateFiles, which: str) -> None:
    missing = break_file(files, which, None)
    with pytest.raises(StartError) as error:
        load_certificate(Settings(tls_cert=str(files.cert), tls_key=str(files.key)))
    assert str(error.value) == f"cannot read {missing}: No such file or directory"


def test_a_key_that_is_not_the_certificates_is_refused(files: CertificateFiles) -> None:
    files.key.write_bytes(authority().issue_cert("localhost").private_key_pem.bytes())
    with pytest.raises(CertificateError, match=r"the key is not the certificate's$"):
        load(files)


@pytest.mark.parametrize("which", ["cert", "key"])
@pytest.mark.parametrize("content", [b"", b"no PEM\n"])
def test_a_file_that_is_no_pem_is_refused(
    files: CertificateFiles, which: str, content: bytes
) -> None:
    break_file(files, which, content)
    with pytest.raises(CertificateError, match="there is no certificate in PEM"):
        load(files)


def test_an_encrypted_key_is_refused_and_nobody_is_asked(files: CertificateFiles) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(CertificateError, match=f"^the key {files.key} is encrypted"):
        load(files)


def test_a_refusal_is_one_line(files: CertificateFiles) -> None:
    files.key.write_bytes(b"")
    with pytest.raises(CertificateError) as error:
        load(files)
    assert "\n" not in str(error.value)


# --- what it is like -----------------------------------------------------------------------------


def test_tls_1_2_is_the_oldest_and_nothing_is_compressed_or_renegotiated(
    files: CertificateFiles,
) -> None:
    context = load(files).context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION


# --- reload --------------------------------------------------------------------------------------


async def test_a_reload_makes_a_new_context_and_leaves_the_old_one_as_it_is(
    files: CertificateFiles,
) -> None:
    certificate = load(files)
    old = certificate.context
    files.renew()
    with capture_logs() as lines:
        await certificate.reload()
    assert certificate.context is not old
    assert [line["event"] for line in lines] == ["certificate reloaded"]


@pytest.mark.parametrize("which", ["cert", "key"])
@pytest.mark.parametrize("content", [None, b"", b"no PEM"])
async def test_a_reload_of_broken_files_is_one_line_and_the_old_certificate_stays(
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


async def signals(count: int) -> AsyncIterator[int]:
    for _ in range(count):
        await trio.lowlevel.checkpoint()
        yield signal.SIGHUP


async def test_each_signal_is_a_reload(files: CertificateFiles) -> None:
    with capture_logs() as lines:
        await reload_on_signal(signals(2), load(files))
    assert [line["event"] for line in lines] == ["certificate reloaded"] * 2


async def test_without_a_certificate_a_signal_is_a_line_and_nothing_else() -> None:
    with capture_logs() as lines:
        await reload_on_signal(signals(2), None)
    assert [line["event"] for line in lines] == ["nothing to reload: no certificate is set"] * 2
