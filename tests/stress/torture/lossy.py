"""The server with its log broken on purpose: ``python -m tests.stress.torture.lossy``.

One append in five is said to be committed, and is not. To see that the torture would notice.
"""

import sys
from collections.abc import Sequence
from itertools import count

from trio_chat.cli.app import main
from trio_chat.protocol.events import Draft
from trio_chat.store.base import Commit, Logged, Mark
from trio_chat.store.sql.store import SqlLog

EVERY = 5

_append = SqlLog.append
_numbers = count(1)


async def lose(self: SqlLog, drafts: Sequence[Draft], marks: Sequence[Mark] = ()) -> Commit:
    """Give each draft the number that it would have, and forget it; or append, as a rule."""
    if next(_numbers) % EVERY:
        return await _append(self, drafts, marks)
    stands = await self.stands({draft.room for draft in drafts})
    heads = {room: stand.head for room, stand in stands.items()}
    outcomes = []
    for draft in drafts:
        heads[draft.room] += 1
        outcomes.append(Logged(draft.numbered(heads[draft.room])))
    return Commit(outcomes)


SqlLog.append = lose  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
