"""Step 6, shutdown: on a signal, empty every queue, close every connection, and end."""

import json
import os
import signal
import time
from collections import deque
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
TYPING_SECONDS = 6
HISTORY_SIZE = 50
GRACE_SECONDS = 10

Queue = trio.MemoryReceiveChannel[str]
TYPING = {"type": "typing", "isTyping": True}


class Hub:
    """The clients in the chat. No method waits, so none sees the work of another half done."""

    def __init__(self) -> None:
        self.clients: dict[trio.MemorySendChannel[str], trio.CancelScope] = {}
        self.users: list[str] = []
        self.history: deque[dict[str, object]] = deque(maxlen=HISTORY_SIZE)

    def broadcast(self, **event: object) -> None:
        """Queue an event for every client, and drop each client whose queue is full."""
        event["time"] = time.strftime("%H:%M:%S")
        if event["type"] in {"message", "system"}:
            self.history.append(event)
        text = json.dumps(event)
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
        sender.send_nowait(json.dumps({"type": "history", "history": list(self.history)}))
        self.clients[sender] = connection
        self.users.append(name)
        self.announce(f"{name} has joined the chat")
        try:
            yield queue
        finally:
            self.clients.pop(sender, None)
            self.users.remove(name)
            self.announce(f"{name} has left the chat")

    def close(self) -> None:
        """Close every queue. Its messages can still be received."""
        for sender in self.clients:
            sender.close()
        self.clients.clear()

    @contextmanager
    def typing(self, name: str) -> Iterator[None]:
        """Show that a user is typing during the block."""
        self.broadcast(type="typing", username=name, isTyping=True)
        try:
            yield
        finally:
            self.broadcast(type="typing", username=name, isTyping=False)


async def receive(websocket: WebSocketConnection) -> dict[str, object]:
    """Return the next command of a client. Text that is not a JSON object is a message."""
    text = await websocket.get_message()
    try:
        command = json.loads(text)
    except ValueError:
        command = None
    return command if isinstance(command, dict) else {"type": "message", "message": text}


async def read(websocket: WebSocketConnection, hub: Hub, name: str) -> None:
    """Broadcast the messages and the typing of one client."""
    while True:
        command = await receive(websocket)
        if command == TYPING:
            with hub.typing(name):
                while command == TYPING:
                    command = {}  # Silence counts as a command that asks for nothing.
                    with trio.move_on_after(TYPING_SECONDS):
                        command = await receive(websocket)
        if isinstance(command.get("message"), str):
            hub.broadcast(type="message", username=name, message=command["message"])


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
                async with trio.open_nursery() as tasks:
                    tasks.start_soon(read, websocket, hub, name)
                    tasks.start_soon(ping, websocket)
                    async for text in queue:
                        await websocket.send_message(text)
                    tasks.cancel_scope.cancel()
            await websocket.aclose(1001, "the server is going away")
    except* (ConnectionClosed, trio.TooSlowError):
        pass  # The client has left, or does not answer.
    except* Exception as failure:  # noqa: BLE001
        print_exception(failure)  # A bug ends this connection, and no other.


async def main() -> None:
    """Serve every client that connects until a signal arrives, then close all connections."""
    hub = Hub()
    listeners = await trio.open_tcp_listeners(PORT, host="127.0.0.1")
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accept = partial(trio.serve_listeners, handler_nursery=connections)
                accepting.start_soon(accept, partial(serve, hub), listeners)
                print(f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
                await anext(signals)
                accepting.cancel_scope.cancel()
            hub.close()
            connections.cancel_scope.deadline = trio.current_time() + GRACE_SECONDS


if __name__ == "__main__":
    trio.run(main)
