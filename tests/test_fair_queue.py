"""Few tasks run at a time, keys take turns, and no key has more than its share."""

from collections import Counter

import trio
import trio.testing

from trio_chat.fair_queue import FairQueue, Shares

AT_ONCE = 4


async def test_places_are_limited_and_keys_take_turns(nursery: trio.Nursery) -> None:
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


async def test_a_single_task_passes_in_the_next_turn() -> None:
    queue = FairQueue(AT_ONCE)
    for _ in range(2 * AT_ONCE):
        with trio.fail_after(1):
            await queue.pass_through("a")


class Passing:
    """Tasks that pass through a queue, and the order in which they did."""

    def __init__(self) -> None:
        self.queue = FairQueue(AT_ONCE)
        self.order: list[str] = []

    async def go(self, address: str) -> None:
        await self.queue.pass_through(address)
        self.order.append(address)


async def test_a_few_tasks_pass_in_each_turn() -> None:
    passing = Passing()
    passed: list[int] = []
    turns = 0
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(passing.go, "a")
        while len(passing.order) < 100:
            await trio.lowlevel.checkpoint()
            passed += [turns] * (len(passing.order) - len(passed))
            turns += 1
    # Tasks and the test run in any order in a turn, so two turns may look like one.
    assert max(Counter(passed).values()) <= 2 * AT_ONCE
    assert turns <= 100 / AT_ONCE + 3


async def test_a_key_does_not_wait_for_a_burst_of_another() -> None:
    passing = Passing()
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(passing.go, "a")
        await trio.lowlevel.checkpoint()
        nursery.start_soon(passing.go, "b")
        nursery.start_soon(passing.go, "c")
    assert len(passing.order) == 102
    assert max(passing.order.index("b"), passing.order.index("c")) < 4 * AT_ONCE


async def test_two_bursts_take_turns() -> None:
    passing = Passing()
    async with trio.open_nursery() as nursery:
        for address in ["a"] * 40 + ["b"] * 40:
            nursery.start_soon(passing.go, address)
    # The first tasks found the queue free.
    turns = Counter(passing.order[AT_ONCE:40])
    assert abs(turns["a"] - turns["b"]) <= 1


async def test_a_cancelled_task_neither_takes_nor_loses_a_place() -> None:
    passing = Passing()

    async def go(address: str, scope: trio.CancelScope) -> None:
        with scope:
            await passing.go(address)

    async with trio.open_nursery() as nursery:
        scopes = [trio.CancelScope() for _ in range(50)]
        for number, scope in enumerate(scopes):
            nursery.start_soon(go, f"address {number % 3}", scope)
        for scope in scopes[1::2]:
            scope.cancel()
        await trio.lowlevel.checkpoint()
    assert len(passing.order) == 25
    assert passing.queue._free == AT_ONCE
    assert not passing.queue._waiting


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
