"""When the newest event of each room happened, so that no later one is earlier."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and fill it in."""
    op.add_column(
        "chat_rooms", sa.Column("ts", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    )
    op.execute(
        "UPDATE chat_rooms SET ts = coalesce((SELECT e.ts FROM chat_events AS e "
        "WHERE e.room = chat_rooms.room AND e.seq = chat_rooms.head), 0)"
    )
