"""Statements on the leases of nodes. All of them use the clock of the database."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Connection, delete, literal_column, select

from trio_chat.store.sql.schema import nodes
from trio_chat.store.sql.statements import INSERT

MOST_NODES: Final = 1000
"""Maximum other nodes in an answer; a chat has a handful."""

NOW_MS: Final[dict[str, ColumnElement[int]]] = {
    "sqlite": literal_column(
        "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)", BigInteger
    ),
    "postgresql": literal_column(
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", BigInteger
    ),
}


def renew(node: str, seconds: float, connection: Connection) -> Mapping[str, float]:
    """Renew one lease, delete those that have ended, and return the others.

    Returns:
        The remaining seconds of each lease, by node.
    """
    dialect = connection.dialect.name
    now = NOW_MS[dialect]
    expires = now + round(seconds * 1000)
    insert = INSERT[dialect](nodes).values(node=node, expires=expires)
    connection.execute(
        insert.on_conflict_do_update(index_elements=[nodes.c.node], set_={"expires": expires})
    )
    # Two nodes that delete at the same moment must not wait for each other.
    ended = select(nodes.c.node).where(nodes.c.expires <= now).with_for_update(skip_locked=True)
    connection.execute(delete(nodes).where(nodes.c.node.in_(ended)))
    others = select(nodes.c.node, nodes.c.expires - now).where(nodes.c.node != node)
    return {
        other: left / 1000
        for other, left in connection.execute(others.limit(MOST_NODES))
        if type(other) is str and left is not None  # otherwise it is damaged
    }


def end(node: str, connection: Connection) -> None:
    """Delete one lease."""
    connection.execute(delete(nodes).where(nodes.c.node == node))
