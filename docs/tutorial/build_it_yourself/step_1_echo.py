"""Step 1, the echo: send each message back to the client that sent it."""

import os
from traceback import print_exception

import trio
from trio_websocket import ConnectionClosed, wrap_server_stream

PORT = int(os.environ.get("PORT", "8080"))
IDLE_SECONDS = 60


async def serve(stream: trio.SocketStream) -> None:
    """Serve one client until it leaves or sends nothing for a minute."""
    try:
        with trio.move_on_after(IDLE_SECONDS) as limit:
            async with trio.open_nursery() as connection:
                request = await wrap_server_stream(connection, stream)
                websocket = await request.accept()
                while True:
                    await websocket.send_message(await websocket.get_message())
                    limit.deadline = trio.current_time() + IDLE_SECONDS
    except* ConnectionClosed:
        pass  # The client has left.
    except* Exception as failure:  # noqa: BLE001
        print_exception(failure)  # A bug ends this connection, and no other.


async def main() -> None:
    """Serve every client that connects, until Ctrl-C."""
    listeners = await trio.open_tcp_listeners(PORT, host="127.0.0.1")
    print(f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
    await trio.serve_listeners(serve, listeners)


if __name__ == "__main__":
    trio.run(main)
