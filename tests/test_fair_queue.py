"""Places for few at a time: keys take turns, and no key has more than its share."""

import trio
import trio.testing

from trio_chat.fair_queue import FairQueue, Shares


async def test_places_are_limited_and_keys_take_turns(
    nursery: trio.Nursery,
) -> None:
    queue = FairQueue(2)
    order: list[str] = []
    gates = [trio.Event() for _ in range(8)]

    async def have(key: str, gate: trio.Event) -> None:
        async with queue.place(key):
            order.append(key)
            await gate.wait()

    for key, gate in zip("aaaaaabc", gates, strict=True):
        nursery.start_soon(have, key, gate)
        await trio.testing.wait_all_tasks_blocked()
    assert order == ["a", "a"]
    for gate in gates:
        gate.set()
    await trio.testing.wait_all_tasks_blocked()
    # Those that get a place in one turn of the loop run in any order.
    assert sorted(order[2:4]) == ["a", "b"]
    assert sorted(order[4:6]) == ["a", "c"]


async def test_a_cancelled_task_takes_no_place() -> None:
    queue = FairQueue(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await queue.acquire("a")
    with trio.fail_after(1):
        async with queue.place("b"):
            pass


async def test_a_place_is_released_after_an_exception() -> None:
    queue = FairQueue(1)
    for _ in range(2):
        with trio.CancelScope() as scope:
            async with queue.place("a"):
                scope.cancel()
                await trio.lowlevel.checkpoint()
    with trio.fail_after(1):
        await queue.acquire("b")


async def test_each_key_has_its_own_shares(nursery: trio.Nursery) -> None:
    shares = Shares(2)
    order: list[str] = []
    gate = trio.Event()

    async def have(key: str) -> None:
        async with shares.share(key):
            order.append(key)
            await gate.wait()

    for key in "aaab":
        nursery.start_soon(have, key)
        await trio.testing.wait_all_tasks_blocked()
    assert order == ["a", "a", "b"]
    assert (shares.waiting("a"), shares.waiting("b"), shares.waiting("c")) == (1, 0, 0)
    gate.set()
    await trio.testing.wait_all_tasks_blocked()
    assert order == ["a", "a", "b", "a"]
    assert shares.waiting("a") == 0
    assert not shares._semaphores
