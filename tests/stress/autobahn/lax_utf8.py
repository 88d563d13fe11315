"""The server with its UTF-8 check broken: ``python -m tests.stress.autobahn.lax_utf8``.

The suite must notice. The scanner checks whole messages, and wsproto checks fragments.
"""

import sys
from codecs import getincrementaldecoder
from functools import partial

from wsproto import frame_protocol

from trio_chat.cli.app import main
from trio_chat.websocket.frames import FrameScanner


def lax(_: FrameScanner, payload: bytes) -> str:
    """Decode any bytes as text."""
    return payload.decode(errors="replace")


FrameScanner._text = lax  # type: ignore[method-assign, assignment]
frame_protocol.getincrementaldecoder = lambda name: partial(  # type: ignore[attr-defined]
    getincrementaldecoder(name), errors="replace"
)

if __name__ == "__main__":
    sys.exit(main())
