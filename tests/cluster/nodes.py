"""Several hubs on one store, with a backplane that the test moves by hand."""

from collections.abc import Sequence
from functools import partial

import trio
import trio.testing
from attrs import Factory, define

from tests.hub.scene import NO_RATES, ROOM, WALL_MS, Rates, Recorder, Scene, leave
from tests.hub.test_outages import FailingStore
from tests.support.clocks import jump
from trio_chat.backplane.base import Listener
from trio_chat.cluster.envelope import Envelope, EventsStored, NodeMessage, unpack
from trio_chat.hub.requests import InTurn, Request, Tick
from trio_chat.protocol.encodings import Encoding
from trio_chat.protocol.events import Author, Draft, Event
from trio_chat.store.base import Store
from trio_chat.store.memory import MemoryStore


@define
class Published:
    """A backplane that keeps all payloads. Satisfies `trio_chat.backplane.base.Backplane`."""

    is_shared: bool = True
    last_error: str | None = None
    payloads: list[bytes] = Factory(list)

    def publish(self, payload: bytes) -> None:
        self.payloads.append(payload)

    async def flush(self) -> None:
        """Do nothing."""

    async def run(self, listener: Listener) -> None:
        """Receive nothing."""

    def messages(self) -> list[NodeMessage]:
        return [one for payload in self.payloads for one in unpack(payload).messages]

    def events(self) -> list[Event]:
        stored = [one for one in self.messages() if isinstance(one, EventsStored)]
        return [event for one in stored for event in one.events]


class Pair:
    """A node with a member, Ann, and another node on the same store.

    Ann has received event 1, that she joined. ``published`` has the payloads of the first node.
    """

    ann: Recorder

    def __init__(self) -> None:
        self.store = FailingStore()
        self.published = Published()
        self.scene = Scene(self.store, backplane=self.published)
        self.connected = InTurn(self.scene.cluster.connected)
        self.ask = self.scene.ask
        self.wait = self.scene.tick_after
        self._numbers = iter(range(1, 1 << 30))

    async def start(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self.scene.hub.run)
        await self.ask(self.connected)
        (self.ann,) = await self.scene.members("ann", encoding=Encoding.VERSION_2)

    @property
    def got(self) -> list[str]:
        return self.ann.got

    def stores(self, *texts: str, room: str = ROOM, ref: str | None = None) -> Sequence[Event]:
        """Append messages of Eve on the other node, and return the events."""
        author = Author("eve", "e") if ref is not None else None
        drafts = [
            Draft(f"e-{text}", room, "eve", text, WALL_MS, author=author, ref=ref) for text in texts
        ]
        commit = MemoryStore.commit_nowait(self.store, drafts)
        return [outcome.event for outcome in commit.outcomes]  # type: ignore[union-attr]

    def envelope(self, events: Sequence[Event]) -> Envelope:
        """Return the next envelope of the other node."""
        messages = (EventsStored(tuple(events)),)
        return Envelope("n2", next(self._numbers), messages, self.store.epoch, WALL_MS)

    def request(self, events: Sequence[Event]) -> Request:
        envelopes = [self.envelope(events)]
        return InTurn(partial(self.scene.cluster.receive, envelopes, lambda: None))

    async def receive(self, events: Sequence[Event]) -> None:
        await self.ask(self.request(events))


def cut(member: Recorder) -> int:
    return member.admission.cut


@define(eq=False)
class ClusterNode:
    """A node, and the envelopes not received yet; a node cut off neither sends nor receives."""

    scene: Scene
    published: Published
    post: list[bytes] = Factory(list)
    is_cut_off: bool = False

    def users(self, room: str = ROOM) -> list[str]:
        return list(self.scene.hub._rooms.users.list_of(room).first(1000))

    async def ask(self, *requests: Request) -> None:
        await self.scene.ask(*requests)

    async def connect(self) -> None:
        await self.ask(InTurn(self.scene.cluster.connected))

    async def disconnect(self) -> None:
        await self.ask(InTurn(self.scene.cluster.disconnected))


class SharedStore(MemoryStore):
    """Keeps the events of a closed room, as every store of several nodes does."""

    async def forget(self, room: str) -> None:
        """Do nothing."""


class Cluster:
    """Nodes called a, b and so on, at first ``size`` of them. ``rates`` are those of a `Scene`."""

    def __init__(
        self,
        nursery: trio.Nursery,
        size: int = 2,
        store: Store | None = None,
        large_room_size: int = 200,
        rates: Rates = NO_RATES,
    ) -> None:
        self._nursery = nursery
        self.store = store or SharedStore()
        self._large_room_size = large_room_size
        self._rates = rates
        self.nodes: list[ClusterNode] = []
        for _ in range(size):
            self.add()

    def __getitem__(self, number: int) -> ClusterNode:
        return self.nodes[number]

    def add(self) -> ClusterNode:
        name, published = "abcdefgh"[len(self.nodes)], Published()
        scene = Scene(self.store, self._large_room_size, name, published, self._rates)
        self.nodes.append(ClusterNode(scene, published))
        self._nursery.start_soon(scene.hub.run)
        return self.nodes[-1]

    def lists(self, room: str = ROOM) -> list[list[str]]:
        return [node.users(room) for node in self.nodes]

    async def meet(self) -> None:
        for node in self.nodes:
            await node.connect()
        await self.settle()

    async def join(
        self, number: int, name: str, encoding: Encoding = Encoding.VERSION_2, room: str = ROOM
    ) -> Recorder:
        """Join on a node, and deliver all envelopes."""
        member = await self[number].scene.join(name, room=room, encoding=encoding)
        await self.settle()
        return member

    async def leave(self, number: int, member: Recorder, *, may_return: bool = False) -> None:
        """Leave a node, and deliver all envelopes."""
        await self[number].ask(leave(member, may_return=may_return))
        await self.settle()

    async def wait(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass for all, with a tick and deliveries in each step."""
        while seconds > 0:
            jump(min(step, seconds))
            seconds -= step
            for node in self.nodes:
                await node.ask(Tick())
            await self.settle()

    def carry(self) -> None:
        """Move published envelopes to the other nodes."""
        for node in self.nodes:
            for other in self.nodes:
                if other is not node and not node.is_cut_off and not other.is_cut_off:
                    other.post.extend(node.published.payloads)
            node.published.payloads.clear()

    async def settle(self) -> None:
        """Deliver envelopes until no node publishes any more."""
        while True:
            self.carry()
            if not any(node.post for node in self.nodes):
                return
            for node in self.nodes:
                await self.deliver(node, node.post)

    async def deliver(self, node: ClusterNode, payloads: Sequence[bytes]) -> None:
        """Deliver these payloads to a node, and drop its others."""
        await node.scene.receiver().receive(payloads)
        node.post = []
        await node.scene.hub.flush()

    async def lose(self) -> None:
        for node in self.nodes:
            await node.scene.hub.flush()
            node.published.payloads.clear()

    def remove(self, number: int) -> None:
        del self.nodes[number]

    async def stored(self, room: str = ROOM) -> list[str]:
        return [line.split(": ", 1)[1] for line in await self[0].scene.stored(room)]
