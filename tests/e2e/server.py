"""The server that a page talks to."""

from pathlib import Path
from unittest.mock import patch

from tests.support.restartable import RestartableServer

GRACE_SECONDS = 60.0
"""How long the server waits for a connection or a node's users to come back, so that no page has to
hurry on a busy machine. The unit tests hold it to 5 s on a clock of their own."""


class ChatServer(RestartableServer):
    """A server that waits `GRACE_SECONDS`.

    Args:
        stderr: The file to which its standard error is appended.
        settings: Flags besides the port.
    """

    def __init__(self, stderr: Path, *settings: str) -> None:
        super().__init__(stderr, *settings, prepare=give_time)


def give_time() -> None:
    """Let the server in this process wait so long."""
    from trio_chat.cluster import node  # noqa: PLC0415 - only the server's process needs it
    from trio_chat.hub import users  # noqa: PLC0415 - as above

    patch.multiple(users, GRACE_SECONDS=GRACE_SECONDS).start()
    patch.multiple(node, LEAVING_SECONDS=GRACE_SECONDS).start()
