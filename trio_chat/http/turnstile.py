"""Lets requests through a few at a time, and addresses in turn.

To read a head, judge it and answer takes a fraction of a millisecond, and 2,000 at once take a
second. Who comes from another address is not to wait for all of them: it waits for as many as there
are other addresses.
"""

from typing import Final

from trio_chat.fair_queue import FairQueue

AT_ONCE: Final = 4
"""Requests in one turn of the loop: a millisecond or two, then chats go on."""


class Turnstile:
    """The queue in front of what is to be done for a request."""

    def __init__(self) -> None:
        self._queue = FairQueue(AT_ONCE)

    async def wait(self, address: str) -> None:
        """Wait for the turn of somebody from this address.

        A cancellation lets the others go on.
        """
        await self._queue.acquire(address)
        self._queue.release()
