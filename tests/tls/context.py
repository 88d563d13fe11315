"""The server's side of TLS, as the server makes it."""

import ssl
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.certificates import certificate_files
from trio_chat.tls.certificate import Certificate


@cache
def server_context() -> ssl.SSLContext:
    """For our end of a connection, with a certificate for localhost."""
    with TemporaryDirectory() as folder:
        files = certificate_files(Path(folder))
        return Certificate(str(files.cert), str(files.key)).context
