"""TLS with a real server: versions and attacks."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.support.certificates import (
    certificate_files,
    client_context,
)
from tests.support.client import Chatter
from tests.support.raw import Address, RawConnection
from tests.support.server import ChatServer
from tests.support.waiting import PATIENCE_SECONDS

from .witness import ROUND_TRIP_SECONDS, Bystander

HEAD_TIMEOUT_SECONDS = 3

SETTINGS = (
    *("--upgrade-rate", "0", "--message-rate", "40", "--head-timeout", str(HEAD_TIMEOUT_SECONDS)),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server with a certificate."""
    files = certificate_files(tmp_path_factory.mktemp("tls"))
    with ChatServer(*SETTINGS, *files.settings) as started:
        yield started


def plain(address: Address) -> Address:
    """Return the address for connections without TLS."""
    host, port = address
    return host, port


def openssl(server: ChatServer, *options: str, words: str = "") -> str:
    """Connect with ``openssl s_client``, and return its output."""
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
