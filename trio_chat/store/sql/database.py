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
        writer: The engine of the connection that appends.
        readers: The engine of the connections that read.
        transact: Commits a batch in a transaction, on the connection that appends.
        reads: The statements that read.
        quiet: The statements that prune quiet rooms.
        forget_refs: Deletes some expired refs within a transaction, and saves their clock; returns
            whether more may exist.
        identity: The present history of the database.
        former_epoch: The epoch of the history at the last start; the present one if it is the same.
        mark: The high-water mark beside an SQLite file; otherwise None.
        check_file: Raises `Outage` if the database is no longer the opened one. The store calls it
            in a thread, before and after each transaction and before each read. For a batch that
            follows another within `CHECK_HOLDS_SECONDS`, it only calls it afterwards.
        measure: Returns the size of the database, in a thread. Raises `Outage`.
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
