"""Where a Redis is, and how to be let in: ``redis://`` and ``rediss://`` URLs."""

import ssl
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import field, frozen

from trio_chat.errors import StartError

_PORT: Final = 6379

# As other clients of Redis call them.
_CA: Final = "ssl_ca_certs"
_CERTIFICATE: Final = "ssl_certfile"
_KEY: Final = "ssl_keyfile"


@frozen
class Address:
    """Where a Redis is.

    Attributes:
        host: Its name or IP address.
        port: Its port.
        username: Of the ACL; None for its user ``default``.
        password: None if it asks for none.
        tls: None for a connection that everybody on the way can read.
    """

    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        """For people, without a password."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read_address(url: str) -> Address:
    """Read a URL as `trio_chat.settings` lets it pass.

    Three names may follow behind a question mark, of files in PEM: ``ssl_ca_certs``, which vouches
    for the server instead of the system's authorities; and ``ssl_certfile`` with ``ssl_keyfile``,
    for a server that wants to know its clients by certificates.

    Raises:
        StartError: Something is wrong with what follows; the message has no password in it.
    """
    parts = urlsplit(url)
    files = dict(parse_qsl(parts.query, keep_blank_values=True))
    is_secure = parts.scheme == "rediss"
    unknown = files.keys() - ({_CA, _CERTIFICATE, _KEY} if is_secure else set())
    if unknown:
        raise StartError(f"not known in a backplane's {parts.scheme}:// URL: {min(unknown)!r}")
    return Address(
        host=parts.hostname or "",
        port=parts.port or _PORT,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=_tls(files) if is_secure else None,
    )


def _tls(files: dict[str, str]) -> ssl.SSLContext:
    if (_CERTIFICATE in files) != (_KEY in files):
        raise StartError(f"a backplane's {_CERTIFICATE} and {_KEY} belong together")
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
    # OpenSSL would ask on the terminal for the password of a key, and wait.
    return ""
