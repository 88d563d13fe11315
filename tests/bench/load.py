"""The load generator: one thread, raw epoll, and `bytes.count` in place of parsing.

A `Room` holds the clients of one server. Each turn reads all available bytes. Each connection keeps
its last few bytes, so that a mark cut in two by a read counts once. Watchers do the work of some
clients (senders, sampled receivers, newcomers) at no cost to the others.

The generator answers no pings, so trio_chat and the peer in Go close its clients after 90 s. Each
measure starts a new server and ends before that.
"""

import itertools
import select
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from tests.bench.frames import (
    MARK,
    MAX_SENDERS,
    STAMPED_BYTES,
    STAMPS,
    MessageFrames,
    own_mark,
    own_room,
)
from tests.bench.process import Neighbours
from tests.bench.receiving import Receive

TAIL_BYTES = len(MARK) - 1
"""The bytes kept between reads: one less than a mark, so that no mark counts twice."""

READ_BYTES = 65536
"""More than any server here sends one client in a turn."""

EVENTS_A_TURN = 128
"""Few enough to delay a message due at a fixed rate by a fraction of a millisecond only."""

STALL_SECONDS = 8.0
"""Without arrivals for this time, missing messages are lost. The slowest peer empties its queue
well within it."""

SETTLE_SECONDS = 60.0
"""The limit for messages on their way, even while some still arrive."""

Watcher = Callable[[bytes], None]


class LoadError(Exception):
    """A server failed, for example by refusing a connection."""


