"""The listening sockets of the server."""

import socket
from typing import Final

import trio

from trio_chat.checks import bare_host
from trio_chat.errors import StartError
from trio_chat.settings import Settings

# Room for a burst of reconnects after a restart, and Linux's own maximum. When the backlog is full,
# the kernel ignores a new client for a second.
LISTEN_BACKLOG: Final = 4096


async def listen(settings: Settings) -> list[socket.socket]:
    """Return listeners for every host, all on one port.

    IPv4 and IPv6 have separate listeners: a dual-stack socket reports IPv4 addresses in a form
    that neither logs nor proxies use.

    Raises:
        StartError: A host does not exist, or the server cannot listen on it.
    """
    listeners: list[socket.socket] = []
    port = settings.port
    for host in map(bare_host, settings.host):
        try:
            opened = await trio.open_tcp_listeners(port, host=host, backlog=LISTEN_BACKLOG)
        except (OSError, UnicodeError) as error:
            for listener in listeners:
                listener.close()
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise StartError(f"cannot listen on {host} port {port}: {reason}") from error
        for one in opened:
            listeners.append(socket.socket(fileno=one.socket.detach()))
            listeners[-1].setblocking(False)  # noqa: FBT003 - the stdlib has it so
        port = listeners[0].getsockname()[1]  # port 0 picks one port for all hosts
    return listeners


def url_of(listener: socket.socket, *, secure: bool) -> str:
    """Return the URL of a listener."""
    host, port, *_ = listener.getsockname()
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
