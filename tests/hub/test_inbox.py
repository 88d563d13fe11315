"""The inbox: what it reads and takes for one turn, in which order, and what wakes the hub."""

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

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
    """A source with a line to it: each byte that comes asks something. Satisfies `Source`.

    Attributes:
        inbox: What reads it.
        sock: Its end.
        peer: The other end.
        in_hand: What it still has, back to front.
        asks: What a text asks.
        failures: What it was told to end with.
    """

    inbox: Inbox
    sock: socket.socket
    peer: socket.socket
    in_hand: list[str] = field(factory=list)
    asks: Callable[[str], Request | None] = say
    failures: list[outcome.Error] = field(factory=list)

    @property
    def fd(self) -> int:
        """What it is watched by."""
        return self.sock.fileno()

    def send(self, *texts: str) -> None:
        """Send texts in one packet."""
        self.peer.send("\n".join(texts).encode())

    def read(self, now: float) -> Request | None:
        """Take one short text, or all in hand."""
        del now
        if self.in_hand:
            return None
        texts = self.sock.recv(1 << 20).decode().split("\n")
        if len(texts) == 1 and len(texts[0]) <= 256:
            return self.asks(texts[0])
        self.in_hand = texts[::-1]
        self.inbox.serve(self.fd)
        return None

    def go_on(self, now: float) -> Request | None:
        """Take one text in hand."""
        del now
        request = self.asks(self.in_hand.pop())
        if self.in_hand:
            self.inbox.serve(self.fd)
        return request

    def fail(self, error: outcome.Error) -> None:
        """Note it."""
        self.failures.append(error)
        self.inbox.unwatch(self.fd)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is not cut short because the machine is busy."""
    monkeypatch.setattr("trio_chat.hub.inbox._STEP_SECONDS", 60.0)


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
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
            end.setblocking(False)  # noqa: FBT003 - the stdlib has it so
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
    """A turn that waits, for the length of the body."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.read_in_long_turns)
        inbox.send_nowait(Tick())
        assert await inbox.take() == [Tick()]
        inbox.turn_waits()
        yield
        nursery.cancel_scope.cancel()


# --- what wakes the hub --------------------------------------------------------------------------


