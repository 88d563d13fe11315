"""The server with its store broken on purpose: ``python -m tests.stress.torture.lossy``.

It reports one append in three as committed and discards it; the torture test must notice.
"""

import sys
from collections.abc import Sequence
from itertools import count

from trio_chat.cli.app import main
from trio_chat.protocol.commands import ReadMarker
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, Stored
from trio_chat.store.sql.store import SqlStore

EVERY = 3

_append = SqlStore.append
_numbers = count(1)


async def lose(self: SqlStore, drafts: Sequence[Draft], marks: Sequence[ReadMarker] = ()) -> Commit:
    """Append the drafts, except every third time: then number and discard them."""
    if next(_numbers) % EVERY:
        return await _append(self, drafts, marks)
    positions = await self.positions({draft.room for draft in drafts})
    heads = {room: position.head for room, position in positions.items()}
    outcomes = []
    for draft in drafts:
        heads[draft.room] += 1
        outcomes.append(Stored(draft.numbered(heads[draft.room])))
    return Commit(outcomes)


SqlStore.append = lose  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
