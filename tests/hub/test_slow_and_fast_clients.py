"""The hub, outboxes and sockets: slow readers harm nobody (docs/reference/wire.md, promise 6)."""

from collections.abc import Awaitable, Callable

import trio
import trio.testing
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.clients import Client
from tests.hub.scene import ROOM, Recorder, Scene, join, leave, say
from trio_chat.hub.requests import Join
from trio_chat.protocol.names import prepare_name

FRAMES = 256
BYTES = 1024 * 1024


@frozen
class Say:
    """Somebody who is always there says so many texts of these sizes in one turn."""

    sizes: list[int]


@frozen
class Come:
    """A client joins and is held."""

    max_frames: int
    max_bytes: int


@frozen
class Release:
    """A client that is held takes part."""

    who: int


@frozen
class Read:
    """A slow client takes so many bytes."""

    who: int
    size: int


@frozen
class Go:
    """A client leaves."""

    who: int


Action = Say | Come | Release | Read | Go

WHO = st.integers(0, 5)
ACTIONS = st.lists(
    st.builds(Say, st.lists(st.sampled_from([1, 100, 1500]), min_size=1, max_size=4))
    | st.builds(Come, st.sampled_from([1, 2, 5, FRAMES]), st.sampled_from([600, 5000, BYTES]))
    | st.builds(Release, WHO)
    | st.builds(Read, WHO, st.sampled_from([1, 500, 5000, 1 << 16]))
    | st.builds(Go, WHO),
    min_size=10,
    max_size=24,
)


class World:
    """A hub, a speaker, a client that reads all at once, and slow ones that come and go."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.scene = Scene()
        self.speaker = Recorder()
        self.slow: list[Client] = []
        self.here: list[Client] = []
        self.clients: list[Client] = []
        self._nursery = nursery
        nursery.start_soon(self.scene.hub.run)

    async def begin(self) -> Client:
        """The speaker and the fast client come in."""
        await self.scene.ask(join(self.speaker, "eve"))
        fast = await self.come("fast", FRAMES, BYTES)
        await fast.release(self.scene.store)
        self._nursery.start_soon(fast.read_forever)
        return fast

    async def come(self, name: str, max_frames: int, max_bytes: int) -> Client:
        """A client and its writer come in, held."""
        client = Client(name, max_frames, max_bytes)
        self.clients.append(client)
        self.here.append(client)
        self._nursery.start_soon(client.outbox.drain_forever)
        await self.scene.ask(Join(client, ROOM, prepare_name(name)))
        return client

    async def do(self, action: Action) -> None:
        """Carry out one action, let everybody go as far as they get, and let the dropped leave."""
        match action:
            case Say(sizes):
                await self.scene.ask(*(say(self.speaker, "a" * size) for size in sizes))
            case Come(max_frames, max_bytes):
                self.slow.append(await self.come(f"s{len(self.slow)}", max_frames, max_bytes))
            case Release(who) if who < len(self.slow):
                await self.slow[who].release(self.scene.store)
            case Read(who, size) if who < len(self.slow):
                self.slow[who].read(size)
                return  # what comes next may find room in the socket before the writer does
            case Go(who) if who < len(self.slow):
                await self.go(self.slow[who])
            case _:
                return
        await trio.testing.wait_all_tasks_blocked()
        for client in [client for client in self.here if client.is_dropped]:
            await self.go(client)

    async def go(self, client: Client) -> None:
        """A client leaves, as after its end."""
        if client in self.here:
            self.here.remove(client)
            await self.scene.ask(leave(client))  # type: ignore[arg-type]


def in_a_world(play: Callable[[World], Awaitable[None]]) -> None:
    """Run a play in a world of its own, whose clock stands still."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world = World(nursery)
            try:
                await play(world)
            finally:
                for client in world.clients:
                    client.close()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock())


async def check_all(world: World, fast: Client) -> None:
    """What by the end has come to each."""
    head = (await world.scene.store.positions([ROOM]))[ROOM].head
    for client in world.clients:
        await client.read_all()
        client.check_received()
        seqs = client.received_seqs()
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else True
    assert not fast.is_dropped
    assert fast.received_seqs()[-1] == head


@given(actions=ACTIONS)
def test_hub_drops_a_client_whose_queue_is_full_and_no_other(actions: list[Action]) -> None:
    async def play(world: World) -> None:
        fast = await world.begin()
        for action in actions:
            await world.do(action)
        held = [client for client in world.here if client in world.slow]
        for client in held:
            await client.release(world.scene.store)
        await check_all(world, fast)
        head = (await world.scene.store.positions([ROOM]))[ROOM].head
        assert all(client.received_seqs()[-1] == head for client in held if not client.is_dropped)

    in_a_world(play)


async def stall_until_dropped(world: World, size: int) -> list[bytes]:
    """A client reads nothing; returns what waits for it when the next frame drops it."""
    fast = await world.begin()
    await world.do(Come(FRAMES, BYTES))
    slow = world.slow[0]
    await slow.release(world.scene.store)
    while not slow.is_dropped:
        waiting = slow.waiting
        await world.do(Say([size]))
    await check_all(world, fast)
    return waiting


def test_a_client_is_dropped_at_the_257th_queued_frame() -> None:
    async def play(world: World) -> None:
        assert len(await stall_until_dropped(world, 1)) == 256

    in_a_world(play)


def test_a_client_is_dropped_above_a_mebibyte_queued() -> None:
    async def play(world: World) -> None:
        waiting = await stall_until_dropped(world, 8000)
        assert BYTES - len(waiting[-1]) < sum(map(len, waiting)) <= BYTES

    in_a_world(play)


def test_no_frame_overtakes_queued_frames() -> None:
    async def play(world: World) -> None:
        emptied: list[bool] = []
        fast = await world.begin()
        await world.do(Come(FRAMES, BYTES))
        slow = world.slow[0]
        await slow.release(world.scene.store)
        while not slow.waiting:
            await world.do(Say([1500]))
        # The speaker is offered it first, so the socket is empty when it is the client's turn.
        world.speaker.on_offer = lambda: emptied.append(slow.read(1 << 16))
        await world.do(Say([1]))
        assert emptied == [True]
        await check_all(world, fast)

    in_a_world(play)


def test_a_long_backlog_drops_no_client_and_leaves_no_gap() -> None:
    async def play(world: World) -> None:
        fast = await world.begin()
        await world.do(Come(FRAMES, BYTES))
        (slow,) = world.slow
        for _ in range(FRAMES // 2):
            await world.do(Say([1] * 4))
        assert slow.waiting == []
        world._nursery.start_soon(slow.read_forever)
        await slow.release(world.scene.store, waits=True)
        await world.do(Say([1]))
        await check_all(world, fast)
        assert not slow.is_dropped
        assert slow.received_seqs()[-1] == fast.received_seqs()[-1]

    in_a_world(play)


def test_the_room_receives_the_leave_of_a_dropped_client() -> None:
    async def play(world: World) -> None:
        await stall_until_dropped(world, 1)
        assert any(frame.endswith("* s0 has left the chat") for frame in world.speaker.got)

    in_a_world(play)
