"""The sockets that the server listens on, and those that it takes over from Trio."""

import socket
from typing import Final

import trio

from trio_chat.checks import bare_host
from trio_chat.errors import StartError
from trio_chat.settings import Settings

# As many connections as may wait to be accepted: a burst of reconnects after a restart. Linux's own
# most is as much; to who comes when it is full, the kernel does not answer for a second.
LISTEN_BACKLOG: Final = 4096


async def listen(settings: Settings) -> list[socket.socket]:
    """Listen on every host, on one port.

    IPv4 and IPv6 each have listeners of their own: a dual-stack socket gives IPv4 addresses in a
    form that neither logs nor proxies write.

    Raises:
        StartError: There is no such host, or one of them cannot be listened on.
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
        port = listeners[0].getsockname()[1]  # where 0 has been asked for, one for all
    return listeners


def url_of(listener: socket.socket, *, secure: bool) -> str:
    """Give the URL under which a listener is reached."""
    host, port, *_ = listener.getsockname()
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
