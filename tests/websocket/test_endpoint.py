"""The endpoint: upgrades, counts, log lines, and the drain."""

import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, field
from structlog.testing import capture_logs

from tests.websocket.scene import FILLER, StubHub
from tests.websocket.wire import (
    TIMEOUT_SECONDS,
    Client,
    close,
    code_of,
    loopback_pair,
    text,
    texts,
    upgrade,
)
from trio_chat.access.tokens import Verifier
from trio_chat.context import Context
from trio_chat.cuts import CutDetector
from trio_chat.hub.requests import Join, Leave, Request
from trio_chat.metrics import Metrics
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.handshake import Refusal, Upgrade
from trio_chat.settings import Settings
from trio_chat.store.memory import MemoryStore
from trio_chat.websocket.chat import Chat
from trio_chat.websocket.endpoint import ECHO_PATH, Endpoint
from trio_chat.websocket.transport import SocketTransport

ECHO = upgrade(path=ECHO_PATH)


@define(eq=False)
class Gate:
    """An endpoint and its clients; `requests` is the hub's end of the inbox."""

    endpoint: Endpoint
    requests: trio.MemoryReceiveChannel[Request]
    metrics: Metrics
    nursery: trio.Nursery
    failures: list[BaseException] = field(factory=list)
    clients: list[Client] = field(factory=list)

    async def connect(self, request: Upgrade) -> tuple[Client, socket.socket]:
        """Return a client whose upgrade has been answered, and the server's socket."""
        stream, sock = await loopback_pair()
        self.nursery.start_soon(self._serve, sock, request)
        client = Client(stream)
        self.clients.append(client)
        await client.receive_head()
        return client, sock

    async def _serve(self, sock: socket.socket, request: Upgrade) -> None:
        try:
            await self.endpoint.serve(SocketTransport(sock), request)
        except ExceptionGroup as failure:
            self.failures.append(failure)

    def admit(self, request: Upgrade, token: str | None = None) -> Refusal | None:
        outcome = self.endpoint.admit(request, token)
        return outcome if isinstance(outcome, Refusal) else None

    def sample(self, name: str) -> float:
        value = self.metrics._registry.get_sample_value(f"trio_chat_{name}")
        assert value is not None
        return value


@asynccontextmanager
async def gate(
    *,
    verifier: Verifier | None = None,
    wall_ms: Callable[[], int] = lambda: 0,
    **settings: Any,  # noqa: ANN401 - any setting
) -> AsyncIterator[Gate]:
    asked, requests = trio.open_memory_channel[Request](100)
    hub = StubHub(asked=asked)
    metrics = Metrics()
    context = Context(Settings(**settings), metrics, wall_ms, str)
    endpoint = Endpoint(context, hub, MemoryStore(), verifier=verifier)  # type: ignore[arg-type]
    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(endpoint.timers.run)
            nursery.start_soon(hub.run)
            scene = Gate(endpoint, requests, metrics, nursery)
            yield scene
            for client in scene.clients:
                await client.close()
            nursery.cancel_scope.cancel()


async def wait_gone(scene: Gate) -> None:
    while scene.sample("connections"):
        await trio.lowlevel.checkpoint()


def refusal_of(answer: Refusal | None) -> tuple[int, str, dict[bytes, bytes]]:
    assert answer is not None
    return answer.status, answer.code, dict(answer.headers)


async def test_connections_beyond_the_maximum_receive_503() -> None:
    # The refusal costs no token of the rate.
    async with gate(max_connections=2, upgrade_rate=0.001, upgrade_burst=2) as scene:
        first, _ = await scene.connect(ECHO)
        assert scene.admit(upgrade()) is None
        await scene.connect(upgrade())
        assert (scene.sample("connections"), scene.sample("connects_total")) == (2, 2)
        status, code, headers = refusal_of(scene.admit(upgrade()))
        assert (status, code) == (503, "unavailable")
        assert int(headers[b"Retry-After"]) > 0
        await first.close()
        while scene.sample("connections") == 2:
            await trio.lowlevel.checkpoint()
        assert (scene.sample("connections"), scene.sample("connects_total")) == (1, 2)
        assert scene.admit(upgrade()) is None


async def test_drained_endpoint_refuses_upgrades() -> None:
    async with gate() as scene:
        await scene.endpoint.drain()
        status, code, headers = refusal_of(scene.admit(upgrade()))
        assert (status, code) == (503, "unavailable")
        assert b"Retry-After" in headers


async def test_path_selects_the_conversation() -> None:
    async with gate() as scene:
        echo, _ = await scene.connect(ECHO)
        chat, _ = await scene.connect(upgrade())
        await echo.send(text("hello"))
        assert texts([await echo.receive()]) == ["hello"]
        await chat.send(text("ann"))
        request = await scene.requests.receive()
        assert isinstance(request, Join)
        assert isinstance(request.member, Chat)


async def test_waiting_frames_of_all_queues_are_measured() -> None:
    async with gate(send_buffer_bytes=2000) as scene:
        await scene.connect(upgrade())
        await scene.connect(upgrade())
        assert scene.sample("queue_frames") == 0
        for connection in scene.endpoint._connections:
            connection.outbox.offer([FILLER] * 200, FILLER * 200)
        waiting = [one.outbox.waiting_frames for one in scene.endpoint._connections]
        assert min(waiting) > 0
        assert scene.sample("queue_frames") == sum(waiting)


async def test_kernel_send_buffer_has_the_size_of_the_setting() -> None:
    async with gate(send_buffer_bytes=50_000) as scene:
        _, sock = await scene.connect(ECHO)
        # Linux doubles what is asked for, to have room for its own.
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 100_000


