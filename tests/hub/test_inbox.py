"""The inbox: what it reads and takes for one turn, in which order, and what wakes the hub."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import outcome
import pytest
import trio
import trio.testing
from attrs import define, field

from tests.support.clocks import clock
from trio_chat.hub.inbox import INBOX_REQUESTS, TURN_CHARS, TURN_REQUESTS, Inbox
from trio_chat.hub.requests import Publish, Request, Tick


def say(text: str) -> Publish:
    return Publish(object(), "general", text)  # type: ignore[arg-type]


@define(eq=False)
class Line:
    """A source on a socket pair. Each line of text becomes a request. Satisfies `Source`.

    ``left`` has the texts that it has not handled, in reverse order.
    """

    inbox: Inbox
    sock: socket.socket
    peer: socket.socket
    left: list[str] = field(factory=list)
    asks: Callable[[str], Request | None] = say
    failures: list[outcome.Error] = field(factory=list)

    @property
    def fd(self) -> int:
        return self.sock.fileno()

    def send(self, *texts: str) -> None:
        """Send texts in one packet."""
        self.peer.send("\n".join(texts).encode())

    def read(self, _now: float) -> Request | None:
        """Handle one short text, or keep all."""
        if self.left:
            return None
        texts = self.sock.recv(1 << 20).decode().split("\n")
        if len(texts) == 1 and len(texts[0]) <= 256:
            return self.asks(texts[0])
        self.left = texts[::-1]
        self.inbox.serve(self.fd)
        return None

    def go_on(self, _now: float) -> Request | None:
        request = self.asks(self.left.pop())
        if self.left:
            self.inbox.serve(self.fd)
        return request

    def fail(self, error: outcome.Error) -> None:
        self.failures.append(error)
        self.inbox.unwatch(self.fd)


@pytest.fixture
async def inbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Inbox]:
    """An inbox whose turns end early on no machine, however busy."""
    monkeypatch.setattr("trio_chat.hub.inbox._STEP_SECONDS", 60.0)
    clock().autojump_threshold = 0
    inbox = Inbox()
    with inbox:
        yield inbox


@pytest.fixture
def lines(inbox: Inbox) -> Iterator[Callable[[], Line]]:
    made: list[Line] = []

    def make() -> Line:
        ours, peer = socket.socketpair()
        for end in (ours, peer):
            end.setblocking(False)  # noqa: FBT003
        line = Line(inbox, ours, peer)
        made.append(line)
        inbox.watch(line.fd, line)
        return line

    yield make
    for line in made:
        inbox.unwatch(line.fd)
        line.sock.close()
        line.peer.close()


Lines = Callable[[], Line]


def texts(batch: list[Request]) -> list[str]:
    return [request.text for request in batch if isinstance(request, Publish)]


@asynccontextmanager
async def long_turn(inbox: Inbox) -> AsyncIterator[None]:
    """Let a turn wait while the body runs."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.read_in_long_turns)
        inbox.send_nowait(Tick())
        assert await inbox.take() == [Tick()]
        inbox.turn_waits()
        yield
        nursery.cancel_scope.cancel()


