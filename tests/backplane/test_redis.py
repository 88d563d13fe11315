"""Outages of Redis."""

from itertools import pairwise

import pytest
import trio
import trio.testing
from attrs import define
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.backplane.conftest import WatchedBackplane, failing, node, talk
from tests.backplane.way import Way
from tests.contracts.backplanes import DOWN, UP, Recorder, listening
from tests.support.redis import Redis
from tests.support.waiting import PATIENCE_SECONDS
from trio_chat.backplane import outgoing
from trio_chat.backplane import redis as redis_module
from trio_chat.backplane.connection import CONNECT_SECONDS
from trio_chat.backplane.redis import (
    ANSWER_SECONDS,
    FIRST_PAUSE_SECONDS,
    IDLE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    STEADY_SECONDS,
)
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics


def cut_all(redis: Redis) -> None:
    assert redis.run("CLIENT", "KILL", "TYPE", "pubsub") == "2"


@pytest.mark.parametrize("kind", ["restart", "kill", "cut"])
async def test_nodes_reconnect_after_an_outage(redis: Redis, kind: str) -> None:
    async with node(redis.url) as ann, node(redis.url) as bob:
        await talk(ann, bob, b"before")
        if kind == "cut":
            cut_all(redis)
            for one in (ann, bob):
                await one.recorder.until(UP, DOWN, UP)
            cut_all(redis)
        elif kind == "kill":
            redis.kill()
            redis.start()
        else:
            redis.restart()
        outages = 2 if kind == "cut" else 1
        for one in (ann, bob):
            await one.recorder.until(*(UP, DOWN) * outages, UP)
            assert one.backplane.last_error is None
            assert one.metrics.backplane_outages.count == outages
        await talk(ann, bob, b"after")


async def test_each_outage_writes_one_line_at_its_begin_and_one_at_its_end(redis: Redis) -> None:
    redis.stop()
    with capture_logs() as lines:
        async with failing(redis.url) as (one, recorder):
            for expected in ([], [UP, DOWN]):
                await one.failure("Connection refused")
                assert recorder.received == expected
                redis.start()
                await recorder.until(*expected, UP)
                assert one.last_error is None
                if not expected:
                    redis.stop()
    where = redis.url.removeprefix("redis://")
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "backplane unreachable"),
        ("info", "backplane reachable again"),
    ] * 2
    assert lines[0]["address"] == lines[2]["address"] == where
    assert "Connection refused" in lines[0]["reason"]
    assert lines[2]["reason"] == "the connection was lost"
    assert lines[3]["seconds"] > 0


async def test_a_node_receives_foreign_payloads_of_its_own_channel_only(redis: Redis) -> None:
    async with node(redis.url) as ann:
        assert redis.run("PUBLISH", "chat-2", "x y") == "0"
        for words in ("garbage", "two words", ""):
            assert redis.run("PUBLISH", "chat", words) == "1"
        await ann.recorder.until(b"")
        assert ann.recorder.payloads == [b"garbage", b"words", b""]


async def test_nodes_notice_a_frozen_redis_and_reconnect_when_it_answers(redis: Redis) -> None:
    async with node(redis.url) as ann, node(redis.url) as bob:
        with redis.frozen():
            for one in (ann, bob):
                await one.recorder.until(UP, DOWN)
                assert one.backplane.last_error == "it did not answer in time"
                assert one.metrics.backplane_up._value.get() == 0
        await ann.recorder.until(UP, DOWN, UP)
        await bob.recorder.until(UP, DOWN, UP)
        await talk(ann, bob, b"after")


async def test_a_node_notices_a_connection_that_died_silently(redis: Redis) -> None:
    async with trio.open_nursery() as nursery:
        way = Way(redis.port)
        port = await nursery.start(way.run)
        async with node(f"redis://127.0.0.1:{port}") as ann:
            way.silent.add(0)
            await ann.recorder.until(UP, DOWN, UP)
        nursery.cancel_scope.cancel()


