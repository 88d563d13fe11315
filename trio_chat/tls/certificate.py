"""The server's certificate, loaded at the start and at each SIGHUP.

Each load makes a new `ssl.SSLContext`. Open connections keep their context, so a new certificate
disturbs no client; new connections use the new one.
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
"""The suites of TLS 1.2 with forward secrecy and authenticated encryption, so none with CBC; TLS
1.3 has no others. docs/deploy/nginx.conf names the same."""

_NOT_ITS_KEY: Final = (
    "the key belongs to another certificate; the server's certificate must be the first in the file"
)

_FAULTS: Final = {
    "KEY_VALUES_MISMATCH": _NOT_ITS_KEY,
    "KEY_TYPE_MISMATCH": _NOT_ITS_KEY,
    "NO_CERTIFICATE_ASSIGNED": _NOT_ITS_KEY,  # one is RSA, the other ECDSA
    "EE_KEY_TOO_SMALL": "the key is too short",
    "CA_MD_TOO_WEAK": "the certificate is signed with a weak hash",
}
"""Descriptions of OpenSSL's reasons."""


class Certificate:
    """A certificate chain and its key, in files that may change.

    Args:
        cert_file: The chain in PEM format, the server's own certificate first.
        key_file: The key in PEM format, not encrypted.

    Raises:
        StartError: The files are unusable; the message is one line.
    """

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._files = cert_file, key_file
        self.context = _load(cert_file, key_file)
        """The context of new connections."""

    async def reload(self) -> None:
        """Load the files again; if they are unusable, log that and keep the old context.

        A cancellation changes nothing.
        """
        try:
            # In a thread: the files may be on a network.
            self.context = await trio.to_thread.run_sync(_load, *self._files)
        except StartError as error:
            reason = str(error)
            _logger.error("certificate not reloaded", reason=reason)  # noqa: TRY400
        else:
            _logger.info("certificate reloaded")


def load_certificate(settings: Settings) -> Certificate | None:
    """Return the certificate named by the settings; None without one.

    Raises:
        StartError: Only one of the two files is set, or they are unusable.
    """
    cert_file, key_file = settings.tls_cert, settings.tls_key
    if bool(cert_file) != bool(key_file):
        given, missing = ("tls-cert", "tls-key") if cert_file else ("tls-key", "tls-cert")
        raise StartError(f"{given} without {missing}: TLS needs both")
    if not cert_file:
        return None
    return Certificate(cert_file, key_file)


async def reload_on_signal(
    signals: AsyncIterable[int],
    certificate: Certificate | None,
    reloading: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Reload the certificate at each signal, one after another, until cancelled.

    Args:
        signals: The signals of `trio.open_signal_receiver`.
        certificate: None without TLS. A hook or a closing terminal may send the signal even then,
            and it must not end the server.
        reloading: Entered for the duration of each reload.
    """
    async for _ in signals:
        with reloading():
            if certificate is None:
                _logger.info("no certificate to reload")
            else:
                await certificate.reload()


def _load(cert_file: str, key_file: str) -> ssl.SSLContext:
    """Return a context made of the files; see `Certificate`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Compression leaks secrets by their length (CRIME). A renegotiation costs the server more than
    # the client, and no client needs it.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_SUITES)
    # A ticket key lives as long as the process, and could decrypt every session.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    chain, _key = map(_read, (cert_file, key_file))  # OpenSSL does not name an unreadable file

    def refuse() -> str:
        # Without this callback OpenSSL would ask for a password on the terminal.
        raise StartError(f"the key {key_file} is encrypted: use a key without a password")

    try:
        context.load_cert_chain(cert_file, key_file, password=refuse)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None)
        if not isinstance(reason, str):  # a file without PEM
            # All three kinds of PEM certificates have this at the end of their first line.
            has_certificate = b" CERTIFICATE-----" in chain
            file, kind = (key_file, "key") if has_certificate else (cert_file, "certificate")
            reason = f"{file} contains no {kind} in PEM format"
        raise StartError(
            f"cannot use certificate {cert_file} with key {key_file}: {_FAULTS.get(reason, reason)}"
        ) from error
    if Path(key_file).stat().st_mode & stat.S_IROTH:  # a group may read it, to share one key
        _logger.warning("TLS key is readable by every user", file=key_file)
    return context


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from error
