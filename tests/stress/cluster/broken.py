"""Nodes broken on purpose: ``python -m tests.stress.cluster.broken HOW …``.

A trial must detect them, and the other nodes must make up for one that dies.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from attrs import evolve

from trio_chat.cli.app import main
from trio_chat.cluster.envelope import EventsStored, NodeMessage
from trio_chat.cluster.heads import ClusterHeads
from trio_chat.cluster.peers import Peers
from trio_chat.hub.heads import Heads
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit
from trio_chat.store.sql.store import SqlStore

LAST_WORDS = "these are my last words"


def be_deaf() -> None:
    """Ignore the messages of other nodes, and never read their events in the store."""

    def ignore(*_: object) -> None:
        pass

    ClusterHeads.receive = ignore  # type: ignore[assignment, method-assign]
    Heads.fall_behind = ignore  # type: ignore[assignment, method-assign]


def be_forgetful() -> None:
    """Store each repeat as a new message."""
    append = SqlStore.append

    async def forget(
        self: SqlStore, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()
    ) -> Commit:
        return await append(self, [evolve(draft, ref=None) for draft in drafts], marks)

    SqlStore.append = forget  # type: ignore[method-assign]


def be_mortal() -> None:
    """Die after storing the message `LAST_WORDS`, before publishing it."""
    publish = Peers.publish

    def die(self: Peers, messages: Sequence[NodeMessage]) -> None:
        events = [
            event for one in messages if isinstance(one, EventsStored) for event in one.events
        ]
        if any(event.message == LAST_WORDS for event in events):
            os.kill(os.getpid(), signal.SIGKILL)
        publish(self, messages)

    Peers.publish = die  # type: ignore[method-assign]


HOW: dict[str, Callable[[], None]] = {
    "deaf": be_deaf,
    "forgetful": be_forgetful,
    "mortal": be_mortal,
}


def program(how: str) -> tuple[str, ...]:
    """Return the arguments of Python that run a broken node."""
    return "-m", "tests.stress.cluster.broken", how


if __name__ == "__main__":
    HOW[sys.argv.pop(1)]()
    sys.exit(main())
