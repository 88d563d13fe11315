"""The only way into the hub: it reads all idle connections, and takes requests of other tasks.

The hub's task polls the connections itself, with one epoll, so no other task wakes for a message. A
*source* is a connection as the inbox sees it: it reads bytes and returns a request. Other tasks put
requests into a memory channel and ring a bell, an eventfd in the same epoll.

Before this comes `trio_chat.websocket.connection`, whose `Connection` is a source. After it comes
`trio_chat.hub.hub`, which takes one turn for each batch.
"""

import os
import select
import time
from collections import OrderedDict, deque
from typing import Final

import outcome
import trio

from trio_chat.hub.requests import Publish, Request, Source

INBOX_REQUESTS: Final = 256  # in the channel. A full channel makes the sender wait

# The messages of a turn to a room are one write, which must fit into the queue of a fast client:
# 64 messages make at most 128 frames. 16 Ki characters and the message that exceeds them make at
# most 120 KiB of JSON, at the default of 4,096 characters a message.
TURN_REQUESTS: Final = 64
TURN_CHARS: Final = 16 * 1024

# Requests of a turn reserved for the channel, and sources that each turn reads at least. However
# much some clients send, others wait for a few turns at most.
_SHARE: Final = 16

# How long one turn may serve messages read before: inflating and refusing take time, too.
_STEP_SECONDS: Final = 0.002

_LOOK_SECONDS: Final = 0.01  # between two reads of the connections while a turn waits


