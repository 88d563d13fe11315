"""The contract of every log.

A log keeps the events of each room, numbered 1, 2, 3, … in commit order. What is on it counts as
having happened; nobody is shown an event that is not. One contract suite in the tests is run
against every implementation.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen

from trio_chat.protocol.messages import Draft, Event


@frozen
class Page:
    """A stretch of a room's events.

    Attributes:
        events: In ``seq`` order.
        more: Whether there are further ones in the direction that was read.
    """

    events: tuple[Event, ...]
    more: bool


AppendNow = Callable[[Sequence[Draft]], Sequence[Event]]
"""`Log.append` without waiting: atomic, and never out of reach."""


class Log(Protocol):
    """Where events are kept. Only the hub appends; anybody may read."""

    @property
    def append_now(self) -> AppendNow | None:
        """The same as `append`, of a log that never has to wait; None for any other."""

    async def append(self, drafts: Sequence[Draft]) -> Sequence[Event]:
        """Commit a batch, all or none, and number it.

        Args:
            drafts: In the order they are to have; may be of several rooms.

        Returns:
            The events, in the order of the drafts.

        Raises:
            Outage: The log is out of reach; whether the batch was committed is unknown. The same
                holds after a cancellation.
        """

    async def read_before(self, room: str, before: int, limit: int) -> Page:
        """Read the newest events whose ``seq`` is below a bound; ``more`` means older ones.

        Args:
            room: The room; one that was never heard of is empty.
            before: The bound, exclusive.
            limit: The most events, at least 1.

        Raises:
            Outage: The log is out of reach.
        """

    async def head(self, room: str) -> int:
        """The ``seq`` of the newest event of a room; 0 if there is none.

        Raises:
            Outage: The log is out of reach.
        """

    async def forget(self, room: str) -> None:
        """The room has been empty for an hour: a log that lives in memory lets it go."""
