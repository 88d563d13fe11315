"""Puts a client's requests into the hub's inbox."""

import trio

from trio_chat.protocol.membership import Request, Requests
from trio_chat.websocket.connection import Connection


async def send_request(inbox: Requests, connection: Connection, request: Request) -> None:
    """Put a request into the hub's inbox; a full one makes this client wait, and no other.

    A cancellation while it waits means that the hub does not receive the request.

    Args:
        inbox: The hub's.
        connection: The client's: while it waits, its silence is not the client's fault.
        request: What the client asks for.

    Raises:
        trio.BrokenResourceError: The hub has ended.
    """
    try:
        inbox.send_nowait(request)
    except trio.WouldBlock:
        with connection.server_is_slow():
            await inbox.send(request)
