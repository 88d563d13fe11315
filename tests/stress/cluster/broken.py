"""Peers that are broken on purpose: ``python -m tests.stress.cluster.broken HOW …``.

To see that a trial finds it out, and, of one that dies, that the others make up for it.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from attrs import evolve

from trio_chat.cli.app import main
from trio_chat.cluster.envelope import EventsStored, NodeMessage
from trio_chat.cluster.peers import Peers
from trio_chat.cluster.positions import Positions
from trio_chat.hub.heads import Heads
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, ReadMarker
from trio_chat.store.sql.store import SqlStore

LAST_WORDS = "these are my last words"


def be_deaf() -> None:
    """Hear nothing of other nodes, and never read in the store what they have said."""

    def ignore(*_: object) -> None:
        pass

    Positions.receive = ignore  # type: ignore[assignment, method-assign]
    Heads.fall_behind = ignore  # type: ignore[assignment, method-assign]


def be_forgetful() -> None:
    """Take each repeat for something new."""
    append = SqlStore.append

    async def forget(
        self: SqlStore, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()
    ) -> Commit:
        return await append(self, [evolve(draft, ref=None) for draft in drafts], marks)

    SqlStore.append = forget  # type: ignore[method-assign]


def be_mortal() -> None:
    """Die when somebody says `LAST_WORDS`: they are on the store, and nobody has been told."""
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
    """What Python runs instead of the server."""
    return "-m", "tests.stress.cluster.broken", how


if __name__ == "__main__":
    HOW[sys.argv.pop(1)]()
    sys.exit(main())
