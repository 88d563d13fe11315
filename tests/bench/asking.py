"""A closed loop of requests to a server with a line protocol, one connection for each sender."""

import re
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.figures import Figures, Timing, percentile_ms
from tests.bench.load import LoadError
from tests.bench.process import Neighbours
from tests.bench.starting import Running

LINES_OF_ANSWER = 2
"""Of Redis, a length and the id; of NATS, a head and its payload."""

REFUSAL = re.compile(rb'-ERR|"error"')

READ_BYTES = 4096
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Language:
    """The commands of a sender.

    Attributes:
        request: Returns the command of sender number N; `LINES_OF_ANSWER` lines answer it.
        greeting: Returns its first bytes, which have no answer.
        is_greeted: Whether the server sends a line first.
    """

    request: Callable[[int], bytes]
    greeting: Callable[[int], bytes] = lambda _: b""
    is_greeted: bool = False


@dataclass(slots=True)
class _Sender:
    sock: socket.socket
    request: bytes
    answer: bytes = b""
    sent_ns: int = 0

    def send(self) -> None:
        self.answer = b""
        self.sent_ns = time.perf_counter_ns()
        self.sock.sendall(self.request)


def closed_loop(server: Running, language: Language, senders: int, timing: Timing) -> Figures:
    """Let each sender send its next message after the acknowledgement of the last.

    Raises:
        LoadError: The server refuses, or does not answer in time.
    """
    epoll = select.epoll()
    asking: dict[int, _Sender] = {}
    try:
        for number in range(senders):
            sock = _connected(server, language, number)
            sender = _Sender(sock, language.request(number))
            asking[sock.fileno()] = sender
            epoll.register(sock, select.EPOLLIN)
            sender.send()
        _run(epoll, asking, timing.warm_up)
        neighbours = Neighbours(server.cpu_seconds)
        cpu, generator, begun = server.cpu_seconds(), time.process_time(), time.monotonic()
        latencies = _run(epoll, asking, timing.window)
        seconds = time.monotonic() - begun
        return Figures(
            per_second=len(latencies) / seconds,
            cpu_us=(server.cpu_seconds() - cpu) / max(1, len(latencies)) * 1e6,
            p50_ms=percentile_ms(latencies, 50),
            p99_ms=percentile_ms(latencies, 99),
            generator_share=(time.process_time() - generator) / seconds,
            others_share=neighbours.cores(),
        )
    finally:
        epoll.close()
        for sender in asking.values():
            sender.sock.close()


def asked_once(server: Running, language: Language) -> bytes:
    """Send one message, and return what answers it.

    Raises:
        LoadError: The server refuses.
    """
    with _connected(server, language, 0) as sock:
        sock.sendall(language.request(0))
        answer = b""
        while answer.count(b"\r\n") < LINES_OF_ANSWER:
            answer += _received(sock)
    return answer


def _connected(server: Running, language: Language, number: int) -> socket.socket:
    address = (server.address.host, server.address.port)
    sock = socket.create_connection(address, _TIMEOUT_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    greeting = b"" if language.is_greeted else b"\r\n"
    while not greeting.endswith(b"\r\n"):
        greeting += _received(sock)
    sock.sendall(language.greeting(number))
    return sock


def _run(epoll: select.epoll, asking: dict[int, _Sender], seconds: float) -> list[int]:
    """How long each acknowledgement took, in microseconds, sorted."""
    took: list[int] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ready = epoll.poll(_TIMEOUT_SECONDS)
        if not ready:
            raise LoadError("nothing is acknowledged any more")
        for fd, _ in ready:
            sender = asking[fd]
            sender.answer += _received(sender.sock)
            if sender.answer.count(b"\r\n") >= LINES_OF_ANSWER:
                took.append((time.perf_counter_ns() - sender.sent_ns) // 1000)
                sender.send()
    took.sort()
    return took


def _received(sock: socket.socket) -> bytes:
    fresh = sock.recv(READ_BYTES)
    if not fresh or REFUSAL.search(fresh):
        raise LoadError(f"refused: {fresh[:200]!r}")
    return fresh
