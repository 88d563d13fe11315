"""Step 3, presence: send every client the list of users."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from traceback import print_exception

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

PORT = int(os.environ.get("PORT", "8080"))
QUEUE_SIZE = 256
MAX_MESSAGE_SIZE = 1024
NAME_SECONDS = 10
PING_SECONDS = 30

Queue = trio.MemoryReceiveChannel[str]


class Hub:
    """The clients in the chat. No method waits, so none sees the work of another half done."""

    def __init__(self) -> None:
        self.clients: dict[trio.MemorySendChannel[str], trio.CancelScope] = {}
        self.users: list[str] = []

    def broadcast(self, **event: object) -> None:
        """Queue an event for every client, and drop each client whose queue is full."""
        text = json.dumps(event | {"time": time.strftime("%H:%M:%S")})
        for sender, connection in self.clients.items():
            try:
                sender.send_nowait(text)
            except trio.WouldBlock:
                connection.cancel()

    def announce(self, message: str) -> None:
        """Broadcast a notice and the list of users."""
        self.broadcast(type="system", message=message)
        self.broadcast(type="presence", users=sorted(set(self.users)))

    @contextmanager
    def member(self, name: str, connection: trio.CancelScope) -> Iterator[Queue]:
        """Keep a client in the chat during the block, and yield its queue."""
        sender, queue = trio.open_memory_channel[str](QUEUE_SIZE)
        self.clients[sender] = connection
        self.users.append(name)
        self.announce(f"{name} has joined the chat")
        try:
            yield queue
        finally:
            del self.clients[sender]
            self.users.remove(name)
            self.announce(f"{name} has left the chat")


async def read(websocket: WebSocketConnection, hub: Hub, name: str) -> None:
    """Broadcast each message of one client."""
    while True:
        message = str(await websocket.get_message())
        hub.broadcast(type="message", username=name, message=message)


async def ping(websocket: WebSocketConnection) -> None:
    """Fail when the client does not answer a ping in time."""
    while True:
        await trio.sleep(PING_SECONDS)
        with trio.fail_after(PING_SECONDS):
            await websocket.ping()


async def serve(hub: Hub, stream: trio.SocketStream) -> None:
    """Serve one client, whose first message is its name."""
    try:
        async with trio.open_nursery() as connection:
            with trio.fail_after(NAME_SECONDS):
                request = await wrap_server_stream(
                    connection, stream, max_message_size=MAX_MESSAGE_SIZE
                )
                websocket = await request.accept()
                name = str(await websocket.get_message())
            with hub.member(name, connection.cancel_scope) as queue:
                connection.start_soon(read, websocket, hub, name)
                connection.start_soon(ping, websocket)
                async for text in queue:
                    await websocket.send_message(text)
    except* (ConnectionClosed, trio.TooSlowError):
        pass  # The client has left, or does not answer.
    except* Exception as failure:  # noqa: BLE001
        print_exception(failure)  # A bug ends this connection, and no other.


async def main() -> None:
    """Serve every client that connects, until Ctrl-C."""
    listeners = await trio.open_tcp_listeners(PORT, host="127.0.0.1")
    print(f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
    await trio.serve_listeners(partial(serve, Hub()), listeners)


if __name__ == "__main__":
    trio.run(main)
