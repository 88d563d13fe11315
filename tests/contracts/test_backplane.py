"""The contract of `trio_chat.backplane.base.Backplane`, for every shared implementation.

A new one joins the suite in `attach`, in conftest. Redis stands for Valkey too: the tests use the
installed one.
"""

import math
from collections.abc import AsyncIterator, Sequence

import pytest
import trio
import trio.testing
from attrs import frozen

from tests.contracts.backplanes import UP, Attach, Recorder, listening
from trio_chat.backplane import incoming
from trio_chat.backplane.base import Backplane
from trio_chat.metrics import Metrics

LARGE = bytes(range(256)) * 4096
"""One mebibyte."""


@frozen
class Pair:
    """A node that publishes, and the record and the metrics of one that receives."""

    ann: Backplane
    at_bob: Recorder
    metrics: Metrics

    async def publish(self, payload: bytes, number: int) -> None:
        """Publish the payload of this number, and wait until the other node has received it."""
        self.ann.publish(payload)
        await self.ann.flush()
        with trio.fail_after(30):
            while self.metrics.backplane_received.count < number:  # noqa: ASYNC110 - other task
                await trio.sleep(0.001)


@pytest.fixture
async def pair(attach: Attach) -> AsyncIterator[Pair]:
    metrics = Metrics()
    ann = attach(Metrics())
    async with listening(ann), listening(attach(metrics)) as at_bob:
        yield Pair(ann, at_bob, metrics)


async def test_every_other_node_receives_a_payload_and_the_publisher_does_not(
    attach: Attach,
) -> None:
    ann, bob, cleo = (attach(Metrics()) for _ in range(3))
    async with listening(ann) as at_ann, listening(bob) as at_bob, listening(cleo) as at_cleo:
        assert ann.is_shared
        assert ann.last_error is None
        ann.publish(b"from ann")
        await at_bob.until(b"from ann")
        bob.publish(b"from bob")
        await at_ann.until(b"from bob")
        await at_cleo.until(b"from ann", b"from bob")
        assert at_ann.payloads == [b"from bob"]
        assert at_bob.payloads == [b"from ann"]
        assert at_cleo.payloads == [b"from ann", b"from bob"]


async def test_payloads_of_any_bytes_arrive_in_the_order_of_publishing(pair: Pair) -> None:
    published = [b"", b" ", b"  x ", b"\0\r\n$1\r\n\xff", bytes(range(256)), LARGE]
    published += [b"%d" % number for number in range(1000)]
    for number, payload in enumerate(published):
        pair.ann.publish(payload)
        if number % 100 == 0:
            await trio.lowlevel.checkpoint()
    await pair.at_bob.until(published[-1])
    assert pair.at_bob.payloads == published


