"""The hub, outboxes and sockets: a slow client harms no other (docs/reference/wire.md, promise 6).

The exact bounds of a queue are shown in `tests/websocket/test_outbox.py`.
"""

import json
import socket
from collections.abc import Awaitable, Callable, Sequence

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.scene import ROOM, Recorder, Scene, join, leave, say
from tests.support.frames import take_frame
from trio_chat.errors import CommandError
from trio_chat.hub.requests import Join
from trio_chat.hub.subscription import Subscription
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import Encoding, text_frame
from trio_chat.protocol.events import Author
from trio_chat.protocol.messages import History
from trio_chat.protocol.names import prepare_name
from trio_chat.websocket.outbox import Outbox
from trio_chat.websocket.transport import SocketTransport

FRAMES = 256
BYTES = 1024 * 1024

_TINY_BUFFER_BYTES = 1
"""The kernel rounds it up to its minimum, some 4 KiB: a dozen frames."""

Action = tuple[str, list[int]]
WHO = st.integers(0, 5)


def action(name: str, *arguments: st.SearchStrategy[int]) -> st.SearchStrategy[Action]:
    return st.tuples(st.just(name), st.tuples(*arguments).map(list))


ACTIONS = st.lists(
    st.tuples(st.just("say"), st.lists(st.sampled_from([1, 100, 1500]), min_size=1, max_size=4))
    | action("join", st.sampled_from([1, 2, 5, FRAMES]), st.sampled_from([600, 5000, BYTES]))
    | action("activate", WHO)
    | action("read", WHO, st.sampled_from([1, 500, 5000, 1 << 16]))
    | action("leave", WHO),
    min_size=10,
    max_size=24,
)


class Client:
    """A member with a real outbox and a socket, pending until `activate`."""

    encoding = Encoding.PLAIN
    max_backlog_frames = 64
    max_backlog_bytes = 65536

    def __init__(self, name: str, max_frames: int, max_bytes: int) -> None:
        self._sock, self._peer = socket.socketpair()
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _TINY_BUFFER_BYTES)
        self._sock.settimeout(0)
        self._peer.settimeout(0)
        self.author = Author(name, "")
        self.admission: Subscription
        self.is_dropped = False
        self.offered = bytearray()
        self.received = bytearray()
        self.outbox = Outbox(
            SocketTransport(self._sock),
            max_frames=max_frames,
            max_bytes=max_bytes,
            write_timeout_seconds=10,
            on_full=self._on_full,
        )

    def offer(self, frames: Sequence[bytes], joined: bytes) -> None:
        """Queue frames, like a connection."""
        if not self.is_dropped:
            self.offered += joined
        self.outbox.offer(frames, joined)

    def turn_away(self, join: Join, error: CommandError) -> None:  # noqa: ARG002
        """Fail the test."""
        raise error

    def refuse(self, error: CommandError) -> None:
        """Fail the test."""
        raise error

    def admit(self, admission: Subscription) -> None:
        """Stay pending."""
        self.admission = admission

    def _on_full(self) -> None:
        assert not self.is_dropped
        self.is_dropped = True

    async def activate(self, scene: Scene, *, waits: bool = False) -> None:
        """Send the history and activate the subscription, as a connection does.

        Args:
            scene: The hub and its store.
            waits: Whether to send a gap no faster than it fits into the queue.
        """
        page = await scene.store.read_before(ROOM, self.admission.cut + 1, 5)
        history = text_frame(encode(History(ROOM, page.events, page.more, 0)))
        gap = self.admission.activate([history] if page.events else [])
        while gap is not None:
            page = await scene.store.read_after(ROOM, gap.after, gap.upto - gap.after)
            for event in page.events:
                frame = text_frame(encode(event))
                if waits:
                    most = len(frame) + self.max_backlog_bytes, 1 + self.max_backlog_frames
                    await self.outbox.wait_to_fit(*most)
                self.offer([frame], frame)
            gap = self.admission.activate([])

    def read(self, size: int) -> bool:
        """Read from the socket; return whether it had bytes."""
        try:
            data = self._peer.recv(size)
        except BlockingIOError:
            return False
        self.received += data
        return bool(data)

    async def read_forever(self) -> None:
        """Be a fast client."""
        while True:
            await trio.lowlevel.wait_readable(self._peer)
            self.read(1 << 16)

    async def check(self) -> list[int]:
        """Read the rest; check that it has no gap or repeat, and return the ``seq`` of events."""
        await trio.testing.wait_all_tasks_blocked()
        while self.read(1 << 16):
            await trio.testing.wait_all_tasks_blocked()
        assert self.offered.startswith(self.received)
        assert self.is_dropped or self.offered == self.received
        seqs: list[int] = []
        rest = bytearray(self.received)
        while rest:
            frame = take_frame(rest)
            assert frame is not None, "half a frame at the end"
            wire = json.loads(frame.payload)
            events = wire["history"] if wire["type"] == "history" else [wire]
            seqs.extend(event["seq"] for event in events if "seq" in event)
        assert not seqs or seqs == list(range(seqs[0], seqs[-1] + 1))
        return seqs

    def close(self) -> None:
        """Close both ends."""
        self._sock.close()
        self._peer.close()


