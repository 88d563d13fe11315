"""The first inputs of the search: one of each kind, and all earlier findings."""

import zlib

from tests.support.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, RSV1, TEXT, close, frame
from tests.support.requests import head, plain_head

CLEAR = bytes(4)
"""A mask without effect, so that the fuzzer sees the payload."""


def _frame(opcode: int, payload: bytes = b"", **options: bool | int) -> bytes:
    return frame(opcode, payload, mask=CLEAR, **options)  # type: ignore[arg-type]


def _deflated(text: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


_FRAMES = [
    _frame(TEXT, "grüße".encode()),
    _frame(BINARY, b"\xff\x00"),
    _frame(TEXT, b"a", fin=False) + _frame(PING, b"?") + _frame(CONTINUATION, b"b"),
    _frame(TEXT, b"x" * 126) + _frame(PONG),
    _frame(TEXT, b"x" * 66_000),
    _frame(CLOSE, b"\x03\xe8bye"),
    close(),
    _frame(TEXT, b"\xed\xa0\x80"),
    _frame(TEXT, length_bytes=8),
    _frame(TEXT, _deflated(b"hello " * 10), rsv=RSV1),
    _frame(TEXT, _deflated(b"a" * 500), rsv=RSV1),
    _frame(TEXT, _deflated(b"ab" * 20)[:5], rsv=RSV1, fin=False)
    + _frame(CONTINUATION, _deflated(b"ab" * 20)[5:]),
]

_HEADS = [
    plain_head(b"/"),
    head(),
    head(b"http://chat.test/ws?token=a", plus=(b"Origin: http://chat.test",)),
    head(plus=(b"Sec-WebSocket-Protocol: trio-chat.v2, bearer.x", b"Authorization: Bearer y")),
    head(plus=(b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10",)),
    head(without=("host",), plus=(b"Host: [::1]:80",)),
    head(without=("host",), plus=(b"Host: xn--chat-.test",)),
    head(method=b"POST", plus=(b"Content-Length: 3",)) + b"abc",
    b"\r\n\r\nGET /%C3%A4?a=%00 HTTP/1.0\r\n\r\n",
]

_COMMANDS = [
    b'{"type":"message","message":"hi","room":"general","ref":"1"}',
    b'{"type":"typing","isTyping":true}',
    b'ann\n{"message":"\\ud83d\\ude00"}\nplain text',
    b'{"type":"hello","v":2}',
    b"\n".join(
        (
            b'{"type":"hello","v":2,"username":"ann","device":"d","rooms":{"a":{"since":4}}}',
            b'{"message":"a","ref":"r"}',
            b'{"type":"edit","id":"m","message":"b","ref":"s"}',
            b'{"type":"delete","id":"m"}',
            b'{"type":"read","seq":9007199254740992}',
        )
    ),
    b"\n".join(
        (
            b'{"type":"hello","v":2,"username":"ann"}',
            b'{"type":"join","room":"a","since":0,"epoch":"k"}',
            b'{"type":"leave","room":"a"}',
            b'{"type":"history","before":3,"limit":100}',
            b'{"type":"auth","token":"t","ref":"r"}',
        )
    ),
    b"ann\n{",
    b'{"message":5e400,"a":[[[{}]]],"isTyping":"no","type":null}',
]

_CUT = b"\x02\x00\x03\x00\x07"
"""Two cuts, after the third byte and the seventh."""

SEEDS = {
    "frames": [cut + data for data in _FRAMES for cut in (b"\0", _CUT)],
    "limited_frames": [cut + data for data in _FRAMES for cut in (b"\0", _CUT)],
    "heads": [cut + data for data in _HEADS for cut in (b"\0", _CUT)],
    "commands": _COMMANDS,
}
"""The seeds of each target. Add each finding here, so that the suite tests it."""
