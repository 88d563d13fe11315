"""The server with every echo compressed: ``python -m tests.stress.autobahn.deflates_all``.

The real server leaves a message uncompressed where compression does not pay (RFC 7692 section 6
allows that). The runner then ends some cases of groups 12 and 13 in ERROR, without a verdict. It
judges those cases with this server.
"""

import sys

from trio_chat.cli.app import main
from trio_chat.protocol.deflate import deflate
from trio_chat.protocol.encodings import DEFLATED, Encoding, server_frame
from trio_chat.websocket import echo


def deflated_frame(encoding: Encoding, opcode: int, payload: bytes) -> bytes:
    """Return one whole message, compressed if the client accepts that."""
    if encoding is Encoding.DEFLATED:
        return server_frame(DEFLATED | opcode, deflate(payload))
    return server_frame(opcode, payload)


echo.message_frame = deflated_frame  # type: ignore[attr-defined]

if __name__ == "__main__":
    sys.exit(main())
