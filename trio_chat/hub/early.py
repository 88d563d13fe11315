"""A batch that is committed while the last one is delivered: see `trio_chat.hub.hub`."""

from typing import Final

import trio
from attrs import define, field

from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.hub.plan import Plan
from trio_chat.log.base import Commit, Log

LEAST_DRAFTS: Final = 16
"""The last batch must have had so many. With few senders an early commit would split what they send
into two batches, and a large room is cheap because the messages of a batch are joined."""


@define(eq=False)
class Early:
    """A commit that has begun.

    Attributes:
        plan: The batch.
    """

    plan: Plan
    _result: Commit | HistoryReplaced | Outage | None = None
    _begun: trio.Event = field(factory=trio.Event)
    _landed: trio.Event = field(factory=trio.Event)

    async def commit(self, log: Log) -> None:
        """Commit the batch. A task of its own runs this."""
        self._begun.set()  # `wait_begun` returns when this task waits for the store
        try:
            self._result = await log.append(self.plan.drafts, self.plan.marks_to_commit())
        except (HistoryReplaced, Outage) as error:
            self._result = error
        self._landed.set()

    async def wait_begun(self) -> None:
        """Wait until the store has the batch."""
        await self._begun.wait()

    async def wait(self) -> Commit:
        """Wait until it has landed.

        Raises:
            HistoryReplaced: As of `Log.append`.
            Outage: The same.
        """
        await self._landed.wait()
        if isinstance(self._result, Commit):
            return self._result
        assert self._result is not None  # noqa: S101 - it has landed
        raise self._result