async def test_inbox_reads_a_readable_source(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    async with trio.open_nursery() as nursery:

        async def take() -> None:
            assert texts(await inbox.take()) == ["hi"]

        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        line.send("hi")


@pytest.mark.parametrize("waits", [False, True])
async def test_a_request_put_in_wakes_the_hub(
    inbox: Inbox,
    waits: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with trio.open_nursery() as nursery:

        async def take() -> None:
            for _ in range(2):
                assert await inbox.take() == [Tick()]

        nursery.start_soon(take)
        for _ in range(2):
            await trio.testing.wait_all_tasks_blocked()
            if waits:
                await inbox.send(Tick())
            else:
                inbox.send_nowait(Tick())


async def test_a_source_with_messages_left_wakes_the_hub(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    async with trio.open_nursery() as nursery:

        async def take() -> None:
            assert texts(await inbox.take()) == ["own"]

        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        line.in_hand = ["own"]
        inbox.serve(line.fd)


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
    inbox.send_nowait(Tick())
    with trio.testing.assert_checkpoints():
        assert await inbox.take() == [Tick()]
    lines().send("hi")
    with trio.testing.assert_checkpoints():
        assert texts(await inbox.take()) == ["hi"]


async def test_a_cancelled_take_loses_no_request(inbox: Inbox, lines: Lines) -> None:
    lines().send("hi")
    inbox.send_nowait(Tick())
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.take()
    assert scope.cancelled_caught
    assert len(await inbox.take()) == 2


async def test_a_closed_inbox_refuses_requests() -> None:
    inbox = Inbox()
    with inbox:
        inbox.send_nowait(Tick())
    with pytest.raises(trio.BrokenResourceError):
        inbox.send_nowait(Tick())
    with pytest.raises(trio.BrokenResourceError):
        await inbox.send(Tick())


async def test_closing_the_inbox_ends_waits_for_room(inbox: Inbox) -> None:
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await other.send(Tick())

        other = Inbox()
        with other:
            for _ in range(INBOX_REQUESTS):
                other.send_nowait(Tick())
            nursery.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()
    del inbox


async def test_a_source_can_be_unwatched_after_the_hub_ended(lines: Lines) -> None:
    line, gone = lines(), Inbox()
    with gone:
        gone.watch(line.fd, line)
    gone.unwatch(line.fd)
    gone.watch(line.fd, line)
    gone.unwatch(line.fd)


# --- bounds and fairness -------------------------------------------------------------------------


async def test_a_turn_is_bounded_in_requests_put_in(inbox: Inbox) -> None:
    for _ in range(TURN_REQUESTS + 1):
        inbox.send_nowait(Tick())
    assert [len(await inbox.take()) for _ in range(2)] == [TURN_REQUESTS, 1]
    for _ in range(3):
        inbox.send_nowait(say("x" * (TURN_CHARS // 2)))
    assert [len(await inbox.take()) for _ in range(2)] == [2, 1]


async def test_a_turn_is_bounded_in_messages_of_one_source(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    line.send(*map(str, range(TURN_REQUESTS + 1)))
    assert [len(await inbox.take()) for _ in range(2)] == [TURN_REQUESTS, 1]
    line.send(*["x" * (TURN_CHARS // 2)] * 3)
    assert [len(await inbox.take()) for _ in range(2)] == [2, 1]


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


# --- failures ------------------------------------------------------------------------------------


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
    line.in_hand = ["gone"]
    inbox.serve(line.fd)
    inbox.unwatch(line.fd)
    inbox.send_nowait(Tick())
    assert await inbox.take() == [Tick()]


# --- while a turn waits --------------------------------------------------------------------------


async def test_a_waiting_turn_reads_each_source_up_to_one_request(
    inbox: Inbox, lines: Lines
) -> None:
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
        # What is put in comes behind: a connection puts in its end when it may have a request here.
        assert (await inbox.take())[-1] == Tick()


async def test_early_requests_fill_the_next_turns_within_bounds(inbox: Inbox, lines: Lines) -> None:
    async with long_turn(inbox):
        for _ in range(TURN_REQUESTS + 1):
            lines().send("hi")
        await trio.sleep(0.03)
        assert len(texts(await inbox.take())) == TURN_REQUESTS
        assert texts(await inbox.take()) == ["hi"]


async def test_texts_read_while_a_turn_waited_count_by_their_length(
    inbox: Inbox, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.hub.inbox.TURN_CHARS", 200)
    async with long_turn(inbox):
        for _ in range(3):
            lines().send("x" * 100)
        await trio.sleep(0.1)
        assert [len(texts(await inbox.take())) for _ in range(2)] == [2, 1]


async def test_large_texts_leave_room_for_requests_put_in(inbox: Inbox, lines: Lines) -> None:
    lines().send(*["x" * TURN_CHARS] * 3)
    inbox.send_nowait(Tick())
    assert Tick() in await inbox.take()


async def test_sources_are_read_during_a_second_waiting_turn(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    async with long_turn(inbox):
        await trio.testing.wait_all_tasks_blocked()
        inbox.send_nowait(Tick())
        await inbox.take()
        inbox.turn_waits()
        line.send("hi")
        await trio.sleep(0.1)
        assert texts(await inbox.take()) == ["hi"]
        assert inbox.is_paused(line.fd) is False


async def test_sources_are_not_read_during_a_short_turn(inbox: Inbox, lines: Lines) -> None:
    line = lines()
    async with long_turn(inbox):
        inbox.turn_waits()
        await trio.testing.wait_all_tasks_blocked()
        inbox.send_nowait(Tick())
        await inbox.take()
        line.send("hi")
        await trio.sleep(0.1)
        assert line.sock.recv(9) == b"hi"