async def test_a_frozen_redis_delays_no_caller_and_fills_no_queue(
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
            await ann.recorder.until(UP, DOWN)
            assert ann.metrics.backplane_dropped.count == 1000
            ann.backplane.publish(b"lost")
            assert ann.metrics.backplane_dropped.count == 1001
        assert ann.metrics.backplane_published.count == 0


async def test_a_node_reconnects_after_redis_dropped_it_for_reading_slowly(redis: Redis) -> None:
    redis.run("CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 0 0")
    async with node(redis.url) as ann, node(redis.url) as bob:
        ann.backplane.publish(bytes(1_000_000))
        await bob.recorder.until(UP, DOWN, UP)
        await ann.recorder.until(UP, DOWN, UP)
        assert not bob.recorder.payloads
        await talk(ann, bob, b"after")


@define
class Silent:
    """A connection on which Redis does not answer."""

    has_unread: bool = False


async def test_a_stall_of_this_process_is_no_late_answer(
    mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    one = WatchedBackplane("redis://127.0.0.1", Metrics())
    nursery.start_soon(one._wait_for_answers, 1, Silent())  # type: ignore[arg-type]
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(10 * redis_module.ANSWER_SECONDS)  # and nothing has run
    await trio.testing.wait_all_tasks_blocked()
    one._answers = 1


@pytest.mark.parametrize(("has_unread", "limits"), [(False, 1), (True, 3)])
async def test_a_late_answer_is_an_outage_and_unread_bytes_extend_the_limit(
    autojump_clock: MockClock,
    has_unread: bool,  # noqa: FBT001 - a parameter
    limits: int,
) -> None:
    began = autojump_clock.current_time()
    one = WatchedBackplane("redis://127.0.0.1", Metrics())
    with pytest.raises(Outage, match="did not answer in time"):
        await one._wait_for_answers(1, Silent(has_unread))  # type: ignore[arg-type]
    seconds = trio.current_time() - began
    assert seconds == pytest.approx(limits * redis_module.ANSWER_SECONDS)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "the connection was lost"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error"),
        (b"-ERR unknown command `HELLO`, with args: `3`, \r\n", "ERR unknown command `HELLO`"),
        (b"", "it did not answer in time"),
    ],
)
async def test_a_server_that_is_no_redis_is_an_error(
    answer: bytes | None, says: str, nursery: trio.Nursery
) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        if answer is not None:
            await stream.send_all(answer)
            await trio.sleep_forever()

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, [listener])
    url = f"redis://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with failing(url) as (one, recorder):
        assert (await one.failure()).startswith(says)
        assert not recorder.received


async def test_a_cancellation_is_no_outage(redis: Redis) -> None:
    metrics = Metrics()
    one, recorder = WatchedBackplane(redis.url, metrics), Recorder()
    with capture_logs() as lines:
        for _ in range(5):
            async with listening(one, recorder):
                pass
            recorder.clear()
    assert {line["log_level"] for line in lines} == {"info"}
    assert metrics.backplane_outages.count == 0


class Fleeting(WatchedBackplane):
    """A backplane whose sessions all end after a given time."""

    def __init__(self, lasting: float) -> None:
        super().__init__("redis://127.0.0.1", Metrics())
        self.lasting = lasting
        self.began: list[float] = []

    async def _session(self) -> None:
        self.began.append(trio.current_time())
        await trio.sleep(self.lasting)
        raise ExceptionGroup("of a nursery", [Outage("Connection refused")])

    async def pauses(self, seconds: float) -> list[float]:
        """Run for some seconds, and return the pauses between sessions."""
        with trio.move_on_after(seconds):
            await self.run(Recorder())
        return [after - before - self.lasting for before, after in pairwise(self.began)]


async def test_the_pauses_between_sessions_grow_until_one_session_is_steady(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    pauses = await Fleeting(lasting=0).pauses(600)
    assert all(FIRST_PAUSE_SECONDS <= pause <= LONGEST_PAUSE_SECONDS for pause in pauses)
    assert max(pauses[:3]) <= 4 * FIRST_PAUSE_SECONDS
    assert max(pauses) > LONGEST_PAUSE_SECONDS / 2
    assert len(set(pauses)) > 10, "all nodes would reconnect at once"
    pauses = await Fleeting(lasting=STEADY_SECONDS).pauses(60)
    assert pauses == pytest.approx([FIRST_PAUSE_SECONDS] * 5)


def test_a_node_notices_a_silent_outage_within_ten_seconds() -> None:
    assert IDLE_SECONDS + ANSWER_SECONDS < 10
    assert CONNECT_SECONDS + ANSWER_SECONDS < 10
