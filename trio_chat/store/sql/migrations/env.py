"""Runs the migrations on the connection that `migrate` passes, in its transaction."""

from alembic import context

from trio_chat.store.sql.migrate import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
