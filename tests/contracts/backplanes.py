"""Every backplane that may have several nodes, and somebody who listens to one."""

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

IN = "in reach"
OUT = "out of reach"


@define(eq=False)
class Ear:
    """Takes note of all that it is told. Satisfies `trio_chat.backplane.base.Listener`.

    Attributes:
        told: Payloads, and `IN` and `OUT`, in order.
        has_time: While it is not set, the listener does not come back from what it was told.
    """

    told: list[bytes | str] = field(factory=list)
    has_time: trio.Event = field(factory=trio.Event)
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    def __attrs_post_init__(self) -> None:
        self.has_time.set()

    @property
    def payloads(self) -> list[bytes]:
        """What was heard."""
        return [one for one in self.told if isinstance(one, bytes)]

    def heard_nowait(self, payloads: Sequence[bytes]) -> None:
        """Other nodes have published these."""
        if not self.has_time.is_set():
            raise trio.WouldBlock
        self._note(*payloads)

    async def heard(self, payloads: Sequence[bytes]) -> None:
        """The same."""
        await self._take(*payloads)

    async def up(self) -> None:
        """From here on all is heard."""
        await self._take(IN)

    async def out_of_reach(self) -> None:
        """Nothing is heard."""
        await self._take(OUT)

    async def until(self, *told: bytes | str) -> None:
        """Wait until it has been told these, one after the other, whatever was between them.

        Raises:
            trio.TooSlowError: It was not.
        """
        with trio.fail_after(PATIENCE_SECONDS):
            while not self._was_told(told):
                await self._changed.park()

    def forget(self) -> None:
        """Begin anew."""
        self.told.clear()

    def _was_told(self, wanted: tuple[bytes | str, ...]) -> bool:
        told = iter(self.told)
        return all(any(one == this for one in told) for this in wanted)

    def _note(self, *told: bytes | str) -> None:
        self.told.extend(told)
        self._changed.unpark_all()

    async def _take(self, *told: bytes | str) -> None:
        self._note(*told)
        await self.has_time.wait()


@asynccontextmanager
async def listening(backplane: Backplane, ear: Ear | None = None) -> AsyncIterator[Ear]:
    """Run a backplane for as long as the block lasts, which begins when it is in reach."""
    ear = ear or Ear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(backplane.run, ear)
        await ear.until(IN)
        yield ear
        nursery.cancel_scope.cancel()


def local() -> Attach:
    """A bus of its own."""
    return LocalBus().attach


def over_redis(redis: Redis, url: str = "") -> Attach:
    """A channel of its own.

    Args:
        redis: Where it is.
        url: Another one of it.
    """
    channel = f"chat-{next(_channels)}"
    address = read_address(url or redis.url)
    return lambda metrics: RedisBackplane(address, channel, metrics)
