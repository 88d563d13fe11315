"""The contract of `trio_chat.backplane.base.Backplane`, held against every one that is shared.

A backplane is what satisfies this file; a new one is added to `attach`, in conftest. Redis stands
for Valkey too: the tests take whichever is installed.
"""

import math
from collections.abc import Sequence

import pytest
import trio
import trio.testing

from tests.contracts.backplanes import IN, Attach, Ear, listening
from trio_chat.backplane import incoming
from trio_chat.metrics import Metrics

LARGE = bytes(range(256)) * 4096
"""A mebibyte."""


async def test_what_one_publishes_is_heard_by_all_others_and_not_by_itself(attach: Attach) -> None:
    ann, bob, cleo = (attach(Metrics()) for _ in range(3))
    async with listening(ann) as at_ann, listening(bob) as at_bob, listening(cleo) as at_cleo:
        ann.publish(b"from ann")
        await at_bob.until(b"from ann")
        bob.publish(b"from bob")
        await at_ann.until(b"from bob")
        await at_cleo.until(b"from ann", b"from bob")
        assert at_ann.payloads == [b"from bob"]
        assert at_bob.payloads == [b"from ann"]
        assert at_cleo.payloads == [b"from ann", b"from bob"]


async def test_one_that_is_shared_says_so_and_is_well(attach: Attach) -> None:
    backplane = attach(Metrics())
    async with listening(backplane):
        assert backplane.is_shared
        assert backplane.last_error is None


