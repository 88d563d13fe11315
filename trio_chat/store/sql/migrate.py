"""The tables are made, and brought up to date, when a store is opened."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from trio_chat.errors import StartError
from trio_chat.store.epoch import random_epoch
from trio_chat.store.sql.rows import is_epoch
from trio_chat.store.sql.statements import EPOCH, REPLACE_DAMAGED_EPOCH, inserts

VERSION_TABLE: Final = "chat_version"
"""Where the database says how far its tables are; a name that no other application has."""

_SCRIPTS: Final = Path(__file__).with_name("migrations")

_UNRELEASED: Final = {"0001", "0002", "0003", "0004"}
"""Tables from before the first release. No step leads from them to those of today."""


def migrate(connection: Connection, shown: str) -> str:
    """Bring the tables up to date, within the transaction that has begun on this connection.

    Whoever calls sees to it that nobody else does the same at the same time.

    Args:
        connection: To the database.
        shown: What the store is called in messages.

    Returns:
        The epoch of the store; it begins with the tables.

    Raises:
        StartError: As `refuse_foreign`.
    """
    config, scripts = _scripts(connection.dialect.name)
    config.attributes["connection"] = connection
    if refuse_foreign(connection, shown) != scripts.get_current_head():
        command.upgrade(config, "head")
    connection.execute(inserts(connection.dialect.name).epoch, {"only": 1, "epoch": random_epoch()})
    if not is_epoch(connection.execute(EPOCH).scalar_one()):
        # Nobody knows which history it is.
        connection.execute(REPLACE_DAMAGED_EPOCH, {"new": random_epoch()})
    epoch: str = connection.execute(EPOCH).scalar_one()
    return epoch


def refuse_foreign(connection: Connection, shown: str) -> str | None:
    """Check that a database is a store that this version can use, and change nothing.

    Args:
        connection: To the database.
        shown: What the store is called in messages.

    Returns:
        The revision of its tables; None if it has none yet.

    Raises:
        StartError: The tables are of a newer version than this, or of one that was never
            released, or not ours at all.
    """
    _, scripts = _scripts(connection.dialect.name)
    options = {"version_table": VERSION_TABLE}
    found = MigrationContext.configure(connection, opts=options).get_current_heads()
    known = {script.revision for script in scripts.walk_revisions()}
    if set(found) & _UNRELEASED:
        raise StartError(
            f"an early development version of trio_chat wrote the store {shown}; it cannot be "
            "upgraded: start with a new file or an empty database"
        )
    if set(found) - known:
        raise StartError(
            f"the store {shown} was written by a newer trio_chat (its tables are at "
            f"{', '.join(sorted(found))}, this one knows {scripts.get_current_head()})"
        )
    if not found and connection.dialect.name == "sqlite" and inspect(connection).get_table_names():
        raise StartError(f"the store {shown} is a database of something else")
    return found[0] if found else None


def _scripts(dialect: str) -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(_SCRIPTS / dialect).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)
