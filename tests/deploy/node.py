"""A node behind nginx: how it is started, and what it says of itself when it is asked directly."""

import re

from tests.support.raw import Address, RawConnection
from tests.support.requests import Response, plain_head
from tests.support.server import ChatServer

SETTINGS = ("--trusted-proxy", "127.0.0.1")
"""The settings in docs/how-to/install.md: nginx is on this machine."""


def ask(
    address: Address,
    target: bytes,
    *fields: bytes,
    method: bytes = b"GET",
    source: str = "127.0.0.1",
) -> Response:
    """Ask for something over a connection of its own."""
    with RawConnection(address, source=source) as connection:
        connection.push(plain_head(target, method=method, plus=fields))
        return connection.read_response(body=method != b"HEAD")


def connections(node: ChatServer) -> int:
    """How many sockets a node has."""
    text = ask(node.address, b"/metrics").body.decode()
    found = re.search(r"^trio_chat_connections (\d+)", text, re.MULTILINE)
    assert found
    return int(found[1])


def variables_of(text: str) -> dict[str, str]:
    """The settings that a file gives as variables, those that are commented out included."""
    return dict(re.findall(r"^(?:# |ENV | +)?(TRIO_CHAT_\w+)=(.*?)(?: \\)?$", text, re.MULTILINE))
