"""The whole server with tokens, which it does not keep in memory."""

import gc
import time
from collections.abc import Iterator

import pytest
from websockets.frames import Opcode

from tests.support.local_server import ECHO_HEAD, local_server, until
from tests.support.tokens import SECRET, for_user
from tests.websocket.wire import HEAD, text

_HOST = b"Host: chat.test"


def _in_query(head: bytes, credential: bytes) -> bytes:
    return head.replace(b" HTTP/1.1", b"?token=" + credential + b" HTTP/1.1", 1)


def _in_header(head: bytes, credential: bytes) -> bytes:
    return head.replace(_HOST, _HOST + b"\r\nAuthorization: Bearer " + credential)


def _in_subprotocol(head: bytes, credential: bytes) -> bytes:
    line = b"\r\nSec-WebSocket-Protocol: trio-chat.v2, bearer." + credential
    return head.replace(_HOST, _HOST + line)


@pytest.mark.parametrize("put", [_in_query, _in_header, _in_subprotocol])
async def test_no_live_object_holds_the_token_of_a_client(put: object) -> None:
    assert callable(put)
    async with local_server(auth="token", token_secret=SECRET) as home:
        # What is looked for is kept backwards, or it would be found here.
        backwards = _backwards()
        ann = await home.connect(put(HEAD, backwards[::-1]))
        await ann.send(text(""))
        await until(ann, "presence")
        echo = await home.connect(put(ECHO_HEAD, backwards[::-1]))
        await echo.send(text("hello"))
        assert (await echo.receive()).opcode is Opcode.TEXT
        needle = backwards[:40]
        assert [type(one) for one in _alive() if needle in _bytes(one)[::-1]] == []


def _backwards() -> bytes:
    return for_user("ann", time.time() + 3600).encode()[::-1]


def _alive() -> Iterator[object]:
    """Whatever is long enough, and in reach of something that the collector knows."""
    gc.collect()
    for holder in gc.get_objects():
        for held in gc.get_referents(holder):
            if isinstance(held, str | bytes | bytearray) and len(held) > 100:
                yield held


def _bytes(held: object) -> bytes:
    return held.encode("utf-8", "replace") if isinstance(held, str) else bytes(held)  # type: ignore[call-overload]
