"""Parses ``redis://`` and ``rediss://`` URLs: address, user, password and certificates."""

import ssl
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import field, frozen

from trio_chat.errors import StartError

_PORT: Final = 6379

# Other clients of Redis use these names, too.
_CA: Final = "ssl_ca_certs"
_CERTIFICATE: Final = "ssl_certfile"
_KEY: Final = "ssl_keyfile"


@frozen
class Address:
    """The address of a Redis, and the credentials of this node.

    Attributes:
        host: Host name or IP address.
        port: TCP port.
        username: ACL user; None for the user ``default``.
        password: None for a Redis without one.
        tls: None for an unencrypted connection.
    """

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        """Return host and port, without the password."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read_address(url: str) -> Address:
    """Parse a URL that `trio_chat.settings` has accepted.

    The query may name three PEM files: ``ssl_ca_certs`` replaces the authorities of the system;
    ``ssl_certfile`` and ``ssl_keyfile`` authenticate this node to the server.

    Raises:
        StartError: The query is invalid, or a file cannot be used. The message has no password.
    """
    parts = urlsplit(url)
    files = dict(parse_qsl(parts.query, keep_blank_values=True))
    is_secure = parts.scheme == "rediss"
    unknown = files.keys() - ({_CA, _CERTIFICATE, _KEY} if is_secure else set())
    if unknown:
        raise StartError(
            f"unknown parameter in the {parts.scheme}:// backplane URL: {min(unknown)!r}"
        )
    return Address(
        host=parts.hostname or "",
        port=parts.port or _PORT,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=_tls(files) if is_secure else None,
    )


def _tls(files: dict[str, str]) -> ssl.SSLContext:
    if (_CERTIFICATE in files) != (_KEY in files):
        raise StartError(f"the backplane needs both {_CERTIFICATE} and {_KEY}, or neither")
    try:
        context = ssl.create_default_context(cafile=files.get(_CA))
        context.options |= ssl.OP_NO_RENEGOTIATION  # a write never has to wait for a read
        if _CERTIFICATE in files:
            context.load_cert_chain(files[_CERTIFICATE], files[_KEY], password=_ask_nobody)
    except OSError as error:  # of ssl, too
        names = " ".join(sorted(files.values()))
        raise StartError(f"cannot use {names} for the backplane: {error.strerror}") from error
    return context


def _ask_nobody() -> str:
    # Without a callback OpenSSL would prompt for the password of a key on the terminal.
    return ""
