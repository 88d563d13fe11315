"""A Redis that goes away in every way there is, and what is noticed of it."""

import os
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
import trio
import trio.testing
from attrs import define
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.backplane.conftest import backplane, last_error, node, talk
from tests.backplane.way import Way
from tests.contracts.backplanes import IN, OUT, Ear, listening
from tests.support.redis import Redis
from tests.support.waiting import PATIENCE_SECONDS
from trio_chat.backplane import outgoing
from trio_chat.backplane import redis as redis_module
from trio_chat.backplane.address import read_address
from trio_chat.backplane.connection import CONNECT_SECONDS
from trio_chat.backplane.redis import (
    ANSWER_SECONDS,
    FIRST_PAUSE_SECONDS,
    IDLE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    STEADY_SECONDS,
    RedisBackplane,
)
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics


def stop_and_start(redis: Redis) -> None:
    redis.restart()


def kill_and_start(redis: Redis) -> None:
    redis.kill()
    redis.start()


def cut_all(redis: Redis) -> None:
    assert redis.run("CLIENT", "KILL", "TYPE", "pubsub") == "2"


@pytest.mark.parametrize("harm", [stop_and_start, kill_and_start, cut_all])
async def test_after_an_outage_nodes_hear_each_other_again(
    redis: Redis, harm: Callable[[Redis], None]
) -> None:
    async with node(redis.url) as ann, node(redis.url) as bob:
        await talk(ann, bob, b"before")
        harm(redis)
        for one in (ann, bob):
            await one.ear.until(IN, OUT, IN)
            assert one.backplane.last_error is None
            assert one.metrics.backplane_outages.count == 1
        await talk(ann, bob, b"after")


async def test_one_that_is_gone_and_back_again_and_again_is_always_found(redis: Redis) -> None:
    async with node(redis.url) as ann, node(redis.url) as bob:
        for number in range(3):
            cut_all(redis)
            await ann.ear.until(*(IN, OUT) * (number + 1), IN)
            await bob.ear.until(*(IN, OUT) * (number + 1), IN)
        await talk(ann, bob, b"after")


async def test_one_that_stands_still_is_noticed_and_found_again(redis: Redis) -> None:
    async with node(redis.url) as ann, node(redis.url) as bob:
        with redis.frozen():
            for one in (ann, bob):
                await one.ear.until(IN, OUT)
                assert one.backplane.last_error == "it did not answer in time"
                assert one.metrics.backplane_up._value.get() == 0
        await ann.ear.until(IN, OUT, IN)
        await bob.ear.until(IN, OUT, IN)
        await talk(ann, bob, b"after")


async def test_a_connection_that_has_gone_without_a_word_is_noticed(redis: Redis) -> None:
    async with trio.open_nursery() as nursery:
        way = Way(redis.port)
        port = await nursery.start(way.run)
        async with node(f"redis://127.0.0.1:{port}") as ann:
            way.silent.add(0)
            await ann.ear.until(IN, OUT, IN)
        nursery.cancel_scope.cancel()


async def test_while_it_stands_still_nothing_waits_and_nothing_piles_up(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "MOST_BYTES", 1_000_000)
    async with node(redis.url) as ann:
        with redis.frozen():
            for _ in range(1000):
                ann.backplane.publish(bytes(30_000))  # the kernel takes some megabytes
            assert ann.metrics.backplane_dropped.count >= 500
            with trio.fail_after(PATIENCE_SECONDS):
                await ann.backplane.flush()
            await ann.ear.until(IN, OUT)
            # All that was on its way has been given up, and what comes now is.
            assert ann.metrics.backplane_dropped.count == 1000
            ann.backplane.publish(b"lost")
            assert ann.metrics.backplane_dropped.count == 1001
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
        await last_error(one, "Connection refused")
        assert not ear.told
        redis.start()
        await ear.until(IN)
        assert one.last_error is None
        nursery.cancel_scope.cancel()


async def test_an_outage_is_one_line_when_it_begins_and_one_when_it_is_over(redis: Redis) -> None:
    with capture_logs() as lines:
        async with node(redis.url) as ann:
            redis.stop()
            await ann.ear.until(IN, OUT)
            await last_error(ann.backplane, "Connection refused")
            redis.start()
            await ann.ear.until(IN, OUT, IN)
    where = redis.url.removeprefix("redis://")
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("info", "backplane reachable"),
        ("warning", "backplane unreachable"),
        ("info", "backplane reachable again"),
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


@define
class Silent:
    """A connection on which Redis does not answer; or it may have, and nobody has read it."""

    has_unread: bool = False


async def wait(on: Silent) -> None:
    """Wait for one answer as the backplane does."""
    one = backplane("redis://127.0.0.1")
    await one._wait_for_answers(1, on)  # type: ignore[arg-type]


async def test_an_answer_is_not_given_up_because_this_process_stood_still(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    one = backplane("redis://127.0.0.1")
    nursery.start_soon(one._wait_for_answers, 1, Silent())  # type: ignore[arg-type]
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(10 * redis_module.ANSWER_SECONDS)  # and nothing has run
    await trio.testing.wait_all_tasks_blocked()
    one._answers = 1


async def test_an_answer_that_does_not_come_is_given_up_in_time(autojump_clock: MockClock) -> None:
    began = autojump_clock.current_time()
    with pytest.raises(Outage, match="did not answer in time"):
        await wait(Silent())
    assert trio.current_time() - began == pytest.approx(redis_module.ANSWER_SECONDS)


async def test_while_there_are_bytes_to_be_read_an_answer_has_more_time_but_not_for_ever(
    autojump_clock: MockClock,
) -> None:
    began = autojump_clock.current_time()
    with pytest.raises(Outage, match="did not answer in time"):
        await wait(Silent(has_unread=True))
    assert trio.current_time() - began == pytest.approx(3 * redis_module.ANSWER_SECONDS)


async def closes(stream: trio.SocketStream) -> None:
    await stream.aclose()


async def says_http(stream: trio.SocketStream) -> None:
    await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await trio.sleep_forever()


async def says_anything(stream: trio.SocketStream) -> None:
    await stream.send_all(os.urandom(4096))
    await trio.sleep_forever()


async def says_an_old_protocol(stream: trio.SocketStream) -> None:
    await stream.send_all(b"-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n")
    await trio.sleep_forever()


async def says_nothing(_: trio.SocketStream) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("pretend", "says"),
    [
        (closes, "the connection was lost"),
        (says_http, "Protocol error"),
        (says_anything, ""),
        (says_an_old_protocol, "ERR unknown command `HELLO`"),
        (says_nothing, "it did not answer in time"),
    ],
)
async def test_one_that_is_no_redis_is_trouble_and_nothing_else(
    pretend: Callable[[trio.SocketStream], Awaitable[None]], says: str
) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    one, ear = backplane(f"redis://127.0.0.1:{listener.socket.getsockname()[1]}"), Ear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, pretend, [listener])
        nursery.start_soon(one.run, ear)
        with trio.fail_after(PATIENCE_SECONDS):
            while one.last_error == "not connected yet":  # noqa: ASYNC110 - of another task
                await trio.sleep(0.01)
        assert one.last_error is not None
        assert one.last_error.startswith(says)
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
        raise ExceptionGroup("of a nursery", [Outage("Connection refused")])

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