@dataclass(slots=True, eq=False)
class Client:
    """One connection.

    Attributes:
        received: The number of messages received, complete or not.
        watchers: Called with the bytes of each read, after the last `TAIL_BYTES` bytes before it.
    """

    sock: socket.socket
    receive: Receive
    tail: bytes = bytes(TAIL_BYTES)
    received: int = 0
    closed: bool = False
    watchers: tuple[Watcher, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """The measurements of a period.

    Attributes:
        deliveries: Messages that arrived, each copy counted.
        server_seconds: Processor time the server took.
        generator_share: How busy the generator was; near 1 it is what limits the server.
        others_share: How many cores were busy with neither the server nor the generator.
        latencies_us: Microseconds from sending to arrival, at the sampled receivers.
    """

    seconds: float
    deliveries: int
    server_seconds: float
    generator_share: float
    others_share: float
    latencies_us: list[int]


class Sampler:
    """Reads the stamps at one receiver."""

    def __init__(self) -> None:
        self.latencies_us: list[int] = []
        self._rest = b""

    def __call__(self, data: bytes) -> None:
        """Record the age of each message."""
        now_us = time.monotonic_ns() // 1000
        fresh = self._rest + data[TAIL_BYTES:]
        end = 0
        for match in STAMPS.finditer(fresh):
            self.latencies_us.append(now_us - int(match[1]))
            end = match.end()
        self._rest = fresh[max(end, len(fresh) - STAMPED_BYTES + 1) :]


class Sender:
    """Sends through one client; in a closed loop, again as soon as its own mark is back.

    Args:
        client: The client.
        number: The number of the sender.
        is_alone: Whether it sends to its own room and waits for the acknowledgement. Otherwise it
            sends to all and waits for its copy.
    """

    def __init__(self, client: Client, number: int, *, is_alone: bool = False) -> None:
        self.sent = 0
        self.looping = False
        self.client = client
        # Clients in rooms of their own receive no other marks, so they may share one.
        mark = number % MAX_SENDERS if is_alone else number
        self._frames = MessageFrames(mark, own_room(number) if is_alone else None)
        self._mark = own_mark(mark)

    def send(self) -> None:
        """Send one message.

        Raises:
            LoadError: The server does not read.
        """
        frame = self._frames.stamped()
        self.sent += 1
        if self.client.closed:
            return
        try:
            whole = self.client.sock.send(frame) == len(frame)
        except (BlockingIOError, ssl.SSLWantWriteError):
            whole = False
        except ConnectionError:
            return  # the next read notices, and missed messages count as lost
        if not whole:
            raise LoadError("the server has stopped reading")

    def __call__(self, data: bytes) -> None:
        """Send the next message if the own mark has returned."""
        if self.looping and self._mark in data:
            self.send()


@dataclass(slots=True)
class Room:
    """The clients of one server, and the loop that serves them. Use it as a context manager.

    Attributes:
        server_seconds: Returns the processor time of the server so far.
        is_shared: Whether all clients share a room. Otherwise each is alone and receives
            acknowledgements, which count as deliveries.
        clients: All clients by file descriptor, including those the server has closed.
        closed: The number of clients that the server has closed.
    """

    server_seconds: Callable[[], float]
    is_shared: bool = True
    clients: dict[int, Client] = field(default_factory=dict)
    closed: int = 0
    _epoll: select.epoll = field(default_factory=select.epoll)
    _senders: list[Sender] = field(default_factory=list)
    _samplers: list[Sampler] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for client in self.clients.values():
            client.sock.close()
        self._epoll.close()

    def add(self, sock: socket.socket, receive: Receive | None = None) -> Client:
        """Add a connected socket, and make it non-blocking.

        Args:
            sock: The socket.
            receive: Reads the socket; by default its own method.
        """
        sock.settimeout(0)
        client = Client(sock, receive or sock.recv)
        self.clients[sock.fileno()] = client
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        return client

    def turn(self, timeout_seconds: float) -> None:
        """Read the bytes of at most `EVENTS_A_TURN` clients, after waiting for the first."""
        clients = self.clients
        for fd, _ in self._epoll.poll(timeout_seconds, EVENTS_A_TURN):
            client = clients[fd]
            try:
                fresh = client.receive(READ_BYTES)
            except BlockingIOError:
                continue  # no complete record so far
            except ConnectionError:
                fresh = b""
            if not fresh:
                client.closed = True
                self.closed += 1
                self._epoll.unregister(fd)
                continue
            data = client.tail + fresh
            client.received += data.count(MARK)
            client.tail = data[-TAIL_BYTES:]
            for watch in client.watchers:
                watch(data)

    def appoint(self, senders: int, samplers: int) -> None:
        """Choose the senders and the sampled receivers.

        Both are spread evenly over the order of joining, so that the order in which a server
        serves its clients gives it no advantage. Clients alone in their rooms all send.
        """
        members = list(self.clients.values())
        for number in range(senders):
            client = members[number * len(members) // senders]
            sender = Sender(client, number, is_alone=not self.is_shared)
            client.watchers += (sender,)
            self._senders.append(sender)
        for number in range(samplers):
            client = members[(2 * number + 1) * len(members) // (2 * samplers)]
            sampler = Sampler()
            client.watchers += (sampler,)
            self._samplers.append(sampler)

    def closed_loop(self, warm_up_seconds: float, window_seconds: float) -> Window:
        """Let each sender send its next message when its own copy has returned."""
        for sender in self._senders:
            sender.looping = True
            sender.send()
        self.idle(warm_up_seconds)
        window = self._watch(lambda: self.idle(window_seconds))
        for sender in self._senders:
            sender.looping = False
        return window

    def fixed_rate(
        self, per_second: float, warm_up_seconds: float, window_seconds: float
    ) -> Window:
        """Send messages at this rate, evenly spaced, from all senders in turn.

        A late generator catches up, so the number of messages is always the same.
        """
        due = time.monotonic()
        senders = itertools.cycle(self._senders)

        def send(seconds: float) -> None:
            nonlocal due
            for _ in range(round(per_second * seconds)):
                self._run_until(due)
                next(senders).send()
                due += 1 / per_second
            self._run_until(due)

        send(warm_up_seconds)
        return self._watch(lambda: send(window_seconds))

    def settle(self) -> int:
        """Wait until everything sent has arrived everywhere.

        Returns:
            Deliveries that are wrong in the end: missing, or more than sent.
        """
        end = time.monotonic() + SETTLE_SECONDS
        progress = (self._deliveries(), time.monotonic())
        while (wrong := self._wrong()) and time.monotonic() < end:
            self.turn(0.05)
            if self._deliveries() != progress[0]:
                progress = (self._deliveries(), time.monotonic())
            elif time.monotonic() - progress[1] > STALL_SECONDS:
                break
        return wrong

    def idle(self, seconds: float) -> None:
        """Read for a while, without sending."""
        self._run_until(time.monotonic() + seconds)

    def _run_until(self, end: float) -> None:
        while (left := end - time.monotonic()) > 0:
            self.turn(left)

    def _watch(self, run: Callable[[], None]) -> Window:
        for sampler in self._samplers:
            sampler.latencies_us.clear()
        deliveries = self._deliveries()
        neighbours = Neighbours(self.server_seconds)
        generator, server = time.process_time(), self.server_seconds()
        start = time.monotonic()
        run()
        elapsed = time.monotonic() - start
        server = self.server_seconds() - server
        generator = time.process_time() - generator
        return Window(
            seconds=elapsed,
            deliveries=self._deliveries() - deliveries,
            server_seconds=server,
            generator_share=generator / elapsed,
            others_share=neighbours.cores(),
            latencies_us=[each for sampler in self._samplers for each in sampler.latencies_us],
        )

    def _deliveries(self) -> int:
        return sum(client.received for client in self.clients.values())

    def _wrong(self) -> int:
        if not self.is_shared:
            return sum(abs(sender.sent - sender.client.received) for sender in self._senders)
        sent = sum(sender.sent for sender in self._senders)
        return sum(abs(sent - client.received) for client in self.clients.values())
