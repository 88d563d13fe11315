"""The watch: who rests, what is taken without waking anybody, and what wakes its own reader."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from attrs import define, field

from tests.websocket.scene import StubHub
from tests.websocket.wire import RESET_ON_CLOSE, TIMEOUT_SECONDS, loopback_pair
from trio_chat.protocol.membership import Publish, Request
from trio_chat.websocket.watch import Watch


@define(eq=False)
class Rester:
    """Rests on one end of a socket pair.

    Attributes:
        watch: Where.
        sock: Its end.
        peer: The other end.
        taken: What it took at once.
        came: What it was woken for.
        taking: Decides whether it takes something.
    """

    watch: Watch
    sock: socket.socket
    peer: socket.socket
    taken: list[bytes] = field(factory=list)
    came: list[bytes] = field(factory=list)
    taking: Callable[[bytes], bool] = lambda _data: True

    def take(self, data: bytes, _now: float, requests: list[Request]) -> bool:
        """Take it and ask for something, if it is taken."""
        if not self.taking(data):
            return False
        self.taken.append(data)
        requests.append(Publish(self, "general", data.decode()))  # type: ignore[arg-type]
        return True

    async def rest(self) -> None:
        """Rest once."""
        self.came.append(await self.watch.rest(self.sock, self.take))


@define(eq=False)
class Hall:
    """A watch that runs.

    Attributes:
        hub: What it asks.
        watch: What is tested.
        nursery: Where it runs, and the tests' resters.
    """

    hub: StubHub
    watch: Watch
    nursery: trio.Nursery

    def rester(self, ends: tuple[socket.socket, socket.socket]) -> Rester:
        """One that rests."""
        rester = Rester(self.watch, *ends)
        self.nursery.start_soon(rester.rest)
        return rester


@asynccontextmanager
async def hall(*, free: bool = True) -> AsyncIterator[Hall]:
    hub = StubHub(free)
    watch = Watch(hub)
    with trio.fail_after(TIMEOUT_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            yield Hall(hub, watch, nursery)
            nursery.cancel_scope.cancel()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    made = [socket.socketpair() for _ in range(3)]
    for pair in made:
        for end in pair:
            end.setblocking(False)  # noqa: FBT003 - the stdlib has it so
    yield made
    for pair in made:
        for end in pair:
            end.close()


Pairs = list[tuple[socket.socket, socket.socket]]


async def quiet() -> None:
    """Wait until nothing happens any more."""
    await trio.testing.wait_all_tasks_blocked(0.01)


def texts(turns: list[list[Request]]) -> list[set[str]]:
    return [{ask.text for ask in turn if isinstance(ask, Publish)} for turn in turns]


async def test_what_is_taken_wakes_nobody_and_reaches_the_hub(pairs: Pairs) -> None:
    async with hall() as scene:
        rester = scene.rester(pairs[0])
        await quiet()
        rester.peer.send(b"one")
        await quiet()
        rester.peer.send(b"two")
        await quiet()
        assert rester.taken == [b"one", b"two"]
        assert rester.came == []
        assert texts(scene.hub.turns) == [{"one"}, {"two"}]


async def test_what_all_of_them_ask_is_one_turn(pairs: Pairs) -> None:
    async with hall() as scene:
        resters = [scene.rester(ends) for ends in pairs]
        await quiet()
        for number, rester in enumerate(resters):
            rester.peer.send(b"%d" % number)
        await quiet()
        assert texts(scene.hub.turns) == [{"0", "1", "2"}]


async def test_what_asks_nothing_of_the_hub_makes_no_turn(pairs: Pairs) -> None:
    async with hall() as scene:
        scene.nursery.start_soon(scene.watch.rest, pairs[0][0], lambda _data, _now, _requests: True)
        await quiet()
        pairs[0][1].send(b"x")
        await quiet()
        assert scene.hub.turns == []


async def test_what_is_not_taken_wakes_its_reader_and_no_other(pairs: Pairs) -> None:
    async with hall() as scene:
        one, other = scene.rester(pairs[0]), scene.rester(pairs[1])
        one.taking = lambda data: data != b"odd"
        await quiet()
        one.peer.send(b"odd")
        other.peer.send(b"even")
        await quiet()
        assert (one.came, one.taken) == ([b"odd"], [])
        assert (other.came, other.taken) == ([], [b"even"])


async def test_who_has_been_woken_is_watched_no_longer(pairs: Pairs) -> None:
    async with hall() as scene:
        rester = scene.rester(pairs[0])
        rester.taking = lambda _data: False
        await quiet()
        rester.peer.send(b"1")
        await quiet()
        rester.peer.send(b"2")
        await quiet()
        assert rester.came == [b"1"]
        assert rester.sock.recv(9) == b"2"


async def test_who_has_been_woken_can_rest_again(pairs: Pairs) -> None:
    async with hall() as scene:
        rester = scene.rester(pairs[0])
        rester.taking = lambda data: data != b"odd"
        await quiet()
        rester.peer.send(b"odd")
        await quiet()
        scene.nursery.start_soon(rester.rest)
        await quiet()
        rester.peer.send(b"even")
        await quiet()
        assert rester.taken == [b"even"]


async def test_while_the_hub_is_busy_everybody_is_woken(pairs: Pairs) -> None:
    async with hall(free=False) as scene:
        rester = scene.rester(pairs[0])
        await quiet()
        rester.peer.send(b"one")
        await quiet()
        assert rester.came == [b"one"]
        assert rester.taken == []


async def test_the_end_wakes_with_nothing(pairs: Pairs) -> None:
    async with hall() as scene:
        rester = scene.rester(pairs[0])
        rester.taking = lambda data: data != b""
        await quiet()
        rester.peer.close()
        await quiet()
        assert rester.came == [b""]


async def test_a_reset_wakes_with_nothing() -> None:
    async with hall() as scene:
        stream, sock = await loopback_pair()
        with sock:
            rester = scene.rester((sock, stream.socket))  # type: ignore[arg-type]
            rester.taking = lambda data: data != b""
            await quiet()
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            await stream.aclose()
            await quiet()
            assert rester.came == [b""]


async def test_what_taking_raises_is_raised_where_it_belongs_and_the_others_go_on(
    pairs: Pairs,
) -> None:
    def fail(_data: bytes, _now: float, _requests: object) -> bool:
        raise KeyError

    failures: list[BaseException] = []

    async def rest_and_fail(watch: Watch) -> None:
        try:
            await watch.rest(pairs[0][0], fail)
        except KeyError as failure:
            failures.append(failure)

    async with hall() as scene:
        scene.nursery.start_soon(rest_and_fail, scene.watch)
        other = scene.rester(pairs[1])
        await quiet()
        pairs[0][1].send(b"x")
        other.peer.send(b"y")
        await quiet()
        assert len(failures) == 1
        assert other.taken == [b"y"]


async def test_a_cancellation_loses_nothing(pairs: Pairs) -> None:
    async with hall() as scene:
        with trio.move_on_after(0):
            await scene.watch.rest(pairs[0][0], lambda _data, _now, _requests: True)
        pairs[0][1].send(b"later")
        await quiet()
        assert pairs[0][0].recv(99) == b"later"


async def test_a_socket_that_was_readable_for_nothing_rests_on(pairs: Pairs) -> None:
    class Fickle(socket.socket):
        disappointed = False

        def recv(self, size: int, flags: int = 0) -> bytes:
            if not self.disappointed:
                self.disappointed = True
                raise BlockingIOError
            return super().recv(size, flags)

    with Fickle(fileno=pairs[0][0].detach()) as fickle:
        async with hall() as scene:
            rester = scene.rester((fickle, pairs[0][1]))
            await quiet()
            rester.peer.send(b"one")
            await quiet()
            assert rester.taken == [b"one"]
            assert fickle.disappointed


async def test_who_rests_when_the_watch_ends_can_still_be_cancelled(pairs: Pairs) -> None:
    watch = Watch(StubHub())
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(watch.run)
                await quiet()
                nursery.start_soon(watch.rest, pairs[0][0], lambda _data, _now, _requests: True)
                await quiet()
                scope.cancel()
        nursery.cancel_scope.cancel()
