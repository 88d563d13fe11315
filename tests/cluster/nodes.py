"""Several hubs on one store, with a backplane that the test moves by hand."""

from collections.abc import Sequence

import trio
import trio.testing
from attrs import define, field

from tests.cluster.test_several_nodes import Published
from tests.hub.scene import NO_RATES, ROOM, Rates, Recorder, Scene, leave
from tests.support.clocks import jump
from trio_chat.cluster.envelope import NodeMessage, unpack
from trio_chat.hub.requests import InTurn, Tick
from trio_chat.protocol.encodings import Encoding
from trio_chat.store.base import Store
from trio_chat.store.memory import MemoryStore


@define(eq=False)
class ClusterNode:
    """One of several nodes.

    Attributes:
        name: Its id.
        scene: Its hub.
        published: The envelopes that it has published.
        post: The envelopes that it has not received yet.
        is_cut_off: Whether it receives nothing and its envelopes are lost.
    """

    name: str
    scene: Scene
    published: Published
    post: list[bytes] = field(factory=list)
    is_cut_off: bool = False

    def users(self, room: str = ROOM) -> list[str]:
        """Return the users of a room, as this node knows them."""
        attendance = self.scene.hub._rooms.users
        return list(attendance.list_of(room).first(1000))


class SharedStore(MemoryStore):
    """Keeps the events of a closed room, as every store of several nodes does."""

    async def forget(self, room: str) -> None:
        """Do nothing."""


class Cluster:
    """Nodes called a, b and so on.

    Args:
        nursery: Where the hubs run.
        size: The number of nodes at first.
        store: Their store.
        large_room_size: Rooms with more users are large.
        rates: Of each node, as of a `Scene`.
    """

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
        self._crowd_size = large_room_size
        self._rates = rates
        self.nodes: list[ClusterNode] = []
        for _ in range(size):
            self.add()

    def __getitem__(self, number: int) -> ClusterNode:
        return self.nodes[number]

    def add(self) -> ClusterNode:
        """Add a node."""
        name, published = "abcdefgh"[len(self.nodes)], Published()
        scene = Scene(self.store, self._crowd_size, name, published, self._rates)
        self.nodes.append(ClusterNode(name, scene, published))
        self._nursery.start_soon(scene.hub.run)
        return self.nodes[-1]

    def lists(self, room: str = ROOM) -> list[list[str]]:
        """Return the users of a room, as each node knows them."""
        return [node.users(room) for node in self.nodes]

    async def meet(self) -> None:
        """Connect all nodes."""
        for node in self.nodes:
            await node.scene.ask(InTurn(node.scene.cluster.connected))
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
        await self[number].scene.ask(leave(member, may_return=may_return))
        await self.settle()

    async def wait(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass for all, with a tick and deliveries in each step."""
        while seconds > 0:
            jump(min(step, seconds))
            seconds -= step
            for node in self.nodes:
                await node.scene.ask(Tick())
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
                await self.hear(node, node.post)

    async def hear(self, node: ClusterNode, payloads: Sequence[bytes]) -> None:
        """Deliver these payloads to a node, and drop its others."""
        listener = node.scene.listener()
        await listener.heard(payloads)
        node.post = []
        await node.scene.hub.flush()

    async def lose(self) -> None:
        """Drop all published envelopes."""
        for node in self.nodes:
            await node.scene.hub.flush()
            node.published.payloads.clear()

    def remove(self, number: int) -> None:
        """Kill a node."""
        del self.nodes[number]

    async def logged(self, room: str = ROOM) -> list[str]:
        """Return the texts of all stored events."""
        return [line.split(": ", 1)[1] for line in await self[0].scene.logged(room)]


def said_by(node: ClusterNode) -> list[NodeMessage]:
    """Return the messages that a node has published and not delivered."""
    return [said for payload in node.published.payloads for said in unpack(payload).messages]
