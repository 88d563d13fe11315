"""The `websockets` package on uvloop, with its own `broadcast`.

Nothing is compressed, as the load generator offers no compression.

Run: ``python -m tests.bench.peers.websockets_uvloop``
"""

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from tests.bench.peers.events import message_event, presence_event

members: set[ServerConnection] = set()


async def serve_client(connection: ServerConnection) -> None:
    """One client, from its upgrade to its end."""
    username = str(await connection.recv())
    members.add(connection)
    try:
        await connection.send(presence_event(len(members)), text=True)
        async for frame in connection:
            broadcast(members, message_event(username, frame).decode())
    finally:
        members.discard(connection)


async def main() -> None:
    """Serve until killed."""
    # The load generator answers no ping, and a slow measure may take longer than the default 40 s.
    async with serve(serve_client, "127.0.0.1", 0, backlog=1024, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"http://127.0.0.1:{port}", flush=True)
        await server.wait_closed()


if __name__ == "__main__":
    uvloop.run(main())
