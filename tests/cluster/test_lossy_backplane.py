"""Whatever becomes of what nodes say, everybody is shown every event, once and in order."""

import random

import trio
import trio.testing
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.test_several_nodes import Published
from tests.hub.scene import ROOM, Recorder, Scene, edit, say
from tests.hub.test_outages import FailingStore
from trio_chat.cluster.positions import COMPARE_SECONDS
from trio_chat.hub.requests import InTurn
from trio_chat.protocol.encodings import Encoding
from trio_chat.store.base import Store

NODES = ("a", "b", "c")


@define(eq=False)
class Node:
    """One of several on the same store.

    Attributes:
        name: Its id, and the name of who is on it.
        scene: Its hub.
        published: What it says.
        member: Who is on it, and sees what it shows.
        post: What it is about to hear.
    """

    name: str
    scene: Scene
    published: Published
    member: Recorder = field(factory=Recorder)
    post: list[bytes] = field(factory=list)

    async def hear(self, rng: random.Random) -> None:
        """Hear what is on its way: not in its order, some of it never, some of it twice."""
        listener = self.scene.listener()
        rng.shuffle(self.post)
        kept = self.post[: rng.randrange(3)]
        for payload in self.post[len(kept) :]:
            await listener.heard([payload] * rng.choice((0, 1, 1, 1, 2)))
        self.post = kept
        await self.scene.hub.flush()


def _node(name: str, store: Store) -> Node:
    published = Published()
    return Node(name, Scene(store, node=name, backplane=published), published)


def _carry(nodes: list[Node]) -> None:
    for node in nodes:
        for other in nodes:
            if other is not node:
                other.post.extend(node.published.payloads)
        node.published.payloads.clear()


async def _talk(rng: random.Random) -> None:
    store = FailingStore()
    nodes = [_node(name, store) for name in NODES]
    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(node.scene.hub.run)
            await node.scene.ask(InTurn(node.scene.cluster.connected))
            node.member = await node.scene.join(node.name, encoding=Encoding.VERSION_2)
        cuts = [node.member.admission.cut for node in nodes if node.member.admission is not None]
        for number in range(40):
            node = rng.choice(nodes)
            store.reads_fail = rng.random() < 0.2
            store.fails = rng.random() < 0.1
            said = [say(node.member, f"{number} {one}") for one in range(rng.randrange(3))]
            target = f"{rng.choice(NODES)}-{rng.randrange(1, 9)}"
            node.scene.put(*said, edit(node.member, target, "new"))
            if rng.random() < 0.7:
                _carry(nodes)
            await rng.choice(nodes).hear(rng)
        store.reads_fail = store.fails = False
        for _ in range(2):  # what cannot be read in one turn is read in the next one
            for node in nodes:
                await node.scene.tick_after(COMPARE_SECONDS)
        head = (await store.positions([ROOM]))[ROOM].head
        for node, cut in zip(nodes, cuts, strict=True):
            seqs = [int(frame.split()[0]) for frame in node.member.got if frame[0].isdigit()]
            assert seqs == list(range(cut + 1, head + 1))
        nursery.cancel_scope.cancel()


@given(seed=st.integers(0, 2**32))
def test_members_receive_every_event_once_and_in_order(seed: int) -> None:
    trio.run(_talk, random.Random(seed), clock=trio.testing.MockClock())
