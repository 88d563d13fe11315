"""A Redis that goes away in every way there is, and what is noticed of it."""

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Generator
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.backplane.conftest import backplane, node, talk, trouble
from tests.backplane.way import Way
from tests.blackbox.waiting import PATIENCE_SECONDS
from tests.contracts.backplanes import IN, OUT, Ear, listening
from tests.redis import Redis
from trio_chat.backplane import outgoing
from trio_chat.backplane import redis as redis_module
from trio_chat.backplane.address import read_address
from trio_chat.backplane.redis import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    FIRST_PAUSE_SECONDS,
    IDLE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    STEADY_SECONDS,
    RedisBackplane,
    _answer,
    _innermost,
    _reason,
)
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics


def stop_and_start(redis: Redis) -> None:
    redis.restart()


def kill_and_start(redis: Redis) -> None:
    redis.kill()
    redis.start()


def cut_those_who_listen(redis: Redis) -> None:
    assert redis.run("CLIENT", "KILL", "TYPE", "pubsub") == "2"


def cut_those_who_speak(redis: Redis) -> None:
    assert redis.run("CLIENT", "KILL", "TYPE", "normal") == "2"


@pytest.mark.parametrize(
    "harm", [stop_and_start, kill_and_start, cut_those_who_listen, cut_those_who_speak]
)
async def test_after_an_outage_nodes_hear_each_other_again(
    redis: Redis, harm: Callable[[Redis], None]
) -> None:
    async with node(redis.url) as ann, node(redis.url) as bob:
        await talk(ann, bob, b"before")
        harm(redis)
        for one in (ann, bob):
            await one.ear.until(IN, OUT, IN)
            assert one.backplane.trouble is None
            assert one.metrics.backplane_outages.count == 1
        await talk(ann, bob, b"after")


async def test_one_that_is_gone_and_back_again_and_again_is_always_found(redis: Redis) -> None:
    # A pool that lost a place with each outage would have none left.
    async with node(redis.url) as ann, node(redis.url) as bob:
        for number in range(3):
            cut_those_who_listen(redis)
            await ann.ear.until(*(IN, OUT) * (number + 1), IN)
            await bob.ear.until(*(IN, OUT) * (number + 1), IN)
        await talk(ann, bob, b"after")


async def test_one_that_stands_still_is_noticed_and_found_again(redis: Redis) -> None:
    async with node(redis.url) as ann, node(redis.url) as bob:
        with redis.frozen():
            for one in (ann, bob):
                await one.ear.until(IN, OUT)
                assert one.backplane.trouble == "it did not answer in time"
                assert one.metrics.backplane_in_reach._value.get() == 0
        await ann.ear.until(IN, OUT, IN)
        await bob.ear.until(IN, OUT, IN)
        await talk(ann, bob, b"after")


@pytest.mark.parametrize("silent", [0, 1])
async def test_one_connection_of_the_two_that_has_gone_without_a_word_is_noticed(
    redis: Redis, silent: int
) -> None:
    async with trio.open_nursery() as nursery:
        way = Way(redis.port)
        port = await nursery.start(way.run)
        async with node(f"redis://127.0.0.1:{port}") as ann:
            way.silent.add(silent)
            await ann.ear.until(IN, OUT, IN)
        nursery.cancel_scope.cancel()


