"""Which web pages may open a socket here (docs/reference/http.md).

Browsers let any page open a WebSocket to any host, with the host's cookies; the ``Origin`` is what
tells ours from another's. Programs that are no browsers send none, and could send any.
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
    """Whether a page of this origin may open a socket.

    Args:
        origin: The ``Origin`` field; None if there is none, which is allowed.
        host: The ``Host`` field, perhaps with a port.
        scheme: ``http`` or ``https``: how the client came to us.
        allowed: Further origins, e.g. ``https://chat.example.org``; ``*`` stands for any.
        server_names: What we are called, in lower case, without a port; empty for anything. A page
            under any other name is foreign, also if that name leads here: its owner can see to that
            whenever he likes (DNS rebinding), and ``Host`` then equals ``Origin``.

    ``null`` is never allowed, not even by ``*``: it is what a sandboxed frame of anybody sends.
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
    """Scheme, host and port, the port filled in where it is the scheme's own."""
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
