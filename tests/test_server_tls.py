"""The server as a whole, in this process, over TLS."""

import signal
import ssl
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from websockets.frames import Opcode

from tests.support.certificates import CertificateFiles, certificate_files
from tests.support.local_server import ECHO_HEAD, LocalServer, local_server, until
from tests.websocket.wire import HEAD, Client, close, code_of, text
from trio_chat import server
from trio_chat.errors import StartError
from trio_chat.fair_queue import FairQueue
from trio_chat.settings import Settings


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return certificate_files(tmp_path)


@pytest.fixture
def tls(files: CertificateFiles) -> dict[str, str]:
    """The settings that name the files."""
    return {"tls_cert": str(files.cert), "tls_key": str(files.key)}


def certificate_of(client: Client) -> bytes:
    """What the server has shown a client."""
    assert isinstance(client.stream, trio.SSLStream)
    shown = client.stream.getpeercert(binary_form=True)
    assert isinstance(shown, bytes)
    return shown


async def test_it_says_https_and_serves_pages_chat_and_echo_there(tls: dict[str, str]) -> None:
    async with local_server(**tls) as home:
        assert home.url.startswith("https://127.0.0.1:")
        assert await home.get("/readyz") == (200, "ready")
        ann, bob = await home.join("ann"), await home.join("bob")
        await bob.send(text("hello"))
        for client in (ann, bob):
            assert (await until(client, "message"))["message"] == "hello"
        echo = await home.connect(ECHO_HEAD)
        await echo.send(text("x" * 60_000))
        assert bytes((await echo.receive()).data) == b"x" * 60_000


async def test_what_came_with_the_upgrade_and_is_decrypted_later_is_served_too(
    tls: dict[str, str],
) -> None:
    texts = [f"{number:0200}" for number in range(100)]
    async with local_server(**tls) as home:
        echo = await home.dial()
        await echo.send(ECHO_HEAD, *map(text, texts))  # nothing makes the socket readable after it
        await echo.receive_head()
        assert [bytes((await echo.receive()).data).decode() for _ in texts] == texts


@pytest.mark.parametrize(("scheme", "status"), [("https", b"101"), ("http", b"403")])
async def test_ours_is_the_https_origin(tls: dict[str, str], scheme: str, status: bytes) -> None:
    async with local_server(**tls) as home:
        client = await home.dial()
        origin = b"Origin: " + scheme.encode() + b"://chat.test\r\n\r\n"
        await client.send(HEAD.replace(b"\r\n\r\n", b"\r\n" + origin))
        assert (await client.stream.receive_some()).startswith(b"HTTP/1.1 " + status)


async def test_handshakes_and_requests_each_take_turns_by_address(
    tls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[FairQueue, str]] = []

    async def pass_through(queue: FairQueue, address: str) -> None:
        await trio.lowlevel.checkpoint()
        taken.append((queue, address))

    monkeypatch.setattr(FairQueue, "pass_through", pass_through)
    async with local_server(**tls) as home:
        assert await home.get("/readyz") == (200, "ready")
        (first, *_), *_, (last, *_) = taken
        assert first is not last
        assert {address for _, address in taken} == {"127.0.0.1"}


async def test_a_certificate_that_cannot_be_used_refuses_the_start(
    tls: dict[str, str], files: CertificateFiles
) -> None:
    files.key.unlink()
    with pytest.raises(StartError, match="cannot read "):
        await server.serve(Settings(port=0, store="memory:", **tls))  # type: ignore[arg-type]


async def reloaded(home: LocalServer, old: bytes) -> bytes:
    """Connect until the server shows another certificate, and give that."""
    while True:
        client = await home.dial()
        if certificate_of(client) != old:
            return certificate_of(client)


async def test_sighup_shows_newcomers_the_new_certificate_and_leaves_others_alone(
    tls: dict[str, str], files: CertificateFiles
) -> None:
    async with local_server(**tls) as home:
        ann = await home.join("ann")
        old = certificate_of(ann)
        new = files.renew()
        assert certificate_of(await home.dial()) == old
        signal.raise_signal(signal.SIGHUP)
        assert await reloaded(home, old) == new
        bob = await home.join("bob")
        await bob.send(text("hello"))
        assert (await until(ann, "message"))["message"] == "hello"


async def test_without_tls_sighup_is_a_line_in_the_log_and_no_more() -> None:
    with capture_logs() as lines:
        async with local_server() as home:
            ann = await home.join("ann")
            signal.raise_signal(signal.SIGHUP)
            await ann.send(text("hello"))
            assert (await until(ann, "message"))["message"] == "hello"
            while not any(line["event"].startswith("no certificate to reload") for line in lines):
                await trio.lowlevel.checkpoint()
    assert not home.failure


async def test_a_signal_closes_everybody_with_1001_and_ends_with_0(tls: dict[str, str]) -> None:
    async with local_server(**tls) as home:
        clients = [await home.join("ann"), await home.connect(ECHO_HEAD)]
        signal.raise_signal(signal.SIGTERM)
        for client in clients:
            frame = await client.receive()
            while frame.opcode is not Opcode.CLOSE:
                frame = await client.receive()
            assert code_of(frame) == 1001
            await client.send(close())
            await client.receive_rest()  # which ends in good order, or it would raise
        await home.ended.wait()
        assert home.status == 0


async def test_who_speaks_no_tls_is_no_failure_of_the_server(tls: dict[str, str]) -> None:
    with capture_logs() as lines:
        async with local_server(**tls) as home:
            for words in (HEAD, b"\x16\x03\x01\xff", bytes(1000), b"\x15\x03\x01\x00\x02\x02\x50"):
                tcp = await trio.open_tcp_stream("127.0.0.1", home.port)
                async with tcp:
                    await tcp.send_all(words)
                    await tcp.send_eof()
                    try:
                        while await tcp.receive_some():
                            pass
                    except trio.BrokenResourceError:  # what it has not read makes it a reset
                        pass
            assert await home.sample("connection_failures_total") == 0
    assert not [line for line in lines if line["log_level"] in {"warning", "error"}]


async def test_a_handshake_that_never_ends_is_ended_within_the_head_timeout(
    tls: dict[str, str],
) -> None:
    hello, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(hello, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    words = outgoing.read()
    async with local_server(head_timeout_seconds=0.1, **tls) as home:
        for begun in (b"", words[:50], words):
            tcp = await trio.open_tcp_stream("127.0.0.1", home.port)
            async with tcp:
                await tcp.send_all(begun) if begun else None
                while await tcp.receive_some():
                    pass
        assert await home.sample("connection_failures_total") == 0
