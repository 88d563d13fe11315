"""The whole server in this process: start, supervision and end."""

import gc
import os
import re
import signal
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
import trio
import trio.testing
from structlog.testing import capture_logs
from websockets.frames import Opcode

from tests.support.certificates import certificate_files
from tests.support.local_server import ECHO_HEAD, LocalServer, local_server, until
from tests.websocket.wire import HEAD, TIMEOUT_SECONDS, close, code_of, text
from trio_chat import server
from trio_chat.backplane.local import LocalBackplane
from trio_chat.errors import StartError
from trio_chat.http.accept import Acceptor
from trio_chat.hub.requests import Request
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.settings import Settings
from trio_chat.sockets import url_of
from trio_chat.store.memory import MemoryStore
from trio_chat.websocket.chat import Chat
from trio_chat.websocket.connection import Connection


async def test_the_server_reports_its_url_when_ready() -> None:
    async with local_server() as home:
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]*/", home.url)
        assert await home.get("/readyz") == (200, "ready")
        assert (await home.get("/"))[0] == 200


async def test_several_hosts_share_a_port() -> None:
    async with local_server(host=("127.0.0.1", "[::1]")) as home:
        for host in ("127.0.0.1", "::1"):
            stream = await trio.open_tcp_stream(host, home.port)
            async with stream:
                await stream.send_all(b"GET /healthz HTTP/1.0\r\nHost: chat.test\r\n\r\n")
                assert b" 200 OK" in await stream.receive_some()


async def test_a_failed_listener_closes_the_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1"):
        await server.serve(Settings(host=("127.0.0.1", "192.0.2.1"), port=port, store="memory:"))
    socket.create_server(("127.0.0.1", port)).close()


def test_a_url_with_an_ipv6_address_has_brackets() -> None:
    listener = SimpleNamespace(getsockname=lambda: ("::1", 8080, 0, 0))
    assert url_of(listener, secure=True) == "https://[::1]:8080/"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "why"),
    [("127.0.0.1", "Address already in use"), ("a" * 70 + ".test", None), (".", None)],
)
async def test_a_host_or_port_that_cannot_be_used_is_one_line(host: str, why: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=why) as error:
            await server.serve(Settings(host=(host,), port=port, store="memory:"))
    assert str(error.value).startswith(f"cannot listen on {host} port {port}: ")
    assert "\n" not in str(error.value)


async def test_a_failed_start_releases_the_store(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path}/chat.db"
    async with local_server() as home:
        with pytest.raises(StartError, match="cannot listen"):
            await server.serve(Settings(port=home.port, store=store))
    async with local_server(store=store) as home:
        assert await home.get("/readyz") == (200, "ready")


def test_run_prints_the_url_tunes_the_process_and_returns_the_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits: list[tuple[int, int]] = []

    async def serve(
        settings: Settings, *, task_status: trio.TaskStatus[str], **others: object
    ) -> int:
        assert others.keys() == {"dropped_lines", "manager"}
        await trio.lowlevel.checkpoint()
        task_status.started(f"http://{settings.host[0]}:1/")
        return 7

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr("resource.setrlimit", lambda _, limit: limits.append(limit))
    collecting: list[tuple[int, ...]] = []
    monkeypatch.setattr("gc.set_threshold", lambda *numbers: collecting.append(numbers))
    assert server.run(Settings()) == 7
    assert capsys.readouterr().out == "trio_chat is at http://127.0.0.1:1/ (Ctrl-C ends it)\n"
    assert limits == [(4096, 4096)]
    assert collecting == [(*gc.get_threshold()[:2], 10_000)]


