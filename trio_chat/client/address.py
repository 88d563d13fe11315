"""The address of a server, from its URL."""

import ssl
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

_IS_SECURE: Final = {"ws": False, "http": False, "wss": True, "https": True}


@frozen
class Address:
    """The address of a server.

    Attributes:
        host: A name or an address.
        port: The port.
        target: Path and query.
        ssl_context: The trusted certificates; None without TLS.
    """

    host: str
    port: int
    target: str
    ssl_context: ssl.SSLContext | None

    @property
    def authority(self) -> str:
        """The value of ``Host``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(url: str, ssl_context: ssl.SSLContext | None = None) -> Address:
    """Parse a URL; ``http`` stands for ``ws``, an empty path for ``/ws``.

    Raises:
        ValueError: The URL cannot lead to a chat.
    """
    # `urlsplit` removes some of these silently, and others would reach the request.
    if any(character <= " " or character == "\x7f" for character in url):
        raise ValueError(f"{url!r} has a blank or a control character in it")
    parts = urlsplit(url)
    if parts.scheme not in _IS_SECURE or not parts.hostname:
        raise ValueError(f"{url!r} is not a ws:, wss:, http: or https: URL")
    if parts.username is not None:
        raise ValueError("a URL with a user or a password in it: the server takes tokens only")
    is_secure = _IS_SECURE[parts.scheme]
    if ssl_context is not None and not is_secure:
        raise ValueError(f"{url!r} is without TLS, so an ssl_context is of no use")
    if is_secure and ssl_context is None:
        ssl_context = ssl.create_default_context()
    target = "/ws" if parts.path in {"", "/"} else parts.path
    if parts.query:
        target += f"?{parts.query}"
    if not target.isascii():
        raise ValueError(f"{url!r} has a path that is not percent-encoded")
    port = (443 if is_secure else 80) if parts.port is None else parts.port
    return Address(_ascii_host(parts.hostname), port, target, ssl_context)


def _ascii_host(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"{host!r} is not the name of a host") from error
