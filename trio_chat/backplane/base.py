"""The contract of every backplane.

A backplane carries what nodes tell each other (`trio_chat.cluster.envelope`). It may lose, repeat
and reorder: the store is the truth, and the hub's cursors make up for it. One contract suite in the
tests is run against every implementation.
"""

from collections.abc import Sequence
from typing import Protocol


class Listener(Protocol):
    """Receives what other nodes publish. Never called for what this node publishes itself."""

    def heard_nowait(self, payloads: Sequence[bytes]) -> None:
        """Other nodes have published these, in this order; take all of them at once.

        Raises:
            trio.WouldBlock: The listener has to wait for something first; it has taken nothing.
        """

    async def heard(self, payloads: Sequence[bytes]) -> None:
        """Take the same, but wait while the hub is too busy."""

    async def up(self) -> None:
        """From here on is heard what is published; before, anything may have been missed.

        Called when the backplane is reached for the first time, and each time it is reached again,
        or has had to throw something away.
        """

    async def out_of_reach(self) -> None:
        """Nothing is heard for now, and what is published is lost."""


class Backplane(Protocol):
    """What connects this node to the others.

    Attributes:
        is_shared: Whether there may be other nodes; without, nothing need be published.
        trouble: Why it is out of reach, for people; None while it is well.
    """

    @property
    def is_shared(self) -> bool: ...  # noqa: D102 - see above

    @property
    def last_error(self) -> str | None: ...  # noqa: D102 - see above

    def publish(self, payload: bytes) -> None:
        """Tell all other nodes. Never waits: it is sent as soon as may be, in the order given.

        What cannot be sent soon is thrown away; then, or if it was lost, the listeners of the
        other nodes learn of a gap by themselves, from the numbers in what comes next.
        """

    async def flush(self) -> None:
        """Wait until all that was published has been sent, or has been given up: a second at most.

        A cancellation loses nothing.
        """

    async def run(self, listener: Listener) -> None:
        """Keep in touch with the other nodes until cancelled; an outage never ends it."""
