"""Certificates that only tests trust."""

import ssl
from functools import cache
from pathlib import Path

import trustme
from attrs import frozen


@cache
def authority() -> trustme.CA:
    """Return the authority that signs them, the same for all tests of a process."""
    return trustme.CA()


@frozen
class CertificateFiles:
    """The files of a certificate chain and its key."""

    cert: Path
    key: Path

    @property
    def settings(self) -> tuple[str, ...]:
        """The flags of a server that uses them."""
        return ("--tls-cert", str(self.cert), "--tls-key", str(self.key))

    def renew(self) -> bytes:
        """Write a new certificate with a new key, and return the certificate in DER."""
        made = authority().issue_cert("localhost", "127.0.0.1")
        self.cert.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        self.key.touch(mode=0o600)
        self.key.write_bytes(made.private_key_pem.bytes())
        return ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())


def certificate_files(folder: Path) -> CertificateFiles:
    """Make a certificate for 127.0.0.1 in this folder."""
    files = CertificateFiles(folder / "cert.pem", folder / "key.pem")
    files.renew()
    return files


@cache
def client_context() -> ssl.SSLContext:
    """Return a context for clients that trust this authority only."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context
