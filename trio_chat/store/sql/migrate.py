"""Creates and upgrades the tables when the server opens a store.

Each release upgrades the database of every earlier one in one transaction
(docs/reference/compatibility.md).
"""

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
"""The table that holds the revision of the tables. No other application uses this name."""

_SCRIPTS: Final = Path(__file__).with_name("migrations")

_UNRELEASED: Final = {"0001", "0002", "0003", "0004"}
"""Revisions from before the first release. No migration leads from them to the present tables."""


def migrate(connection: Connection, name: str) -> str:
    """Upgrade the tables, and return the epoch of the history; a new database gets one.

    Everything happens in the transaction that has begun on the connection: if a migration fails,
    roll it back, and the database is as it was. The caller makes sure that no other process
    migrates the same database meanwhile.

    Args:
        connection: To the database, with a transaction.
        name: The name of the store in messages.

    Raises:
        StartError: As `refuse_foreign`.
        SQLAlchemyError: A migration fails.
    """
    config, scripts = _scripts(connection.dialect.name)
    config.attributes["connection"] = connection
    if refuse_foreign(connection, name) != scripts.get_current_head():
        command.upgrade(config, "head")
    connection.execute(inserts(connection.dialect.name).epoch, {"only": 1, "epoch": random_epoch()})
    if not is_epoch(connection.execute(EPOCH).scalar_one()):
        # A damaged epoch does not identify the history.
        connection.execute(REPLACE_DAMAGED_EPOCH, {"new": random_epoch()})
    epoch: str = connection.execute(EPOCH).scalar_one()
    return epoch


def refuse_foreign(connection: Connection, name: str) -> str | None:
    """Return the revision of the tables, or None if the database has none; change nothing.

    Args:
        connection: To the database.
        name: The name of the store in messages.

    Raises:
        StartError: This version cannot use the tables: a newer version or a development version
            wrote them, or another application.
    """
    _, scripts = _scripts(connection.dialect.name)
    options = {"version_table": VERSION_TABLE}
    found = MigrationContext.configure(connection, opts=options).get_current_heads()
    known = {script.revision for script in scripts.walk_revisions()}
    if set(found) & _UNRELEASED:
        raise StartError(
            f"a development version of trio_chat wrote the store {name}; it cannot be "
            "upgraded: start with a new file or an empty database"
        )
    if set(found) - known:
        raise StartError(
            f"the store {name} was written by a newer trio_chat (its tables are at "
            f"{', '.join(sorted(found))}, this version knows {scripts.get_current_head()}): "
            "install that version, or restore a backup from before its upgrade"
        )
    if not found and connection.dialect.name == "sqlite" and inspect(connection).get_table_names():
        raise StartError(f"the store {name} is a database of something else")
    return found[0] if found else None


def _scripts(dialect: str) -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(_SCRIPTS / dialect).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)
