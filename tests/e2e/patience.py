"""Time to come back for pages that are loaded again on a busy machine."""

from unittest.mock import patch

GRACE_SECONDS = 60.0
"""How long the server waits for a connection or a node's users to come back. The unit tests hold it
to 5 s on a clock of their own."""


def give_time() -> None:
    """Let the server in this process wait so long."""
    from trio_chat.cluster import node, presence  # noqa: PLC0415 - only the server's process needs it

    patch.multiple(presence, GRACE_SECONDS=GRACE_SECONDS).start()
    patch.multiple(node, BYE_SECONDS=GRACE_SECONDS).start()
