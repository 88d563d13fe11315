"""The whole server with tokens, which it does not keep in memory."""

import gc
import time
from collections.abc import Iterator

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


async def test_no_live_object_holds_the_token_of_a_client() -> None:
    async with local_server(auth="token", token_secret=SECRET) as home:
        ends = {}
        for put in (_in_query, _in_header, _in_subprotocol):
            name = put.__name__
            # The test keeps tokens backwards, or it would find its own.
            backwards = for_user(name, time.time() + 3600).encode()[::-1]
            member = await home.connect(put(HEAD, backwards[::-1]))
            await member.send(text(""))
            await until(member, "presence")
            echo = await home.connect(put(ECHO_HEAD, backwards[::-1]))
            await echo.send(text("hello"))
            assert (await echo.receive()).opcode is Opcode.TEXT
            ends[name] = backwards[39::-1]
        assert len(set(ends.values())) == 3
        found = [
            (name, type(one)) for one in _alive() for name, end in ends.items() if _holds(one, end)
        ]
        assert found == []


def _alive() -> Iterator[str | bytes | bytearray]:
    """Yield whatever is long enough and referred to by an object that the collector knows."""
    gc.collect()
    for holder in gc.get_objects():
        for held in gc.get_referents(holder):
            if isinstance(held, str | bytes | bytearray) and len(held) > 100:
                yield held


def _holds(text: str | bytes | bytearray, end: bytes) -> bool:
    return end.decode() in text if isinstance(text, str) else end in text