class Inbox:
    """The requests that wait for the hub, which enters the inbox as a context manager.

    On exit the inbox closes and stops reading sources. From then on, putting a request in raises
    `trio.BrokenResourceError`, also in tasks that wait for room.
    """

    def __init__(self) -> None:
        self._putting, self._taking = trio.open_memory_channel[Request](INBOX_REQUESTS)
        self._has_sent = False  # whether the channel may have a request
        self._epoll = select.epoll()
        self._epoll_fd = self._epoll.fileno()
        self._bell: int | None = None
        self._sources: dict[int, Source] = {}
        self._queue: OrderedDict[int, None] = OrderedDict()  # have messages left, in rotation
        self._failures = _Failures()
        self.now = 0.0  # when the inbox last read the connections, on Trio's clock
        self._read_clock = trio.current_time
        self._is_waiting = False  # whether the hub waits for the epoll
        self._turns = 0
        self._is_in_turn = False
        self._turn_waits = trio.Event()
        # Requests read while a turn waited, and their sources, which it does not read until the hub
        # has taken the requests.
        self._early: deque[Request] = deque()
        self._paused: set[int] = set()

    def __enter__(self) -> None:
        # `trio.current_time` makes the same call through two others.
        self._read_clock = trio.lowlevel.current_clock().current_time
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._bell, select.EPOLLIN)

    def __exit__(self, *_: object) -> None:
        assert self._bell is not None  # noqa: S101 - it has been entered
        self._taking.close()
        self._epoll.close()
        self._sources.clear()
        self._queue.clear()
        os.close(self._bell)
        self._bell = None

    # --- for the connections ---------------------------------------------------------------------

    def watch(self, fd: int, source: Source) -> None:
        """Read a source whenever its descriptor is readable."""
        if not self._epoll.closed:
            self._sources[fd] = source
            self._epoll.register(fd, select.EPOLLIN)

    def unwatch(self, fd: int) -> None:
        """Stop reading a source. Call this before its descriptor is closed."""
        if self._sources.pop(fd, None) is not None:
            self._queue.pop(fd, None)
            if fd in self._paused:
                self._paused.remove(fd)
            else:
                self._epoll.unregister(fd)

    def serve(self, fd: int) -> None:
        """Call `go_on` of a source once: it has messages left. `unwatch` cancels this."""
        self._queue[fd] = None
        self._wake()

    def is_paused(self, fd: int) -> bool:
        """Return whether the inbox does not read a source until the hub has taken its request."""
        return fd in self._paused

    # --- for other tasks -------------------------------------------------------------------------

    def send_nowait(self, request: Request) -> None:
        """Put a request in; raise `trio.WouldBlock` if the inbox is full."""
        self._putting.send_nowait(request)
        self._has_sent = True
        self._wake()

    async def send(self, request: Request) -> None:
        """Put a request in, and wait for room first. If cancelled, the request is not in."""
        self._has_sent = True
        self._wake()  # no other task runs before the request is in, or waits for room
        await self._putting.send(request)

    def _wake(self) -> None:
        if self._is_waiting and self._bell is not None:
            self._is_waiting = False
            os.eventfd_write(self._bell, 1)

    # --- for the hub -----------------------------------------------------------------------------

    async def take(self) -> list[Request]:
        """Wait for requests, and return those of one turn. A cancellation loses none."""
        self._is_in_turn = False
        batch: list[Request] = []
        while not batch:
            if self._queue or self._has_sent or self._early:
                await trio.lowlevel.checkpoint()
            else:
                self._is_waiting = True
                await trio.lowlevel.wait_readable(self._epoll_fd)
                self._is_waiting = False
            most = TURN_REQUESTS - _SHARE if self._has_sent else TURN_REQUESTS
            if self._early:
                self._take_early(batch, most)
            else:
                self._poll(batch, most)
            # The channel comes last: a connection that ends sends its `Leave` there, after
            # everything read from it.
            if self._has_sent and not self._early:
                self._receive(batch)
        self._is_in_turn = True
        self._turns += 1
        return batch

    def turn_waits(self) -> None:
        """Note that the turn may wait for the store: the inbox reads the connections meanwhile."""
        self._turn_waits.set()

    async def read_in_long_turns(self) -> None:
        """Read the connections during long turns, until cancelled.

        So pings, closes and the echo are served. A request waits for the next turn and pauses its
        connection until then: there are never more such requests than connections.
        """
        while True:
            await self._turn_waits.wait()
            # A turn that starts waiting from here on sets the new event.
            self._turn_waits = trio.Event()
            turn = self._turns
            await trio.sleep(_LOOK_SECONDS)
            while self._is_in_turn and turn == self._turns:
                some: list[Request] = []
                self._poll(some, TURN_REQUESTS)
                self._early.extend(some)
                await trio.sleep(_LOOK_SECONDS)

    # --- inside ----------------------------------------------------------------------------------

    def _take_early(self, batch: list[Request], most: int) -> None:
        self.now = self._read_clock()
        chars = 0
        while self._early and len(batch) < most and chars < TURN_CHARS:
            request = self._early.popleft()
            batch.append(request)
            chars += _chars(request)
        if not self._early:
            for fd in self._paused:
                self._epoll.register(fd, select.EPOLLIN)
            self._paused.clear()

    def _poll(self, batch: list[Request], most: int) -> None:
        """Read the readable sources once, then serve those that have messages left.

        An exception of a source fails that source, and not the hub.
        """
        now = self.now = self._read_clock()
        sources = self._sources
        failures = self._failures
        events = self._epoll.poll(0, max(most - len(self._queue), _SHARE))
        events.reverse()
        while events:
            with failures:
                while events:
                    fd, _ = events.pop()
                    source = sources.get(fd)
                    if source is None:  # the bell, or a source that another one has just ended
                        if fd == self._bell:
                            os.eventfd_read(fd)
                        continue
                    failures.source = source
                    request = source.read(now)
                    if request is not None:
                        batch.append(request)
                        if self._is_in_turn:
                            self._pause(fd)
        if self._queue:
            self._serve_all(batch, most)

    def _serve_all(self, batch: list[Request], most: int) -> None:
        """Take one message after another of the sources that have several, in rotation."""
        chars = sum(map(_chars, batch))
        stop = time.perf_counter() + _STEP_SECONDS
        steps = len(self._queue) if self._is_in_turn else TURN_REQUESTS
        while self._queue and len(batch) < most and chars < TURN_CHARS and steps:
            steps -= 1
            fd, _ = self._queue.popitem(last=False)
            if fd in self._paused:
                self._queue[fd] = None
                continue
            source = self._failures.source = self._sources[fd]
            request: Request | None = None
            with self._failures:
                request = source.go_on(self.now)
            if request is not None:
                batch.append(request)
                chars += _chars(request)
                if self._is_in_turn:
                    self._pause(fd)
            if time.perf_counter() > stop:
                return

    def _pause(self, fd: int) -> None:
        self._paused.add(fd)
        self._epoll.unregister(fd)

    def _receive(self, batch: list[Request]) -> None:
        """Take requests from the channel; long texts of sources do not count here."""
        chars = 0
        while len(batch) < TURN_REQUESTS and chars < TURN_CHARS:
            try:
                request = self._taking.receive_nowait()
            except trio.WouldBlock:
                self._has_sent = False
                return
            batch.append(request)
            chars += _chars(request)


class _Failures:
    """A context that passes an exception to `source`, which is being read, and no further.

    It keeps no source afterwards: a connection that has ended must be freed at once (ADR 11).
    """

    source: Source | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        source, self.source = self.source, None
        if error is None or source is None:
            return False
        source.fail(outcome.Error(error))
        return True


def _chars(request: Request) -> int:
    return len(request.text) if type(request) is Publish else 0
