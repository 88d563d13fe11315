"""The deadlines of all connections: pings, heartbeats, timeouts, and expiring tokens.

A deadline of Trio's own is expensive when it passes: it cancels a task, and an exception unwinds
its stack. With 10,000 idle clients that is half of the server's work. So `TimerWheel` calls a plain
function of each connection, and handles everything due within the same quarter second together.
"""

import math
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import islice
from typing import TYPE_CHECKING, Final

import outcome
import trio
from attrs import define

from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.messages import TokenEnds
from trio_chat.settings import Settings
from trio_chat.websocket.frames import PING_FRAME

if TYPE_CHECKING:
    from trio_chat.websocket.echo import Conversation

QUARTER_SECONDS: Final = 0.25
"""The resolution: pings and deadlines may be this late."""

TOKEN_WARNING_SECONDS: Final = 30.0
"""How long before its token expires a client receives a warning (docs/reference/wire.md)."""

# Calls between two checkpoints: about two milliseconds.
_AT_ONCE: Final = 64

Callback = Callable[[float], float]
"""Takes the current time, does the work that is due, and returns the time of the next call."""


@define(eq=False)
class _Timer:
    callback: Callback
    over: trio.Event
    quarter: float = math.inf
    failure: outcome.Error | None = None


class TimerWheel:
    """Calls functions when they are due."""

    def __init__(self) -> None:
        # The timers of each quarter second, by its end; and these ends as a heap.
        self._due: dict[float, dict[_Timer, None]] = {}
        self._quarters: list[float] = []
        self._timers: dict[trio.Event, _Timer] = {}
        self._sooner = trio.Event()

    async def run(self) -> None:
        """Call functions until cancelled."""
        while True:
            self._sooner = trio.Event()
            with trio.move_on_at(self._quarters[0] if self._quarters else math.inf):
                await self._sooner.wait()
            await self._call_due()

    async def run_until(self, over: trio.Event, callback: Callback) -> None:
        """Call a function at once, and whenever it is due, until an event is set.

        Each call is up to `QUARTER_SECONDS` late. A cancellation ends the calls, as the event does.

        Raises:
            BaseException: What the function raised, which also set the event.
        """
        timer = self._timers[over] = _Timer(callback, over)
        self._place(timer, callback(trio.current_time()))
        try:
            await over.wait()
        finally:
            self._due.get(timer.quarter, {}).pop(timer, None)
            del self._timers[over]
        if timer.failure is not None:
            timer.failure.unwrap()

    def reschedule(self, over: trio.Event) -> None:
        """Call the function of `run_until` soon, as it may be due earlier than it returned."""
        timer = self._timers.get(over)
        if timer is not None:
            self._due.get(timer.quarter, {}).pop(timer, None)
            self._place(timer, trio.current_time())

    def _place(self, timer: _Timer, due: float) -> None:
        quarter = due + -due % QUARTER_SECONDS
        timer.quarter = quarter
        if quarter in self._due:
            self._due[quarter][timer] = None
            return
        if not self._quarters or quarter < self._quarters[0]:
            self._sooner.set()
        self._due[quarter] = {timer: None}
        heappush(self._quarters, quarter)

    async def _call_due(self) -> None:
        now = trio.current_time()
        while self._quarters and self._quarters[0] <= now:
            timers = self._due[self._quarters[0]]
            while timers:
                for timer in list(islice(timers, _AT_ONCE)):
                    del timers[timer]
                    if timer.over.is_set():  # one call may end another connection
                        continue
                    due = outcome.capture(timer.callback, now)
                    if isinstance(due, outcome.Error):
                        timer.failure = due
                        timer.over.set()
                    else:
                        self._place(timer, due.unwrap())
                await trio.lowlevel.checkpoint()
            del self._due[heappop(self._quarters)]


class Health:
    """The deadlines of one connection. All times are in seconds on Trio's clock."""

    def __init__(self, settings: Settings, now: float) -> None:
        self.last_received = now
        """When the last byte of the client arrived."""
        self._settings = settings
        self._next_ping = now + settings.ping_interval_seconds
        self._next_heartbeat = now + settings.heartbeat_interval_seconds
        self._hello_due = now + settings.hello_timeout_seconds
        self._token_ends = self._token_warning_due = math.inf

    def live_for(self, now: float, seconds: float) -> None:
        """Set when the token expires; the client receives one warning before."""
        self._token_ends = now + seconds
        self._token_warning_due = self._token_ends - TOKEN_WARNING_SECONDS

    def ends_with(self, now: float, conversation: "Conversation") -> CloseCode | None:
        """Return the close code if the connection has missed a deadline."""
        if now >= self.last_received + self._settings.pong_timeout_seconds:
            return CloseCode.NO_PONG
        if now >= self._token_ends:
            return CloseCode.TOKEN_ENDED
        if now >= self._hello_due and not conversation.has_begun:
            return CloseCode.NO_FIRST_FRAME
        return None

    def frames(self, now: float, conversation: "Conversation") -> list[bytes]:
        """Return the frames that are due, and schedule the next ones."""
        frames: list[bytes | None] = []
        if now >= self._next_ping:
            frames.append(PING_FRAME)
            self._next_ping = now + self._settings.ping_interval_seconds
        if now >= self._next_heartbeat:
            frames.append(conversation.heartbeat())
            self._next_heartbeat = now + self._settings.heartbeat_interval_seconds
        if now >= self._token_warning_due and conversation.has_begun:
            left_ms = max(0, round((self._token_ends - now) * 1000))
            frames.append(conversation.announce(TokenEnds(left_ms)))
            self._token_warning_due = math.inf
        return [frame for frame in frames if frame is not None]

    def due(self, now: float, conversation: "Conversation") -> float:
        """Return the time of the next deadline."""
        pong_due = self.last_received + self._settings.pong_timeout_seconds
        due = min(pong_due, self._next_ping, self._next_heartbeat, self._token_ends)
        if conversation.has_begun:
            return min(due, self._token_warning_due)
        # The first message decides on the warning, and may arrive at any time.
        return min(due, self._hello_due, max(self._token_warning_due, now + QUARTER_SECONDS))
