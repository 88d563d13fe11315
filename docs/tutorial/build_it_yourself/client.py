"""A client for the terminal: send each line that you type, print each message that arrives."""

import os
import sys

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

URL = f"ws://127.0.0.1:{os.environ.get('PORT', '8080')}"


async def send_lines(websocket: WebSocketConnection) -> None:
    """Send each line that is typed, until Ctrl-D."""
    while True:
        await trio.lowlevel.wait_readable(sys.stdin)
        typed = os.read(sys.stdin.fileno(), 4096).decode()
        if not typed:
            return
        for line in typed.splitlines():
            await websocket.send_message(line)


async def main() -> None:
    """Print each message until the server closes the connection."""
    async with open_websocket_url(URL) as websocket, trio.open_nursery() as nursery:
        nursery.start_soon(send_lines, websocket)
        try:
            while True:
                print(await websocket.get_message())
        except ConnectionClosed as closed:
            print(closed)
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
