"""The parts of a server, without its sockets: readiness, drain and departure."""

from collections.abc import Mapping

import pytest
import trio
import trio.testing

from tests.contracts.backplanes import Recorder
from trio_chat import server
from trio_chat.backplane.base import Backplane
from trio_chat.backplane.local import LocalBackplane, LocalBus
from trio_chat.cluster.envelope import NodeLeaving, unpack
from trio_chat.http.routes import Readiness
from trio_chat.metrics import Metrics
from trio_chat.settings import Settings
from trio_chat.store.memory import MemoryStore
from trio_chat.store.opening import OpenedStore


def _server(
    store: OpenedStore, backplane: Backplane | None = None, metrics: Metrics | None = None
) -> server.Server:
    made = metrics or Metrics(), store, backplane or LocalBackplane()
    return server.Server(Settings(), "n1", *made, verifier=None, certificate=None)


def test_ids_are_unique_across_nodes() -> None:
    makers = server._id_maker("n1"), server._id_maker("n2")
    assert len({make() for make in makers for _ in range(1000)}) == 2000


async def test_readyz_reports_an_unreachable_store() -> None:
    last_error: str | None = "disk full"
    kept = OpenedStore(MemoryStore(), lambda: last_error, ())
    one = _server(kept)
    assert one._readiness() == Readiness(ready=False, text="the store is unreachable: disk full")
    last_error = None
    assert one._readiness() == Readiness(ready=True, text="ready")
    one.endpoint.is_draining, last_error = True, "disk full"
    assert one._readiness() == Readiness(ready=False, text="draining")


async def test_readyz_reports_why_the_server_is_degraded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Registry:
        async def renew_lease(self, node: str, seconds: float) -> Mapping[str, float]:
            raise AssertionError((node, seconds))

        async def end_lease(self, node: str) -> None:
            raise AssertionError(node)

    kept = OpenedStore(MemoryStore(), lambda: None, (), registry=Registry())
    metrics, backplane = Metrics(), LocalBus().attach(Metrics())
    one = _server(kept, backplane, metrics)
    assert one._readiness() == Readiness(ready=True, text="ready")
    assert one._registration is not None
    assert one._registration.run in one.tasks
    monkeypatch.setattr(one._registration, "missing", lambda: ["n2"])
    reason = "no envelopes from registered nodes: n2"
    assert one._readiness() == Readiness(ready=True, text=f"ready, degraded: backplane: {reason}")
    assert "trio_chat_nodes_unheard 1.0" in metrics.text().decode()
    monkeypatch.setattr(one._foreign, "last_error", lambda _: "foreign")
    assert one._readiness() == Readiness(ready=True, text="ready, degraded: backplane: foreign")
    monkeypatch.setattr(backplane, "last_error", "gone")
    assert one._readiness() == Readiness(ready=True, text="ready, degraded: backplane")


async def test_the_tasks_of_the_store_run_with_the_server() -> None:
    kept = OpenedStore(MemoryStore(), lambda: None, (trio.sleep_forever,))
    assert trio.sleep_forever in _server(kept).tasks


async def test_drain_flushes_the_hub_before_and_after_it_closes_connections(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = _server(OpenedStore(MemoryStore(), lambda: None, ()))
    phases: list[object] = []

    async def flush() -> None:
        await trio.lowlevel.checkpoint()
        phases.append(("flush", one.endpoint.is_draining))

    async def drain() -> None:
        await trio.lowlevel.checkpoint()
        phases.append("close")

    monkeypatch.setattr(one.hub, "flush", flush)
    monkeypatch.setattr(one.endpoint, "drain", drain)
    await one.drain()
    assert phases == [("flush", True), "close", ("flush", True)]


async def test_a_node_announces_its_departure_after_the_grace_period(
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bus = LocalBus()
    mine, other = bus.attach(Metrics()), bus.attach(Metrics())
    one = _server(OpenedStore(MemoryStore(), lambda: None, ()), mine)
    recorder = Recorder()
    async with trio.open_nursery() as nursery:
        for task in one.tasks:
            nursery.start_soon(task)
        nursery.start_soon(other.run, recorder)
        await one.wait_for_peers()
        monkeypatch.setattr(one.endpoint, "drain", trio.sleep_forever)
        with trio.move_on_after(1):
            await one.drain()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    last = unpack(recorder.payloads[-1])
    assert (last.node, last.messages) == ("n1", (NodeLeaving(),))
