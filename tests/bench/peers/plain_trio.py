"""Plain trio-websocket, with a queue and a sending task for each client.

Run: ``python -m tests.bench.peers.plain_trio``
"""

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from tests.bench.peers.events import message_event, presence_event

SEND_QUEUE = 256

members: dict[WebSocketConnection, "trio.MemorySendChannel[str]"] = {}


async def send_queued(
    connection: WebSocketConnection, queue: "trio.MemoryReceiveChannel[str]"
) -> None:
    """Send what is queued for one client, until its queue is closed."""
    try:
        async for text in queue:
            await connection.send_message(text)
        await connection.aclose()
    except ConnectionClosed:
        pass


def broadcast(text: str) -> None:
    """Queue a frame for all clients; drop each client with a full queue."""
    for connection, queue in list(members.items()):
        try:
            queue.send_nowait(text)
        except trio.WouldBlock:
            members.pop(connection).close()


async def serve(request: WebSocketRequest) -> None:
    """One client, from its upgrade to its end."""
    connection = await request.accept()
    send, receive = trio.open_memory_channel[str](SEND_QUEUE)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_queued, connection, receive)
        try:
            username = str(await connection.get_message())
            members[connection] = send
            send.send_nowait(presence_event(len(members)).decode())
            while True:
                frame = await connection.get_message()
                broadcast(message_event(username, frame).decode())
        except ConnectionClosed:
            pass
        finally:
            members.pop(connection, None)
            send.close()


async def main() -> None:
    """Serve until killed."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, serve, "127.0.0.1", 0, None)
        print(f"http://127.0.0.1:{server.port}", flush=True)


if __name__ == "__main__":
    trio.run(main)
