"""Reports of registered nodes that renew their leases and whose envelopes do not arrive."""

from collections.abc import Mapping

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from tests.cluster.nodes import Published
from tests.hub.scene import WALL_MS
from tests.support.clocks import clock
from trio_chat.cluster.envelope import Envelope, NodeLeaving, NodeMessage
from trio_chat.cluster.peers import FORGET_SECONDS, HEARTBEAT_SECONDS, LEASE_SECONDS, Peers
from trio_chat.cluster.registration import (
    END_SECONDS,
    GRACE_SECONDS,
    LIMIT_SECONDS,
    RENEW_SECONDS,
    Registration,
)
from trio_chat.errors import Outage


class Registry:
    """Leases that the test keeps alive. Satisfies `NodeRegistry`."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.expires_at: dict[str, float] = {}
        self.ended: list[str] = []
        self.fails = False
        self.hangs = False

    async def renew_lease(self, node: str, seconds: float) -> Mapping[str, float]:
        """Renew the leases of all living nodes, too."""
        await self._answer()
        now = trio.current_time()
        self.expires_at.update(dict.fromkeys(self.alive, now + seconds))
        assert node == "me"
        return {one: end - now for one, end in self.expires_at.items() if end > now}

    async def end_lease(self, node: str) -> None:
        await self._answer()
        self.ended.append(node)

    async def _answer(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.hangs:
            await trio.sleep_forever()
        if self.fails:
            raise Outage("gone")


class Subject:
    """A registered node, whose backplane is the test."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.nodes = Peers("me", Published(), epoch=lambda: "e", wall_ms=lambda: WALL_MS)
        self.registration = Registration("me", self.registry, self.nodes)
        self._number = 0

    def receive(self, *messages: NodeMessage, node: str = "n") -> None:
        self._number += 1
        envelope = Envelope(node, self._number, messages, "e", WALL_MS)
        self.nodes.receive(envelope, trio.current_time())

    def set_connected(self, *, is_connected: bool = True) -> None:
        self.nodes.set_connected(trio.current_time(), is_connected=is_connected)

    async def wait(self, seconds: float, *, heartbeats_of: str = "") -> None:
        """Let time pass with a tick each second, and with the heartbeats of a node."""
        for second in range(round(seconds)):
            await trio.sleep(1)
            if heartbeats_of and not second % HEARTBEAT_SECONDS:
                self.receive(node=heartbeats_of)
            list(self.nodes.tick(trio.current_time()))

    async def wait_without_error(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.wait(1)
            assert self.registration.last_error() is None


@pytest.fixture
async def subject(nursery: trio.Nursery) -> Subject:
    clock().autojump_threshold = 0
    subject = Subject()
    subject.set_connected()
    nursery.start_soon(subject.registration.run)
    await subject.wait(1)
    return subject


LONG = round(3 * RENEW_SECONDS + GRACE_SECONDS)
"""After this time the report names a node without envelopes."""


async def test_a_registered_node_without_envelopes_is_reported(subject: Subject) -> None:
    subject.registry.alive = {"n"}
    with capture_logs() as lines:
        await subject.wait(RENEW_SECONDS)
        assert subject.registration.last_error() is None
        await subject.wait(LONG)
        assert subject.registration.last_error() == "no envelopes from registered nodes: n"
        subject.registry.alive = set()
        await subject.wait(LEASE_SECONDS)
        assert subject.registration.last_error() is None
        await subject.wait(RENEW_SECONDS)
    assert [(line["log_level"], line["other_node"]) for line in lines] == [
        ("error", "n"),
        ("info", "n"),
    ]


async def test_a_node_is_reported_once_its_envelopes_stop(subject: Subject) -> None:
    subject.registry.alive = {"n"}
    await subject.wait(60, heartbeats_of="n")
    assert subject.registration.last_error() is None
    await subject.wait(HEARTBEAT_SECONDS + LONG)
    assert subject.registration.last_error() is not None
    subject.receive()
    assert subject.registration.last_error() is None


async def test_a_node_that_was_killed_is_not_reported(subject: Subject) -> None:
    subject.registry.alive = {"n"}
    await subject.wait(20, heartbeats_of="n")
    subject.registry.alive = set()
    subject.registry.expires_at["killed before this one started"] = trio.current_time() + 29
    await subject.wait_without_error(50)


async def test_a_leaving_node_is_not_reported(subject: Subject) -> None:
    subject.registry.alive = {"n"}
    await subject.wait(20, heartbeats_of="n")
    subject.receive(NodeLeaving())
    subject.registry.alive = set()
    await subject.wait_without_error(round(LEASE_SECONDS))
    await subject.wait(FORGET_SECONDS)
    assert subject.nodes.received_at("n") == float("-inf")


async def test_no_node_is_reported_while_the_backplane_is_down(subject: Subject) -> None:
    subject.registry.alive = {"n"}
    subject.set_connected(is_connected=False)
    await subject.wait(60)
    assert subject.registration.last_error() is None
    subject.set_connected()
    await subject.wait(GRACE_SECONDS)
    assert subject.registration.last_error() is None
    await subject.wait(LONG)
    assert subject.registration.last_error() is not None


async def test_the_reason_names_some_of_many_nodes(subject: Subject) -> None:
    subject.registry.alive = set("abcd")
    await subject.wait(LONG + RENEW_SECONDS)
    assert subject.registration.last_error() == "no envelopes from registered nodes: a, b, c, …"


async def test_registration_survives_an_outage_of_the_store(subject: Subject) -> None:
    subject.registry.alive = {"n"}
    subject.registry.fails = True
    await subject.wait(RENEW_SECONDS)
    subject.registry.fails, subject.registry.hangs = False, True
    await subject.wait(RENEW_SECONDS + LIMIT_SECONDS)
    subject.registry.hangs = False
    await subject.wait(LIMIT_SECONDS + LONG + RENEW_SECONDS)
    assert subject.registration.last_error() is not None


@pytest.mark.parametrize(("last_error", "ended"), [("", ["me"]), ("fails", []), ("hangs", [])])
async def test_a_stop_ends_the_lease_within_a_second(last_error: str, ended: list[str]) -> None:
    clock().autojump_threshold = 0
    subject = Subject()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(subject.registration.run)
        await trio.sleep(1)
        if last_error:
            setattr(subject.registry, last_error, True)
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began <= END_SECONDS
    assert subject.registry.ended == ended