class World:
    """A hub, a speaker, a client that reads at once, and slow ones that join and leave."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.scene = Scene()
        self.speaker = Recorder()
        self.slow: list[Client] = []
        self.here: list[Client] = []
        self.nursery = nursery
        nursery.start_soon(self.scene.hub.run)

    async def join(self, name: str, max_frames: int, max_bytes: int) -> Client:
        """Let a client join, pending."""
        client = Client(name, max_frames, max_bytes)
        self.here.append(client)
        self.nursery.start_soon(client.outbox.drain_forever)
        await self.scene.ask(Join(client, ROOM, prepare_name(name)))
        return client

    async def do(self, name: str, arguments: list[int]) -> None:
        """Carry out one action; then all dropped clients leave."""
        who = arguments[0]
        if name == "say":
            await self.scene.ask(*(say(self.speaker, "a" * size) for size in arguments))
        elif name == "join":
            frames, size = arguments
            self.slow.append(await self.join(f"s{len(self.slow)}", frames, size))
        elif who >= len(self.slow):
            return
        elif name == "activate":
            await self.slow[who].activate(self.scene)
        elif name == "read":
            self.slow[who].read(arguments[1])
            return  # the next action may find space in the socket before the writer does
        else:
            await self.leave(self.slow[who])
        await trio.testing.wait_all_tasks_blocked()
        for client in [client for client in self.here if client.is_dropped]:
            await self.leave(client)

    async def leave(self, client: Client) -> None:
        """Let a client leave, once."""
        if client in self.here:
            self.here.remove(client)
            await self.scene.ask(leave(client))  # type: ignore[arg-type]


def in_a_world(play: Callable[[World, Client], Awaitable[None]]) -> None:
    """Run a play, then check what the fast client and the slow ones have received."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            world = World(nursery)
            await world.scene.ask(join(world.speaker, "eve"))
            fast = await world.join("fast", FRAMES, BYTES)
            try:
                await fast.activate(world.scene)
                nursery.start_soon(fast.read_forever)
                await play(world, fast)
                head = (await world.scene.store.positions([ROOM]))[ROOM].head
                assert not fast.is_dropped
                assert (await fast.check())[-1] == head
            finally:
                for client in (fast, *world.slow):
                    client.close()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock())


@given(actions=ACTIONS)
def test_hub_drops_only_slow_clients_and_no_client_misses_an_event(actions: list[Action]) -> None:
    async def play(world: World, _: Client) -> None:
        for name, arguments in actions:
            await world.do(name, arguments)
        here = [client for client in world.here if client in world.slow]
        for client in here:
            await client.activate(world.scene)
        head = (await world.scene.store.positions([ROOM]))[ROOM].head
        for client in world.slow:
            seqs = await client.check()
            assert client not in here or client.is_dropped or seqs[-1] == head

    in_a_world(play)


def test_a_client_that_reads_nothing_is_dropped() -> None:
    async def play(world: World, _: Client) -> None:
        await world.do("join", [FRAMES, BYTES])
        (slow,) = world.slow
        await slow.activate(world.scene)
        while not slow.is_dropped:
            await world.do("say", [1])
        assert (await slow.check())[0] == 1

    in_a_world(play)


def test_a_long_backlog_drops_no_client_and_leaves_no_gap() -> None:
    async def play(world: World, fast: Client) -> None:
        await world.do("join", [FRAMES, BYTES])
        (slow,) = world.slow
        for _ in range(FRAMES // 2):
            await world.do("say", [1] * 4)
        assert not slow.offered
        world.nursery.start_soon(slow.read_forever)
        await slow.activate(world.scene, waits=True)
        await world.do("say", [1])
        assert not slow.is_dropped
        assert (await slow.check())[-1] == (await fast.check())[-1]

    in_a_world(play)
