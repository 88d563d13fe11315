"""A proxy in front of Redis that can silence single connections."""

from contextlib import suppress

import trio
from attrs import define, field


@define(eq=False)
class Way:
    """Forwards bytes in both directions.

    Attributes:
        port: The port of Redis.
        silent: The numbers of the silenced connections, counted from 0.
    """

    port: int
    silent: set[int] = field(factory=set)
    _connections: int = 0

    async def run(self, *, task_status: trio.TaskStatus[int]) -> None:
        """Run until cancelled; reports its own port when it listens."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(listener.socket.getsockname()[1])
        await trio.serve_listeners(self._serve, [listener])

    async def _serve(self, here: trio.SocketStream) -> None:
        number, self._connections = self._connections, self._connections + 1
        there = await trio.open_tcp_stream("127.0.0.1", self.port)
        async with here, there, trio.open_nursery() as nursery:
            nursery.start_soon(self._forward, number, here, there)
            await self._forward(number, there, here)
            nursery.cancel_scope.cancel()

    async def _forward(
        self, number: int, source: trio.SocketStream, target: trio.SocketStream
    ) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                if number not in self.silent:
                    await target.send_all(data)
