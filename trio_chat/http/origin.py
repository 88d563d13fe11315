"""The check of a web page's origin (docs/reference/http.md).

Browsers let any page open a WebSocket to any host, with the host's cookies. The ``Origin``
distinguishes our pages from others. Programs send none, and could send any.
"""

import re
from collections.abc import Collection
from typing import Final

_ORIGIN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9a-f:.]+\]|[^/:?#@\[\]\s]+)(?::(?P<port>[0-9]+))?"
)
_HOST: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>[0-9]*))?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def origin_allowed(
    origin: bytes | None,
    host: bytes,
    scheme: str,
    allowed: Collection[str],
    server_names: Collection[str] = (),
) -> bool:
    """Return whether a page of this origin may open a socket.

    The origin ``null`` is never allowed, not even by ``*``: any sandboxed frame sends it.

    Args:
        origin: The ``Origin`` field; None without one, which is allowed.
        host: The ``Host`` field, with or without a port.
        scheme: The client's scheme, ``http`` or ``https``.
        allowed: Further origins, e.g. ``https://chat.example.org``; ``*`` for any.
        server_names: The names of this server, in lower case, without a port; empty for any. A
            page under another name is foreign, even if the name resolves to this server: the owner
            of a name can arrange that (DNS rebinding), and ``Host`` then equals ``Origin``.
    """
    if origin is None:
        return True
    text = origin.decode("latin-1").lower()
    if text == "null":
        return False
    if "*" in allowed:
        return True
    theirs = _parse(text)
    if theirs is None:
        return False
    is_own = theirs == _own(host, scheme) and (not server_names or theirs[1] in server_names)
    return is_own or any(_parse(entry.lower()) == theirs for entry in allowed)


def _parse(origin: str) -> tuple[str, str, str] | None:
    """Return scheme, host and port; the port defaults to the scheme's."""
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return None
    scheme, host, port = match["scheme"], match["host"], match["port"]
    return scheme, host, port or _DEFAULT_PORTS.get(scheme, "")


def _own(host: bytes, scheme: str) -> tuple[str, str, str] | None:
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    if match is None:
        return None
    return scheme, match["host"], match["port"] or _DEFAULT_PORTS[scheme]
