"""TLS from outside: what it is like, who is turned away, and a new certificate meanwhile."""

import http.client
import json
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.certificates import (
    CertificateFiles,
    authority,
    certificate_files,
    client_context,
)
from tests.support.client import Chatter, dial, is_message
from tests.support.raw import Address, RawConnection
from tests.support.requests import head, plain_head
from tests.support.server import ChatServer, running
from tests.support.waiting import PATIENCE_SECONDS, eventually

from .test_starting import start_in_vain
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
    with running(*SETTINGS, *files.settings) as started:
        yield started


def plain(address: Address) -> Address:
    """The same address, to be spoken to without TLS."""
    host, port = address
    return host, port


def shown_certificate(server: ChatServer) -> bytes | None:
    """What the server shows to who connects now."""
    with RawConnection(server.address) as connection:
        assert isinstance(connection.socket, ssl.SSLSocket)
        return connection.socket.getpeercert(binary_form=True)


def says_in_its_log(server: ChatServer, event: str) -> bool:
    return any(json.loads(line)["event"] == event for line in list(server.log_lines))


# --- what is served ------------------------------------------------------------------------------


def test_pages_and_health_come_over_https_in_http_1_1(server: ChatServer) -> None:
    for path, kind in (("/", "text/html"), ("/readyz", "text/plain"), ("/metrics", "text/plain")):
        host, port = server.address
        connection = http.client.HTTPSConnection(host, port, context=client_context())
        connection.request("GET", path)
        response = connection.getresponse()
        assert (response.status, response.version) == (200, 11)
        assert response.headers["content-type"].startswith(kind)
        # Whether a name is to be used over TLS only, for months, is not ours to decide.
        assert "strict-transport-security" not in response.headers
        response.read()
        connection.close()


def test_two_people_talk(server: ChatServer) -> None:
    ann, bob = Chatter(server.url(), "ann"), Chatter(server.url(), "bob")
    bob.arrive()
    ann.fence("hello")
    assert bob.first(is_message("hello"))["username"] == "ann"
    ann.leave()
    bob.leave()


def test_a_message_of_many_records_is_echoed_whole(server: ChatServer) -> None:
    data = bytes(range(256)) * 250
    with dial(server.url("/ws/echo"), max_size=None) as echo:
        for _ in range(20):
            echo.send(data)
            assert echo.recv(PATIENCE_SECONDS) == data


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tls_is_1_2_or_1_3_with_http_1_1_and_without_compression(
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


def test_tls_1_1_is_refused_to_a_client_that_may_speak_1_2_as_well_or_not(
    server: ChatServer,
) -> None:
    # At this level of security this client offers 1.1, which by default it would not.
    old = ("-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in openssl(server, "-tls1_1", *old)
    assert "Cipher is ECDHE" in openssl(server, "-tls1_2", *old)


def test_a_renegotiation_is_refused(server: ChatServer) -> None:
    # "R" on a line of its own asks for one. OpenSSL 3 refuses by default too, 1.1.1 does not.
    said = openssl(server, "-tls1_2", words="R\n")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said.lower()


def test_a_client_that_changes_its_keys_and_asks_for_new_ones_is_served_on(
    server: ChatServer,
) -> None:
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


@pytest.mark.parametrize(
    "words",
    [
        plain_head(b"/"),
        head(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage" + bytes(600),
        b"\x15\x03\x03\x00\x02\x02\x28",
        bytes(100_000),
    ],
    ids=["a page", "an upgrade", "a bad hello", "an alert", "zeros"],
)
def test_who_speaks_no_tls_is_disconnected_and_nobody_else_notices(
    server: ChatServer, bystander: Bystander, words: bytes
) -> None:
    open_files, logged = server.open_files(), len(server.log_lines)
    with bystander.watching() as watched, RawConnection(plain(server.address)) as connection:
        connection.push(words)
        connection.read_end()
        assert not bytes(connection.incoming).startswith(b"HTTP/")
    assert watched.slowest < ROUND_TRIP_SECONDS
    server.wait_for_open_files(open_files)
    server.assert_healthy(since=logged)
    levels = {json.loads(line)["level"] for line in server.log_lines[logged:]}
    assert levels <= {"info"}, server.log_lines[logged:]  # others come and go


def test_200_handshakes_that_never_end_delay_nobody_and_end_with_the_head_timeout(
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


def test_who_leaves_in_the_middle_of_anything_is_no_failure(
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
    with running(*SETTINGS, *made.settings) as started:
        yield started, made


def test_sighup_shows_a_new_certificate_and_drops_nobody(
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


def test_a_broken_certificate_is_a_line_in_the_log_and_the_old_one_stays(
    own: tuple[ChatServer, CertificateFiles],
) -> None:
    server, files = own
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    old = shown_certificate(server)
    eventually(lambda: says_in_its_log(server, "joined"), "the lines before are written")
    logged = len(server.log_lines)
    files.key.write_text("no key\n")
    server.signal(signal.SIGHUP)
    eventually(
        lambda: says_in_its_log(server, "certificate not reloaded, the old one stays"),
        "the store says so",
    )
    assert len(server.log_lines) == logged + 1
    assert shown_certificate(server) == old
    ann.fence("still here")
    ann.leave()


def test_without_tls_sighup_ends_nothing(serve: Callable[..., ChatServer]) -> None:
    server = serve()
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    server.signal(signal.SIGHUP)
    eventually(
        lambda: says_in_its_log(server, "nothing to reload: no certificate is set"), "it says so"
    )
    ann.fence("still here")
    ann.leave()


# --- a start in vain -----------------------------------------------------------------------------


def test_one_file_without_the_other_is_one_line_and_status_2(files: CertificateFiles) -> None:
    assert "tls-key" in start_in_vain("--tls-cert", str(files.cert))
    assert "tls-cert" in start_in_vain("--tls-key", str(files.key))


def test_files_that_cannot_be_used_are_one_line_and_status_2(
    files: CertificateFiles, tmp_path: Path
) -> None:
    other = certificate_files(tmp_path)
    missing = str(tmp_path / "missing.pem")
    assert "the key belongs to another certificate" in start_in_vain(
        "--tls-cert", str(files.cert), "--tls-key", str(other.key)
    )
    assert missing in start_in_vain("--tls-cert", missing, "--tls-key", str(files.key))
    assert "encrypted" in start_in_vain(
        "--tls-cert", str(files.cert), "--tls-key", str(encrypted(files.key, tmp_path))
    )


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