async def test_while_it_stands_still_nothing_waits_and_nothing_piles_up(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST", 100)
    async with node(redis.url) as ann:
        with redis.frozen():
            for number in range(1000):
                ann.backplane.publish(b"%d" % number)
            assert ann.metrics.backplane_thrown_away.count >= 900
            with trio.fail_after(PATIENCE_SECONDS):
                await ann.backplane.flush()
            await ann.ear.until(IN, OUT)
            # All that waited, or was on its way, has been given up, and what comes now is.
            assert ann.metrics.backplane_thrown_away.count == 1000
            ann.backplane.publish(b"lost")
            assert ann.metrics.backplane_thrown_away.count == 1001
        assert ann.metrics.backplane_published.count == 0


async def test_one_that_cuts_whoever_reads_too_slowly_is_come_back_to(redis: Redis) -> None:
    redis.run("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 0 0")
    async with node(redis.url) as ann, node(redis.url) as bob:
        ann.backplane.publish(bytes(1_000_000))
        await bob.ear.until(IN, OUT, IN)
        await ann.ear.until(IN, OUT, IN)
        assert not bob.ear.payloads
        await talk(ann, bob, b"after")


async def test_one_that_is_not_there_at_first_is_found_when_it_is(redis: Redis) -> None:
    redis.stop()
    one, ear = backplane(redis.url), Ear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, ear)
        await trouble(one, "Connection refused")
        assert not ear.told
        redis.start()
        await ear.until(IN)
        assert one.trouble is None
        nursery.cancel_scope.cancel()


async def test_an_outage_is_one_line_when_it_begins_and_one_when_it_is_over(redis: Redis) -> None:
    with capture_logs() as lines:
        async with node(redis.url) as ann:
            redis.stop()
            await ann.ear.until(IN, OUT)
            await trouble(ann.backplane, "Connection refused")
            redis.start()
            await ann.ear.until(IN, OUT, IN)
    where = redis.url.removeprefix("redis://")
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("info", "backplane in reach"),
        ("warning", "backplane out of reach"),
        ("info", "backplane in reach again"),
    ]
    assert lines[0]["address"] == lines[1]["address"] == where
    assert lines[1]["reason"] == "the connection was lost"
    assert lines[2]["seconds"] > 0


async def test_what_somebody_else_publishes_is_passed_on_as_it_is(redis: Redis) -> None:
    async with node(redis.url) as ann:
        for words in ("garbage", "two words", ""):
            assert redis.run("PUBLISH", "chat", words) == "1"
        await ann.ear.until(b"garbage", b"words", b"")


async def test_other_channels_are_not_heard(redis: Redis) -> None:
    async with node(redis.url) as ann:
        assert redis.run("PUBLISH", "chat-2", "x y") == "0"
        redis.run("PUBLISH", "chat", "x end")
        await ann.ear.until(b"end")
        assert ann.ear.payloads == [b"end"]


class Answer:
    """A request to Redis, and the connection that it is made on."""

    def __init__(self, socket: socket.socket | None = None) -> None:
        self.event = trio.Event()
        self.stream = None if socket is None else SimpleNamespace(extra=lambda _: socket)

    def __await__(self) -> Generator[Any, None, object]:
        return self.event.wait().__await__()

    async def wait(self) -> None:
        """Wait as the backplane does."""
        await redis_module._answer(self, self)  # type: ignore[arg-type]


