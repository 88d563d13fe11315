"""Each kind of shared backplane, and a listener that records."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count

import trio
from attrs import define, field

from tests.support.redis import Redis
from tests.support.waiting import PATIENCE_SECONDS
from trio_chat.backplane.address import read_address
from trio_chat.backplane.base import Backplane
from trio_chat.backplane.local import LocalBus
from trio_chat.backplane.redis import RedisBackplane
from trio_chat.metrics import Metrics

Attach = Callable[[Metrics], Backplane]
"""Makes the backplane of one more node."""

_channels = count(1)

UP = "up"
DOWN = "down"


@define(eq=False)
class Recorder:
    """Records each call. Satisfies `trio_chat.backplane.base.Listener`.

    While ``has_time`` is not set, the calls do not return.
    """

    received: list[bytes | str] = field(factory=list)
    has_time: trio.Event = field(factory=trio.Event)
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    def __attrs_post_init__(self) -> None:
        self.has_time.set()

    @property
    def payloads(self) -> list[bytes]:
        return [one for one in self.received if isinstance(one, bytes)]

    def receive_nowait(self, payloads: Sequence[bytes]) -> None:
        if not self.has_time.is_set():
            raise trio.WouldBlock
        self._record(*payloads)

    async def receive(self, payloads: Sequence[bytes]) -> None:
        await self._record_and_wait(*payloads)

    async def up(self) -> None:
        await self._record_and_wait(UP)

    async def down(self) -> None:
        await self._record_and_wait(DOWN)

    async def until(self, *wanted: bytes | str) -> None:
        """Wait until these were received in this order, with anything in between."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not self._has_received(wanted):
                await self._changed.park()

    def clear(self) -> None:
        self.received.clear()

    def _has_received(self, wanted: tuple[bytes | str, ...]) -> bool:
        received = iter(self.received)
        return all(any(one == this for one in received) for this in wanted)

    def _record(self, *received: bytes | str) -> None:
        self.received.extend(received)
        self._changed.unpark_all()

    async def _record_and_wait(self, *received: bytes | str) -> None:
        self._record(*received)
        await self.has_time.wait()


@asynccontextmanager
async def listening(
    backplane: Backplane, recorder: Recorder | None = None
) -> AsyncIterator[Recorder]:
    """Run a backplane within the block, which begins when the backplane is up."""
    recorder = recorder or Recorder()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(backplane.run, recorder)
        await recorder.until(UP)
        yield recorder
        nursery.cancel_scope.cancel()


def local() -> Attach:
    return LocalBus().attach


def over_redis(redis: Redis) -> Attach:
    channel = f"chat-{next(_channels)}"
    address = read_address(redis.url)
    return lambda metrics: RedisBackplane(address, channel, metrics)
