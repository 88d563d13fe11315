"""The server's certificate: read at the start, and again whenever SIGHUP says so.

Each reading makes a new `ssl.SSLContext`. Connections that are there keep the one they began with,
so a new certificate disturbs nobody; it is shown to whoever connects from then on.
"""

import ssl
import stat
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

import structlog
import trio

from trio_chat.errors import StartError
from trio_chat.settings import Settings

_logger = structlog.get_logger(__name__)

_SUITES: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2 those with forward secrecy and authenticated encryption, so none with CBC; TLS 1.3 has
no others. The nginx file that we ship names the same."""

_NOT_ITS_KEY: Final = (
    "the key belongs to another certificate;"
    " the first certificate in the file has to be the server's"
)

_FAULTS: Final = {
    "KEY_VALUES_MISMATCH": _NOT_ITS_KEY,
    "KEY_TYPE_MISMATCH": _NOT_ITS_KEY,
    "NO_CERTIFICATE_ASSIGNED": _NOT_ITS_KEY,  # one is RSA, the other ECDSA
    "EE_KEY_TOO_SMALL": "the key is too short",
    "CA_MD_TOO_WEAK": "it is signed with a weak hash",
}
"""What OpenSSL says, in words; it says nothing at all of a file in which it finds no PEM."""


_CERTIFICATE: Final = b" CERTIFICATE-----"
"""The end of the first line of every certificate in PEM format, of which there are three kinds."""


class CertificateError(Exception):
    """There is no using this certificate with this key; the message is one line."""


class Certificate:
    """A certificate chain and its key, in files that may change.

    Args:
        cert_file: The chain in PEM format, the server's own certificate first.
        key_file: The key in PEM format, not encrypted.

    Raises:
        CertificateError: They cannot be used.
    """

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._files = cert_file, key_file
        self.context = _load(cert_file, key_file)
        """For connections that begin now."""

    async def reload(self) -> None:
        """Read the files again; if they cannot be used, log it and keep what there is.

        A cancellation changes nothing.
        """
        try:
            # In a thread: the files may be on a network.
            self.context = await trio.to_thread.run_sync(_load, *self._files)
        except CertificateError as error:
            reason = str(error)
            _logger.error("certificate not reloaded", reason=reason)  # noqa: TRY400
        else:
            _logger.info("certificate reloaded")


def load_certificate(settings: Settings) -> Certificate | None:
    """Read the certificate that the settings name; None if they name none.

    Raises:
        StartError: Only one of the two files is named, or they cannot be used.
    """
    cert_file, key_file = settings.tls_cert, settings.tls_key
    if bool(cert_file) != bool(key_file):
        given, missing = ("tls-cert", "tls-key") if cert_file else ("tls-key", "tls-cert")
        raise StartError(f"{given} without {missing}: TLS needs both")
    if not cert_file:
        return None
    try:
        return Certificate(cert_file, key_file)
    except CertificateError as error:
        raise StartError(str(error)) from error


async def reload_on_signal(
    signals: AsyncIterable[int],
    certificate: Certificate | None,
    reloading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Reload at each signal, one after the other, until cancelled; the server goes on meanwhile.

    Args:
        signals: As `trio.open_signal_receiver` gives them.
        certificate: None if there is nothing to reload. The signal must not end a server then
            either: who sends it, a hook or a closing terminal, does not know.
        reloading: Entered at each signal, and left when what it asked for is done.
    """
    async for _ in signals:
        with reloading():
            if certificate is None:
                _logger.info("no certificate to reload")
            else:
                await certificate.reload()


def _load(cert_file: str, key_file: str) -> ssl.SSLContext:
    """Make a context of what is in the files; see `Certificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Compressed secrets leak by their length (CRIME); a renegotiation costs us more than whoever
    # asks for it, and no client of ours needs one.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_SUITES)
    # The key of a ticket lives as long as the process, and can decrypt every session.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    for file in (cert_file, key_file):
        _check_readable(file)

    def refuse() -> str:
        # Without a password from here OpenSSL would ask for one on the terminal.
        raise CertificateError(f"the key {key_file} is encrypted: a server has no password for it")

    try:
        context.load_cert_chain(cert_file, key_file, password=refuse)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None)
        if not isinstance(reason, str):
            reason = _what_is_missing(cert_file, key_file)
        raise CertificateError(
            f"cannot use certificate {cert_file} with key {key_file}: {_FAULTS.get(reason, reason)}"
        ) from error
    _warn_of_readers(key_file)
    return context


def _warn_of_readers(key_file: str) -> None:
    """A group may read it: that is how several servers share one. Everybody is a mistake."""
    if Path(key_file).stat().st_mode & stat.S_IROTH:
        _logger.warning("TLS key is readable by every user", file=key_file)


def _check_readable(file: str) -> None:
    """OpenSSL does not say which file it is that it cannot read.

    Raises:
        CertificateError: It cannot be read.
    """
    try:
        Path(file).read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot read {file}: {error.strerror}") from error


def _what_is_missing(cert_file: str, key_file: str) -> str:
    """Say in which of the files OpenSSL has found no PEM: it does not."""
    if _CERTIFICATE in Path(cert_file).read_bytes():
        return f"{key_file} contains no key in PEM format"
    return f"{cert_file} contains no certificate in PEM format"
