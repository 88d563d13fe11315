"""Several hubs on one store, and what they say to each other, carried by hand."""

from collections.abc import Sequence

import trio
import trio.testing
from attrs import define, field

from tests.cluster.test_several_nodes import Published
from tests.hub.scene import NO_RATES, ROOM, Rates, Recorder, Scene, leave
from trio_chat.cluster.envelope import NodeMessage, unpack
from trio_chat.hub.requests import InTurn, Tick
from trio_chat.protocol.encodings import Encoding
from trio_chat.store.base import Store
from trio_chat.store.memory import MemoryStore


@define(eq=False)
class ClusterNode:
    """One of several.

    Attributes:
        name: Its id.
        scene: Its hub.
        published: What it says.
        post: What it is about to hear.
        is_cut_off: Whether it hears nothing and is not heard; what is said meanwhile is lost.
    """

    name: str
    scene: Scene
    published: Published
    post: list[bytes] = field(factory=list)
    is_cut_off: bool = False

    def users(self, room: str = ROOM) -> list[str]:
        """Who is in a room, as this node knows."""
        attendance = self.scene.hub._rooms.users
        return list(attendance.list_of(room).first(1000))


class SharedStore(MemoryStore):
    """Keeps a room when a node forgets it, as every store does that several nodes share."""

    async def forget(self, room: str) -> None:
        """Do nothing."""


class Cluster:
    """Nodes called a, b and so on.

    Args:
        nursery: Where the hubs run.
        size: How many nodes there are at first.
        store: What they share.
        large_room_size: Rooms of more users are crowds.
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
        """One more node."""
        name, published = "abcdefgh"[len(self.nodes)], Published()
        scene = Scene(self.store, self._crowd_size, name, published, self._rates)
        self.nodes.append(ClusterNode(name, scene, published))
        self._nursery.start_soon(scene.hub.run)
        return self.nodes[-1]

    async def meet(self) -> None:
        """All hear of each other from now on."""
        for node in self.nodes:
            await node.scene.ask(InTurn(node.scene.cluster.connected))
        await self.settle()

    async def join(
        self, number: int, name: str, encoding: Encoding = Encoding.VERSION_2, room: str = ROOM
    ) -> Recorder:
        """A user comes in on a node, and all hear of it."""
        member = await self[number].scene.join(name, room=room, encoding=encoding)
        await self.settle()
        return member

    async def leave(self, number: int, member: Recorder, *, may_return: bool = False) -> None:
        """A member goes, and all hear of it."""
        await self[number].scene.ask(leave(member, may_return=may_return))
        await self.settle()

    async def wait(self, clock: trio.testing.MockClock, seconds: float, step: float = 1.0) -> None:
        """Let time pass for all, with a tick in each step, and carry what they say."""
        while seconds > 0:
            clock.jump(min(step, seconds))
            seconds -= step
            for node in self.nodes:
                await node.scene.ask(Tick())
            await self.settle()

    def carry(self) -> None:
        """Bring what has been said to everybody's door."""
        for node in self.nodes:
            for other in self.nodes:
                if other is not node and not node.is_cut_off and not other.is_cut_off:
                    other.post.extend(node.published.payloads)
            node.published.payloads.clear()

    async def settle(self) -> None:
        """Carry all that is said, and what is said to that, until all are silent."""
        while True:
            self.carry()
            if not any(node.post for node in self.nodes):
                return
            for node in self.nodes:
                await self.hear(node, node.post)

    async def hear(self, node: ClusterNode, payloads: Sequence[bytes]) -> None:
        """Let a node hear these, and nothing else of what is at its door."""
        listener = node.scene.listener()
        await listener.heard(payloads)
        node.post = []
        await node.scene.hub.flush()

    async def lose(self) -> None:
        """Let what has been said come to nobody."""
        for node in self.nodes:
            await node.scene.hub.flush()
            node.published.payloads.clear()

    def remove(self, number: int) -> None:
        """A node is killed: it is never heard again."""
        del self.nodes[number]

    async def logged(self, room: str = ROOM) -> list[str]:
        """What is on the store, without names and numbers."""
        return [line.split(": ", 1)[1] for line in await self[0].scene.logged(room)]


def said_by(node: ClusterNode) -> list[NodeMessage]:
    """What a node has said since it was last carried."""
    return [said for payload in node.published.payloads for said in unpack(payload).messages]
