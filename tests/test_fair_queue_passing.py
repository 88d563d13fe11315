"""Who is let through when, and in which order."""

from collections import Counter

import trio

from trio_chat.fair_queue import FairQueue

AT_ONCE = 4


async def test_a_single_task_passes_in_the_next_turn() -> None:
    queue = FairQueue(AT_ONCE)
    for _ in range(2 * AT_ONCE):
        with trio.fail_after(1):
            await queue.pass_through("a")


async def test_a_few_tasks_pass_in_each_turn() -> None:
    queue = FairQueue(AT_ONCE)
    through: list[int] = []
    turn = 0

    async def go() -> None:
        await queue.pass_through("a")
        through.append(turn)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(go)
        while len(through) < 100:
            await trio.lowlevel.checkpoint()
            turn += 1
    # In one turn those who count and those who go run in any order, so two may look like one.
    assert max(Counter(through).values()) <= 2 * AT_ONCE
    assert turn <= 100 / AT_ONCE + 3


async def test_a_key_does_not_wait_for_a_burst_of_another() -> None:
    queue = FairQueue(AT_ONCE)
    order: list[str] = []

    async def go(address: str) -> None:
        await queue.pass_through(address)
        order.append(address)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(go, "a")
        await trio.lowlevel.checkpoint()
        nursery.start_soon(go, "b")
        nursery.start_soon(go, "c")
    assert len(order) == 102
    assert order.index("b") < 4 * AT_ONCE
    assert order.index("c") < 4 * AT_ONCE


async def test_two_bursts_take_turns() -> None:
    queue = FairQueue(AT_ONCE)
    order: list[str] = []

    async def go(address: str) -> None:
        await queue.pass_through(address)
        order.append(address)

    async with trio.open_nursery() as nursery:
        for address in ["a"] * 40 + ["b"] * 40:
            nursery.start_soon(go, address)
    # Those that found it free came as they came.
    assert abs(order[AT_ONCE:40].count("a") - order[AT_ONCE:40].count("b")) <= 1


async def test_a_cancelled_task_neither_takes_nor_loses_a_place() -> None:
    queue = FairQueue(AT_ONCE)
    through: list[str] = []

    async def go(address: str, scope: trio.CancelScope) -> None:
        with scope:
            await queue.pass_through(address)
            through.append(address)

    async with trio.open_nursery() as nursery:
        scopes = [trio.CancelScope() for _ in range(50)]
        for number, scope in enumerate(scopes):
            nursery.start_soon(go, f"address {number % 3}", scope)
        for scope in scopes[1::2]:
            scope.cancel()
        await trio.lowlevel.checkpoint()
    assert len(through) == 25
    assert queue._free == AT_ONCE
    assert not queue._waiting
