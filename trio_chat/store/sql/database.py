"""An open database of either engine: `opened` makes one, and the store uses it."""

from collections.abc import Callable

from attrs import frozen
from sqlalchemy import Connection, Engine

from trio_chat.store.sql.batch import Transact
from trio_chat.store.sql.highwater import HighWaterMark
from trio_chat.store.sql.identity import Identity
from trio_chat.store.sql.size import Size
from trio_chat.store.sql.statements import Quiet, Reads


@frozen
class Database:
    """An open database.

    Attributes:
        writer: Has the one connection that appends.
        readers: Has those that read.
        transact: Has a batch done in a transaction, on the connection that appends.
        reads: What readers ask it.
        quiet: What the pruning of quiet rooms asks it.
        forget_refs: Forgets some of the refs that have expired, within a transaction, and saves
            their clock; returns whether there may be more.
        identity: The history that the database holds.
        former_epoch: The epoch of the history that was there before; the same if it is that one.
        mark: The high-water mark beside it, if it is a file.
        check_file: Raises `Outage` if the database is not the opened one any more. The log calls it
            in a thread, before and after each transaction and before each reading. A batch that
            follows another within `CHECK_HOLDS_SECONDS` has it called only afterwards.
        measure: Says how large the database is; called in a thread. Raises `Outage`.
    """

    writer: Engine
    readers: Engine
    transact: Transact
    reads: Reads
    quiet: Quiet
    forget_refs: Callable[[Connection], bool]
    identity: Identity
    former_epoch: str
    mark: HighWaterMark | None = None
    check_file: Callable[[], None] = lambda: None
    measure: Callable[[], Size] = lambda: Size(0)
