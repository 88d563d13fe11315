"""Members receive every event once and in order, even if the backplane loses and reorders."""

import random

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.nodes import Cluster, ClusterNode
from tests.hub.scene import ROOM, edit, say
from tests.hub.test_outages import FailingStore
from trio_chat.cluster.heads import COMPARE_SECONDS
from trio_chat.protocol.encodings import Encoding

NODES = "abc"


async def _deliver(rng: random.Random, node: ClusterNode) -> None:
    """Deliver envelopes in any order: some later, some never, some twice."""
    receiver = node.scene.receiver()
    rng.shuffle(node.post)
    later = node.post[: rng.randrange(3)]
    for payload in node.post[len(later) :]:
        await receiver.receive([payload] * rng.choice((0, 1, 1, 1, 2)))
    node.post = later
    await node.scene.hub.flush()


async def _talk(rng: random.Random) -> None:
    store = FailingStore()
    async with trio.open_nursery() as nursery:
        cluster = Cluster(nursery, len(NODES), store)
        members = []
        for node, name in zip(cluster.nodes, NODES, strict=True):
            await node.connect()
            members.append(await node.scene.join(name, encoding=Encoding.VERSION_2))
        cuts = [member.admission.cut for member in members]
        for turn in range(40):
            number = rng.randrange(len(NODES))
            store.reads_fail = rng.random() < 0.2
            store.fails = rng.random() < 0.1
            texts = [f"{turn} {one}" for one in range(rng.randrange(3))]
            target = f"{rng.choice(NODES)}-{rng.randrange(1, 9)}"
            messages = [say(members[number], text) for text in texts]
            cluster[number].scene.put(*messages, edit(members[number], target, "new"))
            if rng.random() < 0.7:
                cluster.carry()
            await _deliver(rng, rng.choice(cluster.nodes))
        store.reads_fail = store.fails = False
        for _ in range(2):  # events that one turn cannot read, the next one reads
            for node in cluster.nodes:
                await node.scene.tick_after(COMPARE_SECONDS)
        head = (await store.positions([ROOM]))[ROOM].head
        for member, cut in zip(members, cuts, strict=True):
            seqs = [int(line.split()[0]) for line in member.got if line[0].isdigit()]
            assert seqs == list(range(cut + 1, head + 1))
        nursery.cancel_scope.cancel()


@given(seed=st.integers(0, 2**32))
def test_members_receive_every_event_once_and_in_order(seed: int) -> None:
    trio.run(_talk, random.Random(seed), clock=trio.testing.MockClock())