async def taken_after(inbox: Inbox, wake: Callable[[], Awaitable[None] | None]) -> list[Request]:
    """Return the batch of a `take` that waits when ``wake`` is called."""
    batch: list[Request] = []

    async def take() -> None:
        batch.extend(await inbox.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        waits = wake()
        if waits is not None:
            await waits
    return batch


async def test_input_messages_left_and_requests_wake_the_hub(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    assert texts(await taken_after(inbox, partial(line.send, "hi"))) == ["hi"]
    line.left = ["own"]
    assert texts(await taken_after(inbox, partial(inbox.serve, line.fd))) == ["own"]
    for _ in range(2):
        assert await taken_after(inbox, partial(inbox.send_nowait, Tick())) == [Tick()]
        assert await taken_after(inbox, partial(inbox.send, Tick())) == [Tick()]


async def test_input_without_a_request_starts_no_turn(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    line.asks = lambda text: say(text) if text == "asks" else None
    for sent in (["silent"], ["silent"] * (TURN_REQUESTS + 1)):
        line.send(*sent)
        with trio.move_on_after(0.01) as scope:
            await inbox.take()
        assert scope.cancelled_caught
    line.send("asks")
    assert texts(await inbox.take()) == ["asks"]


async def test_taking_requests_is_a_checkpoint(inbox: Inbox, lines: Lines) -> None:
    for wake in (partial(inbox.send_nowait, Tick()), partial(lines().send, "hi")):
        wake()
        with trio.testing.assert_checkpoints():
            assert len(await inbox.take()) == 1


async def test_a_cancelled_take_loses_no_request(inbox: Inbox, lines: Lines) -> None:
    lines().send("hi")
    inbox.send_nowait(Tick())
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.take()
    assert scope.cancelled_caught
    assert len(await inbox.take()) == 2


async def test_a_closed_inbox_refuses_requests(nursery: trio.Nursery) -> None:
    inbox = Inbox()

    async def send() -> None:
        with pytest.raises(trio.BrokenResourceError):
            await inbox.send(Tick())

    with inbox:
        for _ in range(INBOX_REQUESTS):
            inbox.send_nowait(Tick())
        nursery.start_soon(send)  # it waits for room
        await trio.testing.wait_all_tasks_blocked()
    await send()
    with pytest.raises(trio.BrokenResourceError):
        inbox.send_nowait(Tick())


async def test_a_source_can_be_unwatched_after_the_hub_ended(lines: Lines) -> None:
    line, gone = lines(), Inbox()
    with gone:
        gone.watch(line.fd, line)
    gone.unwatch(line.fd)
    gone.watch(line.fd, line)
    gone.unwatch(line.fd)


@pytest.mark.parametrize("puts", [True, False])
async def test_a_turn_is_bounded_in_requests_and_characters(
    inbox: Inbox, lines: Lines, *, puts: bool
) -> None:
    line = lines()
    for text, count in ("hi", TURN_REQUESTS), ("x" * (TURN_CHARS // 2), 2):
        if puts:
            for _ in range(count + 1):
                inbox.send_nowait(say(text))
        else:
            line.send(*[text] * (count + 1))
        assert [len(await inbox.take()) for _ in range(2)] == [count, 1]


async def test_a_turn_is_bounded_in_readable_sources(inbox: Inbox, lines: Lines) -> None:
    for _ in range(TURN_REQUESTS + 1):
        lines().send("hi")
    assert [len(await inbox.take()) for _ in range(2)] == [TURN_REQUESTS, 1]


async def test_sources_with_many_messages_take_turns(inbox: Inbox, lines: Lines) -> None:
    one, other, third = lines(), lines(), lines()
    one.send(*["1"] * 200)
    other.send(*["2"] * 200)
    batch = texts(await inbox.take())
    assert batch.count("1") == batch.count("2") == TURN_REQUESTS // 2
    third.send("3")
    inbox.send_nowait(Tick())
    batch_with_all = await inbox.take()
    assert "3" in texts(batch_with_all)
    assert Tick() in batch_with_all


async def test_requests_of_one_source_stay_in_order(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    said = [str(number) for number in range(150)]
    line.send(*said)
    taken: list[str] = []
    while len(taken) < 150:
        taken += texts(await inbox.take())
        if len(taken) == TURN_REQUESTS:
            line.send("last")
    taken += texts(await inbox.take())
    assert taken == [*said, "last"]


async def test_a_turn_ends_when_serving_sources_takes_too_long(
    inbox: Inbox, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.hub.inbox._STEP_SECONDS", 0)
    lines().send("1", "2", "3")
    assert [texts(await inbox.take()) for _ in range(3)] == [["1"], ["2"], ["3"]]


async def test_an_exception_fails_only_its_source(inbox: Inbox, lines: Lines) -> None:
    def fail(_: str) -> None:
        raise KeyError

    bad, worse, good, better = lines(), lines(), lines(), lines()
    bad.asks = worse.asks = fail
    bad.send("x")
    worse.send("x", "y")
    good.send("good")
    better.send("better", "best")
    taken: list[str] = []
    while len(taken) < 3:
        taken += texts(await inbox.take())
    assert sorted(taken) == ["best", "better", "good"]
    for line in (bad, worse):
        (failure,) = line.failures
        assert isinstance(failure.error, KeyError)


async def test_a_source_unwatched_by_another_is_not_read(inbox: Inbox, lines: Lines) -> None:
    one, other = lines(), lines()

    def end_other(text: str) -> Request:
        inbox.unwatch(other.fd)
        inbox.unwatch(one.fd)
        return say(text)

    one.asks = other.asks = end_other
    one.send("one")
    other.send("other")
    assert len(texts(await inbox.take())) == 1


async def test_an_unwatched_source_is_not_served(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    line.left = ["gone"]
    inbox.serve(line.fd)
    inbox.unwatch(line.fd)
    inbox.send_nowait(Tick())
    assert await inbox.take() == [Tick()]


async def test_a_waiting_turn_reads_a_source_up_to_one_request(inbox: Inbox, lines: Lines) -> None:
    silent, one, other = lines(), lines(), lines()
    heard: list[str] = []
    silent.asks = heard.append
    async with long_turn(inbox):
        for number in range(3):
            silent.send(str(number))
            await trio.sleep(0.02)
        assert heard == ["0", "1", "2"]
        one.send("1a")
        other.send("2a", "2b")
        await trio.sleep(0.02)
        one.send("1b")
        await trio.sleep(0.02)
        assert inbox.is_paused(one.fd)
        assert inbox.is_paused(other.fd)
        assert not inbox.is_paused(silent.fd)
        assert sorted(texts(await inbox.take())) == ["1a", "2a"]
        assert not inbox.is_paused(one.fd)
        assert sorted(texts(await inbox.take())) == ["1b", "2b"]


async def test_a_paused_source_can_be_unwatched(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    async with long_turn(inbox):
        line.send("1")
        await trio.sleep(0.02)
        inbox.unwatch(line.fd)
        assert not inbox.is_paused(line.fd)
        assert texts(await inbox.take()) == ["1"]


async def test_early_requests_leave_room_for_requests_put_in(inbox: Inbox, lines: Lines) -> None:
    async with long_turn(inbox):
        busy = [lines() for _ in range(TURN_REQUESTS)]
        for line in busy:
            line.send("hi")
        await trio.sleep(0.035)
        inbox.send_nowait(Tick())
        await inbox.take()
        assert inbox.now == trio.current_time()
        for line in busy:
            line.send("hi")
        inbox.turn_waits()
        await trio.sleep(0.035)
        # A connection puts in its end while the inbox may hold a request of it.
        assert (await inbox.take())[-1] == Tick()


@pytest.mark.parametrize(("text", "in_a_turn"), [("hi", TURN_REQUESTS), ("x" * 256, 4)])
async def test_early_requests_fill_the_next_turns_within_bounds(
    inbox: Inbox, lines: Lines, monkeypatch: pytest.MonkeyPatch, text: str, in_a_turn: int
) -> None:
    monkeypatch.setattr("trio_chat.hub.inbox.TURN_CHARS", 1024)
    async with long_turn(inbox):
        for _ in range(in_a_turn + 1):
            lines().send(text)
        await trio.sleep(0.1)
        assert [len(texts(await inbox.take())) for _ in range(2)] == [in_a_turn, 1]


async def test_large_texts_leave_room_for_requests_put_in(inbox: Inbox, lines: Lines) -> None:
    lines().send(*["x" * TURN_CHARS] * 3)
    inbox.send_nowait(Tick())
    assert Tick() in await inbox.take()


@pytest.mark.parametrize("waits", [True, False])
async def test_sources_are_read_during_a_turn_only_while_it_waits(
    inbox: Inbox, lines: Lines, *, waits: bool
) -> None:
    line = lines()
    async with long_turn(inbox):
        await trio.testing.wait_all_tasks_blocked()
        inbox.send_nowait(Tick())
        await inbox.take()
        if waits:
            inbox.turn_waits()
        line.send("hi")
        await trio.sleep(0.1)
        if waits:
            assert texts(await inbox.take()) == ["hi"]
            assert not inbox.is_paused(line.fd)
        else:
            assert line.sock.recv(9) == b"hi"
