"""The contract of every backplane.

A backplane carries the envelopes of the nodes (`trio_chat.cluster.envelope`). It may lose, repeat
and reorder them: the store has the truth, and the hub's cursors close the gaps. One contract suite
in the tests runs against every implementation.
"""

from collections.abc import Sequence
from typing import Protocol


class Listener(Protocol):
    """Receives the payloads that other nodes publish, never those of this node."""

    def receive_nowait(self, payloads: Sequence[bytes]) -> None:
        """Accept payloads, in the order of publishing, without waiting.

        Raises:
            trio.WouldBlock: The listener has to wait first; it accepted none of them.
        """

    async def receive(self, payloads: Sequence[bytes]) -> None:
        """Accept payloads, and wait while the hub is busy."""

    async def up(self) -> None:
        """Note that the node receives all payloads from now on; earlier ones may be missing.

        The backplane calls it after each connect, and after it dropped received payloads.
        """

    async def down(self) -> None:
        """Note that the node receives nothing, and that published payloads are lost."""


class Backplane(Protocol):
    """Connects this node to the other nodes.

    Attributes:
        is_shared: Whether other nodes may exist. Otherwise the node need not publish.
        last_error: Why the backplane is down, for people; None while it is up.
    """

    @property
    def is_shared(self) -> bool: ...  # noqa: D102 - see above

    @property
    def last_error(self) -> str | None: ...  # noqa: D102 - see above

    def publish(self, payload: bytes) -> None:
        """Send a payload to all other nodes, in order, without waiting.

        The backplane drops a payload that it cannot send soon. The other nodes detect a lost
        payload by the numbers in the following ones.
        """

    async def flush(self) -> None:
        """Wait at most a second, until each published payload is sent or dropped.

        A cancellation loses nothing.
        """

    async def run(self, listener: Listener) -> None:
        """Receive from the other nodes until cancelled; an outage never ends it."""
