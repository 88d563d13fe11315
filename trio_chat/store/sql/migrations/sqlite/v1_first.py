"""Creates the first tables. `sqlite_schema` describes them."""

import sqlalchemy as sa
from alembic import op

revision = "sqlite_1"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create tables and indexes."""
    op.create_table(
        "chat_epochs",
        sa.Column("only", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("replaced", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "chat_events",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("room", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("username", sa.Text),
        sa.Column("ts", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text),
        sa.Column("device", sa.Text),
        sa.Column("target", sa.BigInteger),
        sa.Column("text_n", sa.BigInteger),
        sa.Column("ref", sa.LargeBinary),
        sa.Column("fingerprint", sa.LargeBinary),
        sa.Column("ref_time", sa.BigInteger),
    )
    op.create_index("chat_events_seq", "chat_events", ["room", "seq"], unique=True)
    op.create_index("chat_events_id", "chat_events", ["id"], unique=True)
    op.create_index(
        "chat_events_ref",
        "chat_events",
        ["ref"],
        unique=True,
        sqlite_where=sa.text("ref IS NOT NULL"),
    )
    op.create_table(
        "chat_texts",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "chat_marks",
        sa.Column("room", sa.Text, primary_key=True),
        sa.Column("reader", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chat_nodes",
        sa.Column("node", sa.Text, primary_key=True),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
