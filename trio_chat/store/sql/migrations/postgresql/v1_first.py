"""Creates the first tables. `postgres_schema` describes them."""

import sqlalchemy as sa
from alembic import op

revision = "postgresql_1"
down_revision = None
branch_labels = None
depends_on = None

_key = sa.Text(collation="C")


def upgrade() -> None:
    """Create tables and indexes."""
    op.create_table(
        "chat_epochs",
        sa.Column("only", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("replaced", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "chat_rooms",
        sa.Column("room", _key, primary_key=True),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "chat_events",
        sa.Column("room", _key, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", _key, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("username", sa.Text),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("device", sa.Text),
        sa.Column("target", sa.BigInteger),
        sa.Column("text_seq", sa.BigInteger),
    )
    op.create_index("chat_events_id", "chat_events", ["id"], unique=True)
    op.create_table(
        "chat_texts",
        sa.Column("room", _key, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "chat_refs",
        sa.Column("ref", sa.LargeBinary, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("ts", sa.BigInteger, nullable=False),
    )
    op.create_index("chat_refs_ts", "chat_refs", ["ts"])
    op.create_table(
        "chat_marks",
        sa.Column("room", _key, primary_key=True),
        sa.Column("reader", _key, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "chat_nodes",
        sa.Column("node", _key, primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
