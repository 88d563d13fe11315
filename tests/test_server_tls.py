"""The whole server in this process, over TLS."""

import signal
import ssl
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from tests.support.certificates import CertificateFiles, certificate_files
from tests.support.local_server import ECHO_HEAD, LocalServer, local_server, until
from tests.websocket.wire import HEAD, Client, text
from trio_chat.fair_queue import FairQueue


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return certificate_files(tmp_path)


@pytest.fixture
def tls(files: CertificateFiles) -> dict[str, str]:
    """The settings that name the files."""
    return {"tls_cert": str(files.cert), "tls_key": str(files.key)}


def certificate_of(client: Client) -> bytes:
    assert isinstance(client.stream, trio.SSLStream)
    shown = client.stream.getpeercert(binary_form=True)
    assert isinstance(shown, bytes)
    return shown


async def test_the_server_serves_everything_over_https(tls: dict[str, str]) -> None:
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


async def test_messages_sent_with_the_upgrade_are_served(tls: dict[str, str]) -> None:
    texts = [f"{number:0200}" for number in range(100)]
    async with local_server(**tls) as home:
        echo = await home.dial()
        await echo.send(ECHO_HEAD, *map(text, texts))  # nothing makes the socket readable after it
        await echo.receive_head()
        assert [bytes((await echo.receive()).data).decode() for _ in texts] == texts


async def test_handshakes_and_requests_take_turns_by_address(
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


async def reloaded(home: LocalServer, old: bytes) -> bytes:
    """Connect until the server has another certificate, and return it."""
    while True:
        client = await home.dial()
        if certificate_of(client) != old:
            return certificate_of(client)


async def test_sighup_affects_only_new_connections(
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


async def test_a_client_without_tls_is_no_server_failure(tls: dict[str, str]) -> None:
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


async def test_the_head_timeout_limits_the_handshake(tls: dict[str, str]) -> None:
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
