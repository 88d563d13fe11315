"""The inbox: when it says that the hub is idle. Its bounds are held by the tests of turns."""

import pytest
import trio
import trio.testing

from trio_chat.hub.inbox import INBOX_REQUESTS, Inbox
from trio_chat.protocol.membership import Request, Tick


async def deal(inbox: Inbox, taken: list[list[Request]], gate: trio.Event) -> None:
    """Be a hub that takes its time over each batch."""
    with inbox:
        while True:
            taken.append(await inbox.take())
            await gate.wait()


def idle(inbox: Inbox) -> bool:
    """What it says just now."""
    return inbox.is_idle


async def test_it_is_idle_only_while_the_hub_waits_and_nothing_is_on_its_way() -> None:
    inbox, taken, gate = Inbox(), list[list[Request]](), trio.Event()
    assert not idle(inbox)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deal, inbox, taken, gate)
        await trio.testing.wait_all_tasks_blocked()
        assert idle(inbox)
        inbox.send_nowait(Tick())
        assert not idle(inbox)  # it is on its way
        await trio.testing.wait_all_tasks_blocked()
        assert not idle(inbox)  # it is being dealt with
        await inbox.send(Tick())
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert idle(inbox)
        assert taken == [[Tick()], [Tick()]]
        nursery.cancel_scope.cancel()
    assert not idle(inbox)


async def test_a_request_that_had_to_wait_for_room_is_on_its_way_too() -> None:
    inbox, taken, gate = Inbox(), list[list[Request]](), trio.Event()
    gate.set()
    for _ in range(INBOX_REQUESTS):
        inbox.send_nowait(Tick())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.send, Tick())
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(deal, inbox, taken, gate)
        await trio.testing.wait_all_tasks_blocked()
        assert idle(inbox)
        assert sum(map(len, taken)) == INBOX_REQUESTS + 1
        nursery.cancel_scope.cancel()


async def test_a_hub_that_finds_something_lets_others_have_a_turn_all_the_same() -> None:
    inbox = Inbox()
    inbox.send_nowait(Tick())
    with trio.testing.assert_checkpoints():
        assert await inbox.take() == [Tick()]


async def test_a_cancelled_hub_takes_nothing() -> None:
    inbox = Inbox()
    inbox.send_nowait(Tick())
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.take()
    assert scope.cancelled_caught
    assert await inbox.take() == [Tick()]


async def test_there_is_no_way_in_when_the_hub_has_gone() -> None:
    inbox = Inbox()
    with inbox:
        pass
    with pytest.raises(trio.BrokenResourceError):
        inbox.send_nowait(Tick())
    with pytest.raises(trio.BrokenResourceError):
        await inbox.send(Tick())
