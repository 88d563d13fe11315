"""TLS with a real server: versions, attacks, and a new certificate."""

import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.certificates import (
    CertificateFiles,
    authority,
    certificate_files,
    client_context,
)
from tests.support.client import Chatter, is_message
from tests.support.raw import Address, RawConnection
from tests.support.requests import head
from tests.support.server import ChatServer
from tests.support.waiting import PATIENCE_SECONDS, eventually

from .witness import ROUND_TRIP_SECONDS, Bystander

HEAD_TIMEOUT_SECONDS = 3

SETTINGS = (
    *("--upgrade-rate", "0", "--message-rate", "40", "--head-timeout", str(HEAD_TIMEOUT_SECONDS)),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """The certificate of the module's server."""
    return certificate_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(files: CertificateFiles) -> Iterator[ChatServer]:
    """A server with a certificate."""
    with ChatServer(*SETTINGS, *files.settings) as started:
        yield started


def plain(address: Address) -> Address:
    """The same address, to be spoken to without TLS."""
    host, port = address
    return host, port


def shown_certificate(server: ChatServer) -> bytes | None:
    """Return the certificate that a new connection receives."""
    with RawConnection(server.address) as connection:
        assert isinstance(connection.socket, ssl.SSLSocket)
        return connection.socket.getpeercert(binary_form=True)


# --- what is served ------------------------------------------------------------------------------


def test_two_clients_chat_over_tls(server: ChatServer) -> None:
    ann, bob = Chatter(server.url(), "ann"), Chatter(server.url(), "bob")
    bob.arrive()
    ann.fence("hello")
    assert bob.first(is_message("hello"))["username"] == "ann"
    ann.leave()
    bob.leave()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_server_speaks_tls_1_2_and_1_3_without_compression(
    server: ChatServer, version: str
) -> None:
    context = ssl.create_default_context()
    authority().configure_trust(context)
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, _ = server.address
    with (
        socket.create_connection(plain(server.address), PATIENCE_SECONDS) as tcp,
        context.wrap_socket(tcp, server_hostname=host) as client,
    ):
        assert client.version() == f"TLSv{version}"
        assert client.selected_alpn_protocol() == "http/1.1"
        assert client.compression() is None


def openssl(server: ChatServer, *options: str, words: str = "") -> str:
    """Connect with ``openssl s_client``, and give all that it says."""
    host, port = server.address
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", *options],
        input=words,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    return done.stdout + done.stderr


def test_the_server_refuses_tls_1_1(server: ChatServer) -> None:
    # At this level of security this client offers 1.1, which by default it would not.
    old = ("-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in openssl(server, "-tls1_1", *old)
    assert "Cipher is ECDHE" in openssl(server, "-tls1_2", *old)


def test_the_server_refuses_a_renegotiation(server: ChatServer) -> None:
    # "R" on a line of its own asks for one. OpenSSL 3 refuses by default too, 1.1.1 does not.
    said = openssl(server, "-tls1_2", words="R\n")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said.lower()


def test_the_server_continues_after_a_key_update(server: ChatServer) -> None:
    host, port = server.address
    with subprocess.Popen(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-tls1_3", "-crlf"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        for _ in range(3):
            client.stdin.write("K\n")  # on a line of its own: a KeyUpdate that asks for another
            client.stdin.flush()
            # The line begins with the page that came before, which has no line end.
            assert any(said.endswith("KEYUPDATE\n") for said in client.stdout)
            client.stdin.write("GET /healthz HTTP/1.1\nHost: chat.test\n\n")
            client.stdin.flush()
            assert "HTTP/1.1 200 OK\n" in client.stdout
        client.kill()


# --- who is turned away --------------------------------------------------------------------------


def test_200_stalled_handshakes_delay_no_other_client(
    server: ChatServer, bystander: Bystander
) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    open_files, logged = server.open_files(), len(server.log_lines)
    with bystander.watching() as watched, ExitStack() as stack:
        stuck = [stack.enter_context(RawConnection(plain(server.address))) for _ in range(200)]
        for number, connection in enumerate(stuck):
            connection.push(hello[: (0, 5, 100, len(hello))[number % 4]])
        newcomer = Chatter(server.url(), "newcomer")
        newcomer.fence("I got in")
        newcomer.leave()
        for connection in stuck:
            connection.read_end()
    assert watched.slowest < ROUND_TRIP_SECONDS
    server.wait_for_open_files(open_files)
    server.assert_healthy(since=logged)


def test_a_client_that_leaves_at_any_moment_causes_no_failure(
    server: ChatServer, bystander: Bystander
) -> None:
    open_files, logged = server.open_files(), len(server.log_lines)
    with bystander.watching():
        for said in (b"", head()[:30], head()):
            for leave in (RawConnection.reset, lambda c: c.socket.close()):
                connection = RawConnection(server.address)
                connection.push(said)
                leave(connection)
    server.wait_for_open_files(open_files)
    server.assert_healthy(since=logged)


# --- a new certificate ---------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[ChatServer, CertificateFiles]]:
    """A server of the test's own, and its certificate."""
    made = certificate_files(tmp_path)
    with ChatServer(*SETTINGS, *made.settings) as started:
        yield started, made


def test_sighup_loads_a_new_certificate_and_drops_no_client(
    own: tuple[ChatServer, CertificateFiles],
) -> None:
    server, files = own
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    new = files.renew()
    assert shown_certificate(server) != new
    server.signal(signal.SIGHUP)
    eventually(lambda: shown_certificate(server) == new, "the new certificate is shown")
    bob = Chatter(server.url(), "bob")
    bob.fence("hello")
    ann.first(is_message("hello"))
    ann.fence("still here")
    ann.leave()
    bob.leave()


# --- a start in vain -----------------------------------------------------------------------------


def encrypted(key: Path, folder: Path) -> Path:
    """Write the same key with a password on it."""
    file = folder / "encrypted.pem"
    subprocess.run(
        ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", str(file)],
        check=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    return file