async def test_a_backplane_reports_up_before_the_first_payload(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    recorder = Recorder()
    async with listening(ann), trio.open_nursery() as nursery:
        nursery.start_soon(bob.run, recorder)
        with trio.fail_after(20):
            while not recorder.payloads:
                ann.publish(b"payload")
                await trio.lowlevel.checkpoint()
        assert recorder.received[0] == UP
        assert recorder.received.count(UP) == 1
        nursery.cancel_scope.cancel()


async def test_payloads_wait_for_a_busy_listener(pair: Pair) -> None:
    pair.at_bob.has_time = trio.Event()
    pair.ann.publish(b"1")
    await pair.at_bob.until(b"1")
    pair.ann.publish(b"2")
    pair.ann.publish(b"3")
    await pair.ann.flush()
    assert pair.at_bob.payloads == [b"1"]
    pair.at_bob.has_time.set()
    await pair.at_bob.until(b"3")
    assert pair.at_bob.payloads == [b"1", b"2", b"3"]


class FailingRecorder(Recorder):
    """Fails in `receive`; may refuse `receive_nowait`, which needs no other task."""

    refuses_nowait = False

    def receive_nowait(self, payloads: Sequence[bytes]) -> None:
        if self.refuses_nowait:
            raise trio.WouldBlock
        super().receive_nowait(payloads)

    async def receive(self, payloads: Sequence[bytes]) -> None:
        raise ZeroDivisionError(payloads)


async def test_an_idle_listener_receives_payloads_without_another_task(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(ann), listening(bob, FailingRecorder()) as at_bob:
        await trio.testing.wait_all_tasks_blocked()
        ann.publish(b"1")
        await at_bob.until(b"1")
        ann.publish(b"2")
        await at_bob.until(b"2")


async def test_an_exception_of_the_listener_ends_the_backplane(attach: Attach) -> None:
    ann, bob, recorder = attach(Metrics()), attach(Metrics()), FailingRecorder()
    recorder.refuses_nowait = True
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with listening(ann), listening(bob, recorder):
            ann.publish(b"1")
            await trio.sleep_forever()


async def test_a_burst_beyond_the_queue_is_dropped_from_its_front_and_counted(
    attach: Attach,
) -> None:
    sending, receiving = Metrics(), Metrics()
    ann, bob = attach(sending), attach(receiving)
    async with listening(ann), listening(bob) as at_bob:
        for number in range(incoming.MOST + 500):
            ann.publish(b"%d" % number)
        ann.publish(b"end")
        await at_bob.until(b"end")
        dropped = sending.backplane_dropped.count + receiving.backplane_dropped.count
        last = range(dropped, incoming.MOST + 500)
        assert at_bob.payloads == [*(b"%d" % number for number in last), b"end"]


async def test_a_blocked_listener_bounds_the_waiting_payloads(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MOST", 1000)
    at_bob = pair.at_bob
    at_bob.has_time = trio.Event()
    published = 0
    while pair.metrics.backplane_dropped.count == 0:
        for _ in range(99):
            pair.ann.publish(b"%d" % published)
            published += 1
        await pair.publish(b"%d" % published, published + 1)
        published += 1
    assert published <= 1200
    at_bob.has_time.set()
    at_bob.clear()
    pair.ann.publish(b"end")
    await at_bob.until(b"end")
    # The listener learns of the gap first, and receives nothing from before it.
    assert at_bob.received[0] == UP
    assert len(at_bob.payloads) <= 101
    assert pair.metrics.backplane_received.count == published + 1


async def test_a_blocked_listener_bounds_the_waiting_bytes(pair: Pair) -> None:
    pair.at_bob.has_time = trio.Event()
    for number in range(1, 20):
        await pair.publish(LARGE, number)
    assert pair.metrics.backplane_dropped.count > 0
    pair.at_bob.has_time.set()
    pair.ann.publish(b"end")
    await pair.at_bob.until(UP, b"end")


async def test_a_payload_larger_than_any_node_sends_is_dropped(pair: Pair) -> None:
    pair.ann.publish(bytes(incoming.MOST_BYTES_OF_ONE + 1))
    pair.ann.publish(b"end")
    await pair.at_bob.until(b"end")
    assert pair.at_bob.payloads == [b"end"]
    assert pair.metrics.backplane_dropped.count == 1


async def test_a_node_publishes_and_receives_only_while_it_runs(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(ann) as at_ann:
        bob.publish(b"too early")
        ann.publish(b"too early")
        await ann.flush()
        with trio.fail_after(20):
            async with listening(bob) as at_bob:
                bob.publish(b"from bob")
                await at_ann.until(b"from bob")
                ann.publish(b"from ann")
                await at_bob.until(b"from ann")
        bob.publish(b"too late")
        async with listening(attach(Metrics())) as at_cleo:
            ann.publish(b"end")
            await at_cleo.until(b"end")
        assert at_bob.payloads == [b"from ann"]
        assert at_ann.payloads == [b"from bob"]


async def test_flushed_payloads_arrive_although_the_node_stops(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(bob) as at_bob:
        async with listening(ann):
            for number in range(100):
                ann.publish(b"%d" % number)
            await ann.flush()
        await at_bob.until(b"99")
        assert len(at_bob.payloads) == 100


async def test_a_flush_without_a_connection_ends(attach: Attach) -> None:
    backplane = attach(Metrics())
    backplane.publish(b"1")
    with trio.fail_after(20):
        await backplane.flush()


async def test_a_cancelled_flush_loses_nothing(pair: Pair) -> None:
    pair.ann.publish(b"1")
    with trio.CancelScope(deadline=-math.inf):
        await pair.ann.flush()
    await pair.at_bob.until(b"1")
