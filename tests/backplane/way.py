"""The way to a Redis, on which single connections can fall silent."""

import trio
from attrs import define, field


@define(eq=False)
class Way:
    """Passes on what comes, in both directions.

    Attributes:
        port: Of the Redis.
        silent: Numbers of connections, from 0 on, of which nothing more is passed on.
    """

    port: int
    silent: set[int] = field(factory=set)
    _connections: int = 0

    async def run(self, *, task_status: trio.TaskStatus[int]) -> None:
        """Run until cancelled; its own port is given once it listens."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(listener.socket.getsockname()[1])
        await trio.serve_listeners(self._serve, [listener])

    async def _serve(self, here: trio.SocketStream) -> None:
        number, self._connections = self._connections, self._connections + 1
        async with (
            here,
            await trio.open_tcp_stream("127.0.0.1", self.port) as there,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._pass_on, number, here, there)
            await self._pass_on(number, there, here)
            nursery.cancel_scope.cancel()

    async def _pass_on(
        self, number: int, source: trio.SocketStream, target: trio.SocketStream
    ) -> None:
        try:
            async for data in source:
                if number not in self.silent:
                    await target.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