async def test_an_answer_is_not_given_up_because_this_process_stood_still(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    answer = Answer()
    nursery.start_soon(answer.wait)
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(10 * redis_module.ANSWER_SECONDS)  # and nothing has run
    await trio.testing.wait_all_tasks_blocked()
    answer.event.set()


async def test_an_answer_that_does_not_come_is_given_up_in_time(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    with pytest.raises(Outage, match="did not answer in time"):
        await Answer().wait()
    assert trio.current_time() - began == pytest.approx(redis_module.ANSWER_SECONDS)


async def test_while_there_are_bytes_to_be_read_an_answer_has_more_time_but_not_for_ever(
    autojump_clock: MockClock,
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"+")
        began = autojump_clock.current_time()
        with pytest.raises(Outage, match="did not answer in time"):
            await Answer(ours).wait()
        assert trio.current_time() - began == pytest.approx(3 * redis_module.ANSWER_SECONDS)
        ours.recv(1)
        began = trio.current_time()
        with pytest.raises(Outage):
            await Answer(ours).wait()
        assert trio.current_time() - began == pytest.approx(redis_module.ANSWER_SECONDS)


async def test_the_socket_of_a_connection_shows_what_has_not_been_read(redis: Redis) -> None:
    async with (
        redis_module.RedisBackplane(read_address(redis.url), "c", Metrics())._pool() as pool,
        pool.acquire() as connection,
    ):
        assert not redis_module._has_unread(connection)


async def test_whatever_comes_up_in_a_connection_is_an_outage() -> None:
    # Over TLS it is an EndOfStream at times: which of a connection's tasks sees its end first, and
    # what it makes of it, is not known.
    async def answer() -> object:
        return ZeroDivisionError("a fault of theirs")

    with pytest.raises(Outage) as outage:
        await _answer(None, answer())  # type: ignore[arg-type]
    assert _reason(_innermost(outage.value)) == "a fault of theirs"


async def closes(stream: trio.SocketStream) -> None:
    await stream.aclose()


async def says_http(stream: trio.SocketStream) -> None:
    await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await trio.sleep_forever()


async def says_anything(stream: trio.SocketStream) -> None:
    await stream.send_all(os.urandom(4096))
    await trio.sleep_forever()


async def says_an_old_protocol(stream: trio.SocketStream) -> None:
    await stream.send_all(b"-ERR unknown command 'HELLO'\r\n" * 3)
    await trio.sleep_forever()


async def says_nothing(_: trio.SocketStream) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    "pretend", [closes, says_http, says_anything, says_an_old_protocol, says_nothing]
)
async def test_one_that_is_no_redis_is_trouble_and_nothing_else(
    pretend: Callable[[trio.SocketStream], Awaitable[None]],
) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    one, ear = backplane(f"redis://127.0.0.1:{listener.socket.getsockname()[1]}"), Ear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, pretend, [listener])
        nursery.start_soon(one.run, ear)
        with trio.fail_after(PATIENCE_SECONDS):
            while one.trouble == "not connected yet":  # noqa: ASYNC110 - of another task
                await trio.sleep(0.01)
        assert one.trouble
        assert not ear.told
        nursery.cancel_scope.cancel()


async def test_one_that_is_cancelled_is_no_outage(redis: Redis) -> None:
    metrics = Metrics()
    one, ear = backplane(redis.url, metrics), Ear()
    with capture_logs() as lines:
        for _ in range(5):
            async with listening(one, ear):
                pass
            ear.forget()
    assert {line["log_level"] for line in lines} == {"info"}
    assert metrics.backplane_outages.count == 0


class Fleeting(RedisBackplane):
    """One whose sessions last as long as it is told, and are then lost."""

    def __init__(self, lasting: float) -> None:
        super().__init__(read_address("redis://127.0.0.1"), "chat", Metrics())
        self.lasting = lasting
        self.began: list[float] = []

    async def _session(self) -> None:
        self.began.append(trio.current_time())
        await trio.sleep(self.lasting)
        raise OSError(errno.ECONNREFUSED, "Connection refused")

    async def pauses(self, seconds: float) -> list[float]:
        """Run for as long, and give the times between two sessions."""
        with trio.move_on_after(seconds):
            await self.run(Ear())
        return [after - before - self.lasting for before, after in pairwise(self.began)]


async def test_the_pauses_grow_and_begin_anew_after_a_session_that_was_steady(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    pauses = await Fleeting(lasting=0).pauses(600)
    assert all(FIRST_PAUSE_SECONDS <= pause <= LONGEST_PAUSE_SECONDS for pause in pauses)
    assert max(pauses[:3]) <= 4 * FIRST_PAUSE_SECONDS
    assert max(pauses) > LONGEST_PAUSE_SECONDS / 2
    assert len(set(pauses)) > 10, "nodes that lost one Redis together come back together"
    pauses = await Fleeting(lasting=STEADY_SECONDS).pauses(60)
    assert pauses == pytest.approx([FIRST_PAUSE_SECONDS] * 5)


def test_one_that_has_gone_without_a_word_is_known_to_be_within_ten_seconds() -> None:
    assert IDLE_SECONDS + ANSWER_SECONDS < 10
    assert CONNECT_SECONDS + ANSWER_SECONDS < 10
