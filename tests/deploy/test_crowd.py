"""The crowd of the rolling deploy reads whole frames, however the network cuts them."""

import json

import trio

from tests.stress.torture.record import Record
from tests.support.frames import TEXT, frame

from .crowd import Member

JOINED = {
    "type": "joined",
    "room": "r",
    "epoch": "e",
    "head": 0,
    "read": 0,
    "users": ["ann"],
    "count": 1,
    "reads": {},
    "recovered": False,
    "history": [],
    "more": False,
}
PRESENCE = {"type": "presence", "room": "r", "online": ["bob"], "offline": [], "count": 2}
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


async def test_the_start_of_a_frame_sent_with_the_handshake_is_kept() -> None:
    first, second = (
        frame(TEXT, json.dumps(each).encode(), mask=None) for each in (JOINED, PRESENCE)
    )
    member = Member("ann", "127.0.0.1", Record("r"))

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(RESPONSE + first[:9])
            await stream.receive_some()  # the hello
            await stream.send_all(first[9:] + second[:9])
            while not member.is_in:
                await trio.lowlevel.checkpoint()
            await stream.send_all(second[9:])
            await trio.sleep_forever()

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, serve, 0)
            address = listeners[0].socket.getsockname()[:2]
            nursery.start_soon(member.stay, ("127.0.0.1", address[1]), trio.Semaphore(1))
            while "bob" not in member.present:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
    assert member.wrong == []
