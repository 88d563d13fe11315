"""Lets requests through a few at a time, and addresses in turn.

To read a head, judge it and answer takes a fraction of a millisecond, and 2,000 at once take a
second. Who comes from another address is not to wait for all of them: it waits for as many as there
are other addresses.
"""

from collections import OrderedDict
from typing import Final

import trio

AT_ONCE: Final = 4
"""Requests in one turn of the loop: a millisecond or two, then chats go on."""


class Turnstile:
    """The queue in front of what is to be done for a request."""

    def __init__(self) -> None:
        self._free = AT_ONCE
        # By address, in the order of their turns; of each, in the order in which they came.
        self._waiting: OrderedDict[str, dict[trio.lowlevel.Task, None]] = OrderedDict()

    async def wait(self, address: str) -> None:
        """Wait for the turn of somebody from this address.

        A cancellation lets the others go on.
        """
        if not self._free:
            await self._queue(address)
            self._let_next()
            return
        self._free -= 1
        try:
            # Whoever else can run now sees that the place is taken.
            await trio.lowlevel.checkpoint()
        finally:
            self._let_next()

    async def _queue(self, address: str) -> None:
        task = trio.lowlevel.current_task()
        self._waiting.setdefault(address, {})[task] = None

        def abort(_: object) -> trio.lowlevel.Abort:
            self._take(address, task)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _take(self, address: str, task: trio.lowlevel.Task) -> None:
        queue = self._waiting[address]
        del queue[task]
        if not queue:
            del self._waiting[address]

    def _let_next(self) -> None:
        """Give a place that is free to the next address; it is taken when that one runs."""
        if not self._waiting:
            self._free += 1
            return
        address, queue = next(iter(self._waiting.items()))
        self._waiting.move_to_end(address)
        task = next(iter(queue))
        self._take(address, task)
        trio.lowlevel.reschedule(task)
