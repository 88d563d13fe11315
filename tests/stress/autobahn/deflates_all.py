"""The server with every echo compressed: ``python -m tests.stress.autobahn.deflates_all``.

It sends a message as it is where compressing would not pay (RFC 7692 section 6 allows that). The
runner gives such a message to the cases of groups 12 and 13 as another type than they expect, and
they end in ERROR, unjudged. So those are judged with this server.
"""

import sys

from trio_chat.cli.app import main
from trio_chat.protocol.deflate import deflate
from trio_chat.protocol.encodings import DEFLATED, Encoding, server_frame
from trio_chat.websocket import echo


def deflated_frame(encoding: Encoding, opcode: int, payload: bytes) -> bytes:
    """One whole message, compressed if it may be."""
    if encoding is Encoding.DEFLATED:
        return server_frame(DEFLATED | opcode, deflate(payload))
    return server_frame(opcode, payload)


echo.message_frame = deflated_frame  # type: ignore[attr-defined]

if __name__ == "__main__":
    sys.exit(main())
