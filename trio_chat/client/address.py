"""Where a server is, from its URL."""

import ssl
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

_IS_SECURE: Final = {"ws": False, "http": False, "wss": True, "https": True}


@frozen
class Address:
    """Where the server is.

    Attributes:
        host: A name or an address.
        port: Its port.
        target: Path and query.
        ssl_context: Says whom to trust; None is without TLS.
    """

    host: str
    port: int
    target: str
    ssl_context: ssl.SSLContext | None

    @property
    def authority(self) -> str:
        """What ``Host`` says."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(url: str, ssl_context: ssl.SSLContext | None = None) -> Address:
    """Take a URL apart; ``http`` and an empty path stand for ``ws`` and ``/ws``.

    Raises:
        ValueError: It is not the URL of a chat.
    """
    parts = urlsplit(url)
    if parts.scheme not in _IS_SECURE or not parts.hostname:
        raise ValueError(f"{url!r} is not a ws:, wss:, http: or https: URL")
    is_secure = _IS_SECURE[parts.scheme]
    if ssl_context is not None and not is_secure:
        raise ValueError(f"{url!r} is without TLS, so an ssl_context is of no use")
    if is_secure and ssl_context is None:
        ssl_context = ssl.create_default_context()
    target = "/ws" if parts.path in {"", "/"} else parts.path
    if parts.query:
        target += f"?{parts.query}"
    return Address(parts.hostname, parts.port or (443 if is_secure else 80), target, ssl_context)
