"""Settings and figures of a node behind nginx."""

import re

from tests.support.raw import Address, RawConnection
from tests.support.requests import Response, plain_head
from tests.support.server import ChatServer

SETTINGS = ("--trusted-proxy", "127.0.0.1")
"""The settings in docs/how-to/install.md: nginx is on this machine."""


def ask(address: Address, target: bytes, *fields: bytes, method: bytes = b"GET") -> Response:
    """Send a request on a new connection, and return the response."""
    with RawConnection(address) as connection:
        connection.push(plain_head(target, method=method, plus=fields))
        return connection.read_response(body=method != b"HEAD")


def connections(node: ChatServer) -> int:
    """Return the number of WebSockets of a node."""
    text = ask(node.address, b"/metrics").body.decode()
    found = re.search(r"^trio_chat_connections (\d+)", text, re.MULTILINE)
    assert found
    return int(found[1])


def variables_of(text: str) -> dict[str, str]:
    """Return the settings that a file has as variables, even in comments."""
    return dict(re.findall(r"^(?:# |ENV | +)?(TRIO_CHAT_\w+)=(.*?)(?: \\)?$", text, re.MULTILINE))
