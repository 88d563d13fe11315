"""The server that a page talks to."""

from pathlib import Path
from unittest.mock import patch
from urllib.request import Request, urlopen

from tests.support.ports import free_port
from tests.support.server import ChatServer
from tests.support.waiting import eventually

GRACE_SECONDS = 60.0
"""How long the server waits for a connection or a node's users to come back, so that no page has to
hurry on a busy machine. The unit tests hold it to 5 s on a clock of their own."""


def serving(stderr: Path, *settings: str) -> ChatServer:
    """Return a server, not yet started, that waits `GRACE_SECONDS` and keeps its port."""
    return ChatServer(*settings, stderr=stderr, port=free_port(), prepare=give_time)


def serving_brotli(stderr: Path, *settings: str) -> ChatServer:
    """Return a server that compresses its pages with brotli at once."""
    return ChatServer(*settings, stderr=stderr, port=free_port(), prepare=hurry_brotli)


def hurry_brotli() -> None:
    """Let the server in this process wait for nothing before that."""
    from trio_chat.http import static  # noqa: PLC0415 - as in `give_time`

    patch.object(static, "BROTLI_AFTER_SECONDS", 0).start()
    give_time()


def wait_for_brotli(server: ChatServer) -> None:
    """Wait until a server of `serving_brotli` has compressed its pages."""
    asked = Request(server.page("/"), headers={"Accept-Encoding": "br"})

    def has_brotli() -> bool:
        with urlopen(asked) as answer:
            return bool(answer.headers["Content-Encoding"] == "br")

    eventually(has_brotli, "the page comes in brotli")


def give_time() -> None:
    """Let the server in this process wait so long."""
    from trio_chat.cluster import node  # noqa: PLC0415 - only the server's process needs it
    from trio_chat.hub import users  # noqa: PLC0415 - as above

    patch.multiple(users, GRACE_SECONDS=GRACE_SECONDS).start()
    patch.multiple(node, LEAVING_SECONDS=GRACE_SECONDS).start()