async def test_only_the_chat_limits_frames() -> None:
    async with gate(frame_rate=1, frame_burst=5) as scene:
        echo, _ = await scene.connect(ECHO)
        await echo.send(text("x") * 50)
        assert texts([await echo.receive() for _ in range(50)]) == ["x"] * 50
        chat, _ = await scene.connect(upgrade())
        await chat.send(b"\x8a\x80abcd" * 6)
        assert code_of(await chat.receive()) == CloseCode.TOO_MUCH


async def test_cuts_at_the_same_age_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CutDetector, "cut", lambda _, age, now: 20.0 if age <= now else None)
    with capture_logs() as lines:
        async with gate() as scene:
            for code in (None, 1000):  # a connection that is closed is not cut
                client, _ = await scene.connect(upgrade())
                if code is not None:
                    await client.send(close(code))
                    await client.receive_rest()
                await client.close()
                await wait_gone(scene)
    warnings = [line for line in lines if line["event"] == "proxy may be cutting idle connections"]
    assert [(line["seconds"], line["ping_interval"]) for line in warnings] == [(20.0, 30.0)]


async def test_log_lines_have_the_address_the_code_and_the_name_once_known() -> None:
    with capture_logs() as lines:
        async with gate() as scene:
            client, _ = await scene.connect(upgrade(address="192.0.2.9"))
            await client.send(text(" Ann "))
            assert isinstance(await scene.requests.receive(), Join)
            await client.send(close(3001))
            assert isinstance(await scene.requests.receive(), Leave)
            await client.receive_rest()
            await wait_gone(scene)
    assert [(line["event"], line.get("user"), line.get("code")) for line in lines] == [
        ("connected", None, None),
        ("joined", "Ann", None),
        ("disconnected", "Ann", 3001),
    ]
    for line in lines:
        assert (line["address"], line["peer"]) == ("192.0.2.9", "192.0.2.9:50123")
        assert line["path"] == "/ws"
    assert lines[-1]["seconds"] >= 0


async def test_refused_name_is_not_logged() -> None:
    with capture_logs() as lines:
        async with gate() as scene:
            client, _ = await scene.connect(upgrade())
            await client.send(text("x" * 33))
            await client.receive_rest()
            await wait_gone(scene)
    assert lines[-1]["code"] == CloseCode.BAD_FIRST_FRAME
    assert [line["event"] for line in lines] == ["connected", "disconnected"]
    assert "x" * 33 not in repr(lines)


async def test_failed_connection_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object, text: str, now: float) -> None:  # noqa: ARG001
        raise ZeroDivisionError(text)

    monkeypatch.setattr(Chat, "take", fail)
    with capture_logs() as lines:
        async with gate() as scene:
            client, _ = await scene.connect(upgrade())
            await client.send(text("crash"))
            await client.receive_rest()
            await wait_gone(scene)
            (failure,) = scene.failures
            assert isinstance(failure, ExceptionGroup)
            assert failure.subgroup(ZeroDivisionError) is not None
    assert [(line["event"], line.get("code")) for line in lines] == [
        ("connected", None),
        ("disconnected", None),
    ]


async def test_drain_closes_all_connections_and_waits() -> None:
    async with gate() as scene:
        clients = [(await scene.connect(request))[0] for request in (ECHO, upgrade(), upgrade())]
        drained = trio.Event()

        async def drain() -> None:
            await scene.endpoint.drain()
            drained.set()

        scene.nursery.start_soon(drain)
        for client in clients:
            assert code_of(await client.receive()) == CloseCode.GOING_AWAY
            assert not drained.is_set()
            await client.send(close())
            await client.receive_rest()
        await drained.wait()
        assert scene.sample("connections") == 0


async def test_drain_announces_each_close_to_version_2(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with gate() as scene:
        clients = []
        for name in ("ann", "bob"):
            client, _ = await scene.connect(upgrade())
            await client.send(text(json.dumps({"type": "hello", "v": 2, "username": name})))
            await client.receive()
            clients.append(client)
        plain, _ = await scene.connect(upgrade())
        began = autojump_clock.current_time()
        scene.nursery.start_soon(scene.endpoint.drain)
        assert code_of(await plain.receive()) == CloseCode.GOING_AWAY
        announced = []
        for client in clients:
            (news,) = texts([await client.receive()])
            announced.append(json.loads(news)["afterMs"])
        assert sorted(announced) in ([0, 10], [0, 20], [10, 20])  # of three, in any order
        for after, client in sorted(zip(announced, clients, strict=True), key=itemgetter(0)):
            assert code_of(await client.receive()) == CloseCode.RESTART
            assert autojump_clock.current_time() - began >= after / 1000
        for client in (*clients, plain):
            await client.close()
        await wait_gone(scene)


async def test_drain_ignores_ended_connections() -> None:
    async with gate() as scene:
        client, _ = await scene.connect(ECHO)
        await client.close()
        await wait_gone(scene)
        client, _ = await scene.connect(ECHO)
        with trio.move_on_after(0.05) as patience:
            await scene.endpoint.drain()
        assert patience.cancelled_caught


async def test_upgrades_beyond_the_rate_of_a_subscriber_receive_429(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with gate(upgrade_rate=0.5, upgrade_burst=2) as scene:

        def admit(address: str) -> Refusal | None:
            return scene.admit(upgrade(address=address))

        assert [admit(f"2001:db8:1:2::{number}") for number in (1, 2)] == [None, None]
        refusal = refusal_of(admit("2001:db8:1:2::3"))
        assert refusal == (429, "rate_limited", {b"Retry-After": b"2"})
        assert admit("2001:db8:1:3::1") is None
        await trio.sleep(2)
        assert admit("2001:db8:1:2::3") is None
        assert refusal_of(admit("2001:db8:1:2::1"))[0] == 429
        assert autojump_clock.current_time() == 2
