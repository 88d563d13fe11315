"""What runs in the server's process: it is forked from one that has imported everything.

Starting Python and importing takes six times as long as starting the server; a start from nothing
is what the tests in `tests.blackbox` do.
"""

import os
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from unittest.mock import patch

PRELOADED = ("trio_chat.cli.commands", "trio_chat.server", "trio_chat.store.sql.opened")


GRACE_SECONDS = 60.0
"""The time to come back, of a connection and of a node's users. The unit tests hold it to 5 s on a
clock of their own. Here a page that is loaded again, or comes back, must not have to hurry."""


def _give_time() -> None:
    from trio_chat.hub import attendance, node  # noqa: PLC0415 - as below

    patch.multiple(attendance, GRACE_SECONDS=GRACE_SECONDS).start()
    patch.multiple(node, BYE_SECONDS=GRACE_SECONDS).start()


def serve(
    settings: tuple[str, ...], environment: Mapping[str, str], said: Connection, store: str
) -> None:
    """Be the server.

    Args:
        settings: Flags.
        environment: Instead of that of the process it is forked from.
        said: Where what it says on stdout goes.
        store: Name of the file where its stderr goes.
    """
    os.dup2(said.fileno(), sys.stdout.fileno())
    said.close()
    with open(store, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not needed for more
        os.dup2(file.fileno(), sys.stderr.fileno())
    os.environ.clear()
    os.environ.update(environment)
    from trio_chat.cli.app import main  # noqa: PLC0415 - where this is unpickled it is there

    _give_time()
    sys.exit(main(settings))