async def test_log_lines_name_the_node_only_in_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[dict[str, str]] = []

    async def run(
        _server: server.Server, listeners: list[socket.socket], *_: object, **__: object
    ) -> int:
        await trio.lowlevel.checkpoint()
        seen.append(structlog.contextvars.get_contextvars())
        for listener in listeners:
            listener.close()
        return 0

    monkeypatch.setattr(server, "_run", run)
    await server.serve(Settings(port=0, store="memory:"))
    backplane = LocalBackplane()
    backplane.is_shared = True
    monkeypatch.setattr(server, "make_backplane", lambda *_: backplane)
    await server.serve(Settings(port=0, store="memory:"))
    assert seen[0] == {}
    assert len(seen[1].pop("node")) == 16
    assert structlog.contextvars.get_contextvars() == {}


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the text ``crash`` reveal a bug of the server."""
    deal_with = Chat.take

    def take(self: Chat, text: str, now: float) -> Request | None:
        if text == "crash":
            raise ZeroDivisionError
        return deal_with(self, text, now)

    monkeypatch.setattr(Chat, "take", take)


@pytest.mark.usefixtures("crashing")
async def test_an_error_on_a_connection_ends_only_that_connection() -> None:
    with capture_logs() as lines:
        async with local_server() as home:
            ann = await home.join("ann")
            bob = await home.join("bob")
            await bob.send(text("crash"))
            assert [one.opcode for one in await bob.receive_rest()].count(Opcode.CLOSE) == 0
            left = await until(ann, "presence")
            while left["users"] != ["ann"]:
                left = await until(ann, "presence")
            await ann.send(text("still here"))
            assert (await until(ann, "message"))["message"] == "still here"
            assert await home.sample("connection_failures_total") == 1
    (failed,) = [line for line in lines if line["event"] == "connection failed"]
    assert failed["log_level"] == "error"
    assert failed["exc_info"].subgroup(ZeroDivisionError) is not None


async def test_an_invalid_client_is_no_server_failure() -> None:
    with capture_logs() as lines:
        async with local_server() as home:
            for offence in (b"\xff\xff", text("{"), close(999), b"\x81\xfe\xff"):
                client = await home.connect()
                await client.send(offence)
                await client.tcp.send_eof()
                await client.receive_rest()
            for path in ("/ws", "/nowhere"):
                await home.get(path)
            (await home.dial()).tcp.socket.close()
            assert await home.sample("connection_failures_total") == 0
    assert not [line for line in lines if line["log_level"] in {"warning", "error"}]


async def test_a_failure_of_the_hub_ends_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(_: MemoryStore, drafts: Sequence[Draft], marks: Sequence[ReadMarker]) -> None:
        raise ZeroDivisionError(drafts, marks)

    monkeypatch.setattr(MemoryStore, "commit_nowait", commit)
    async with local_server() as home:
        echo = await home.connect(ECHO_HEAD)
        ann = await home.connect()
        await ann.send(text("ann"))
        await home.ended.wait()
        assert home.failure is not None
        assert home.failure.subgroup(ZeroDivisionError) is not None
        assert await echo.receive_rest() == []
        assert await ann.receive_rest() == []


async def test_cancellation_ends_the_server_at_once() -> None:
    with trio.fail_after(TIMEOUT_SECONDS):
        home = LocalServer()
        async with trio.open_nursery() as nursery:
            home.url = await nursery.start(partial(home.serve, Settings(port=0, store="memory:")))
            home.port = int(home.url.rstrip("/").rpartition(":")[2])
            ann = await home.join("ann")
            nursery.cancel_scope.cancel()
        assert (await ann.receive_rest())[-1:] == []
        await ann.close()
        with pytest.raises(OSError, match="all attempts to connect"):
            await home.dial()


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_closes_all_connections_with_1001(
    number: signal.Signals, tmp_path: Path, *, is_tls: bool
) -> None:
    files = certificate_files(tmp_path)
    tls = {"tls_cert": str(files.cert), "tls_key": str(files.key)} if is_tls else {}
    with capture_logs() as lines:
        async with local_server(**tls) as home:
            clients = [await home.join("ann"), await home.connect(ECHO_HEAD)]
            signal.raise_signal(number)
            for client in clients:
                frame = await client.receive()
                while frame.opcode is not Opcode.CLOSE:
                    frame = await client.receive()
                assert code_of(frame) == 1001
                await client.send(close())
                await client.receive_rest()  # raises if TLS ends out of order
            await home.ended.wait()
            assert home.status == 0
    events = [line["event"] for line in lines]
    assert events[0] == "listening"
    assert events[-1] == "stopped"
    assert events.count("connected") == events.count("disconnected") == 2


async def test_the_server_accepts_after_it_has_received_its_peers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []

    async def wait_for_peers(_: server.Server) -> None:
        order.append("meet")
        await trio.lowlevel.checkpoint()

    async def accept(_: Acceptor, listeners: list[socket.socket]) -> None:
        order.append("accept")
        for listener in listeners:
            listener.close()
        await trio.sleep_forever()

    monkeypatch.setattr(server.Server, "wait_for_peers", wait_for_peers)
    monkeypatch.setattr(Acceptor, "run", accept)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(server.serve, Settings(port=0, store="memory:")))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert order == ["meet", "accept"]


async def test_a_draining_server_refuses_upgrades() -> None:
    async with local_server() as home:
        ann = await home.join("ann")
        signal.raise_signal(signal.SIGTERM)
        frame = await ann.receive()
        while frame.opcode is not Opcode.CLOSE:
            frame = await ann.receive()
        assert await home.get("/readyz") == (503, "draining")
        assert (await home.get("/healthz"))[0] == 200
        late = await home.dial()
        await late.send(HEAD)
        answer = b"".join([part async for part in late.stream])
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert not home.ended.is_set()
        await ann.send(close())
        await home.ended.wait()
        assert home.status == 0


async def test_the_grace_period_limits_the_shutdown() -> None:
    async with local_server(shutdown_grace_seconds=0.1, close_timeout_seconds=600) as home:
        ann = await home.join("ann")
        signal.raise_signal(signal.SIGTERM)
        await home.ended.wait()
        assert home.status == 0
        assert code_of((await ann.receive_rest())[-1]) == 1001


async def test_a_closed_connection_leaves_no_garbage() -> None:
    def connections() -> int:
        return sum(isinstance(each, Connection) for each in gc.get_objects())

    async with local_server() as home:
        gc.collect()
        before = connections()
        gc.disable()
        try:
            polite, rude = await home.join("ann"), await home.join("bob")
            echo, wrong = await home.connect(ECHO_HEAD), await home.connect()
            assert connections() == before + 4
            await polite.send(close())
            await wrong.send(text(""), b"\xff")
            for client in (polite, wrong):
                await client.receive_rest()
            for client in (rude, echo):
                client.stream.socket.close()
            while await home.sample("connections"):
                pass
            await trio.testing.wait_all_tasks_blocked()
            assert connections() == before
        finally:
            gc.enable()


async def test_the_server_leaves_no_file_descriptor_open() -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - no objects are made

    before = descriptors()
    async with local_server() as home:
        for name in ("ann", "bob"):
            await home.join(name)
        await home.get("/")
        await home.dial()
        assert descriptors() > before
    assert descriptors() == before