async def test_what_one_publishes_is_heard_in_its_order(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    said = [b"%d" % number for number in range(1000)]
    async with listening(ann), listening(bob) as at_bob:
        for number, payload in enumerate(said):
            ann.publish(payload)
            if number % 100 == 0:
                await trio.lowlevel.checkpoint()
        await at_bob.until(said[-1])
        assert at_bob.payloads == said


@pytest.mark.parametrize(
    "payload",
    [b"", b" ", b"  x ", b"\0\r\n$1\r\n\xff", bytes(range(256)), LARGE],
    ids=["nothing", "blank", "blanks", "lines", "all", "large"],
)
async def test_any_bytes_are_heard_as_they_were_said(attach: Attach, payload: bytes) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(ann), listening(bob) as at_bob:
        ann.publish(payload)
        ann.publish(b"end")
        await at_bob.until(b"end")
        assert at_bob.payloads == [payload, b"end"]


async def test_that_it_is_in_reach_is_told_before_anything_that_is_heard(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    ear = Ear()
    async with listening(ann), trio.open_nursery() as nursery:
        nursery.start_soon(bob.run, ear)
        number = 0
        with trio.fail_after(20):
            while not ear.payloads:
                ann.publish(b"%d" % number)
                number += 1
                await trio.lowlevel.checkpoint()
        assert ear.told[0] == IN
        assert ear.told.count(IN) == 1
        nursery.cancel_scope.cancel()


async def test_what_is_heard_later_waits_for_a_listener_that_is_busy(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(ann), listening(bob) as at_bob:
        at_bob.has_time = trio.Event()
        ann.publish(b"1")
        await at_bob.until(b"1")
        ann.publish(b"2")
        ann.publish(b"3")
        await ann.flush()
        assert at_bob.payloads == [b"1"]
        at_bob.has_time.set()
        await at_bob.until(b"3")
        assert at_bob.payloads == [b"1", b"2", b"3"]


class PromptEar(Ear):
    """Always has time."""

    async def heard(self, payloads: Sequence[bytes]) -> None:
        """Never called: no other task has to wake for these."""
        raise AssertionError(payloads)


async def test_a_listener_that_has_time_is_not_waited_for(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(ann), listening(bob, PromptEar()) as at_bob:
        await trio.testing.wait_all_tasks_blocked()
        ann.publish(b"1")
        await at_bob.until(b"1")
        ann.publish(b"2")
        await at_bob.until(b"2")


async def test_more_than_ten_thousand_at_once_are_heard_or_counted(attach: Attach) -> None:
    said, heard = Metrics(), Metrics()
    ann, bob = attach(said), attach(heard)
    async with listening(ann), listening(bob) as at_bob:
        for number in range(incoming.MOST + 500):
            ann.publish(b"%d" % number)
        ann.publish(b"end")
        await at_bob.until(b"end")
        dropped = said.backplane_dropped.count + heard.backplane_dropped.count
        assert len(at_bob.payloads) + dropped == incoming.MOST + 501
        # They were thrown away together: what is heard is the last of it, without a gap.
        last = range(dropped, incoming.MOST + 500)
        assert at_bob.payloads == [*(b"%d" % number for number in last), b"end"]


async def test_a_listener_that_stands_still_has_no_end_of_things_waiting(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MOST", 1000)
    heard = Metrics()
    ann, bob = attach(Metrics()), attach(heard)
    async with listening(ann), listening(bob) as at_bob:
        at_bob.has_time = trio.Event()
        said = 0
        with trio.fail_after(30):
            while heard.backplane_dropped.count == 0:
                for _ in range(100):
                    ann.publish(b"%d" % said)
                    said += 1
                await ann.flush()
                while heard.backplane_received.count < said:  # noqa: ASYNC110 - of another task
                    await trio.sleep(0.001)
        assert said <= 1200
        at_bob.has_time.set()
        at_bob.forget()
        ann.publish(b"end")
        await at_bob.until(b"end")
        # It is told that much was missed, and then of nothing that came before.
        assert at_bob.told[0] == IN
        assert len(at_bob.payloads) <= 101
        assert heard.backplane_received.count == said + 1


async def test_bytes_that_wait_are_bounded_too(attach: Attach) -> None:
    heard = Metrics()
    ann, bob = attach(Metrics()), attach(heard)
    async with listening(ann), listening(bob) as at_bob:
        at_bob.has_time = trio.Event()
        with trio.fail_after(30):
            for said in range(1, 20):
                ann.publish(LARGE)
                await ann.flush()
                while heard.backplane_received.count < said:  # noqa: ASYNC110 - of another task
                    await trio.sleep(0.001)
        assert heard.backplane_dropped.count > 0
        at_bob.has_time.set()
        ann.publish(b"end")
        await at_bob.until(IN, b"end")


async def test_what_no_node_would_say_at_once_is_not_heard(attach: Attach) -> None:
    heard = Metrics()
    ann, bob = attach(Metrics()), attach(heard)
    async with listening(ann), listening(bob) as at_bob:
        ann.publish(bytes(incoming.MOST_BYTES_OF_ONE + 1))
        ann.publish(b"end")
        await at_bob.until(b"end")
        assert at_bob.payloads == [b"end"]
        assert heard.backplane_dropped.count == 1


async def test_what_was_published_before_it_runs_is_lost_and_harms_nobody(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(ann) as at_ann:
        bob.publish(b"too soon")
        ann.publish(b"nobody hears this")
        await ann.flush()
        async with listening(bob) as at_bob:
            bob.publish(b"from bob")
            await at_ann.until(b"from bob")
            ann.publish(b"end")
            await at_bob.until(b"end")
            assert at_bob.payloads == [b"end"]
            assert at_ann.payloads == [b"from bob"]


async def test_one_that_is_cancelled_is_gone_and_the_others_go_on(attach: Attach) -> None:
    ann, bob, cleo = (attach(Metrics()) for _ in range(3))
    async with listening(ann), listening(cleo) as at_cleo:
        with trio.fail_after(20):
            async with listening(bob) as at_bob:
                ann.publish(b"1")
                await at_bob.until(b"1")
        bob.publish(b"from the dead")
        ann.publish(b"2")
        await at_cleo.until(b"2")
        assert at_bob.payloads == [b"1"]
        assert b"from the dead" not in at_cleo.payloads


async def test_what_was_flushed_is_heard_though_the_node_ends_then(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(bob) as at_bob:
        async with listening(ann):
            for number in range(100):
                ann.publish(b"%d" % number)
            await ann.flush()
        await at_bob.until(b"99")
        assert len(at_bob.payloads) == 100


async def test_flushing_ends_soon_where_there_is_nobody(attach: Attach) -> None:
    backplane = attach(Metrics())
    backplane.publish(b"1")
    with trio.fail_after(20):
        await backplane.flush()


async def test_a_flush_that_is_cancelled_loses_nothing(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    async with listening(ann), listening(bob) as at_bob:
        ann.publish(b"1")
        with trio.CancelScope(deadline=-math.inf):
            await ann.flush()
        await at_bob.until(b"1")


class DeafError(Exception):
    """What a listener raises."""


class DeafEar(Ear):
    """Cannot hear."""

    def heard_nowait(self, payloads: Sequence[bytes]) -> None:  # noqa: ARG002
        """Let `heard` fail."""
        raise trio.WouldBlock

    async def heard(self, payloads: Sequence[bytes]) -> None:
        """Fail."""
        raise DeafError(payloads)


async def test_a_listener_that_fails_ends_it(attach: Attach) -> None:
    ann, bob = attach(Metrics()), attach(Metrics())
    with pytest.RaisesGroup(DeafError, flatten_subgroups=True):
        async with listening(ann), listening(bob, DeafEar()):
            ann.publish(b"1")
            await trio.sleep_forever()
