"""Traces the calls for one message; read a trace beside docs/explanation/one-message.md.

A single node keeps its history in SQLite and serves no TLS. One version 2 client sends a message
with a ``ref``. The trace of the event loop ends with the write that carries the ``ack`` and the
delivery. The trace of the store's writer thread is whole.

Each function of `trio_chat` counts once, even if it waits. Comprehensions and generated methods do
not count; calls of libraries have a count of their own.
"""

import json
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import trio
import trio.testing
from attrs import frozen

import trio_chat
from tests.support.frames import text
from tests.support.local_server import local_server
from tests.support.raw import RawConnection

ROUNDS = 10
"""The cheapest round counts: periodic work falls into some of them."""

PACKAGE = str(Path(trio_chat.__file__).parent)

COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>"})
"""Functions of their own up to Python 3.11 only."""


@frozen
class Way:
    """The calls of one thread for a message: those of the server, and the number of all others."""

    calls: Sequence[CodeType]
    others: int

    @property
    def files(self) -> list[str]:
        return list(dict.fromkeys(map(file_of, self.calls)))

    def __str__(self) -> str:
        lines = [f"{len(self.calls)} calls in {len(self.files)} files; {self.others} of libraries"]
        lines += [f"  {file_of(code):28} {code.co_qualname}" for code in self.calls]
        return "\n".join(lines)


def file_of(code: CodeType) -> str:
    return code.co_filename.removeprefix(PACKAGE).lstrip("/")


class Trace:
    """Records the functions that run, in this thread and in threads that start later."""

    def __init__(self) -> None:
        self._loop_thread = threading.get_ident()
        self._is_on = False
        self._loop: dict[FrameType, None] = {}
        self._others: dict[FrameType, None] = {}
        self._sent = 0

    @contextmanager
    def on(self) -> Iterator[None]:
        self._loop, self._others, self._is_on = {}, {}, True
        try:
            yield
        finally:
            self._is_on = False

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        if not self._is_on:
            return
        is_loop = threading.get_ident() == self._loop_thread
        if event == "call":
            (self._loop if is_loop else self._others)[frame] = None
        elif event == "c_call" and is_loop and _is_send_of_socket(arg):
            self._sent = len(self._loop)

    def ways(self) -> tuple[Way, Way]:
        """Return the calls of the event loop up to the last write, and those of other threads."""
        return _way(list(self._loop)[: self._sent]), _way(list(self._others))


def _is_send_of_socket(function: object) -> bool:
    owner = getattr(function, "__self__", None)
    return isinstance(owner, socket.socket) and getattr(function, "__name__", "") == "send"


def _way(frames: Sequence[FrameType]) -> Way:
    codes = [frame.f_code for frame in frames if frame.f_code.co_name not in COMPREHENSIONS]
    calls = [code for code in codes if code.co_filename.startswith(PACKAGE)]
    if not calls:
        return Way((), 0)
    on_the_way = codes[codes.index(calls[0]) :]
    return Way(calls, len(on_the_way) - len(calls))


def _arrive(ann: RawConnection) -> None:
    ann.upgrade()
    ann.push(text(json.dumps({"type": "hello", "v": 2, "username": "ann"})))
    while ann.read_event()["type"] != "system":
        pass


def _say(ann: RawConnection, ref: str) -> None:
    ann.push(text(json.dumps({"type": "message", "message": "hello", "ref": ref})))
    while ann.read_event()["type"] != "message":
        pass


def traced(path: Path) -> tuple[Way, Way]:
    """Trace a message to a new store: return the calls of the event loop, and of the writer."""
    return trio.run(_trace, path)


async def _trace(path: Path) -> tuple[Way, Way]:
    trace = Trace()
    found: list[tuple[Way, Way]] = []
    threading.setprofile(trace)  # of the writer thread, which begins with the store
    async with local_server(store=f"sqlite:{path}") as home:
        threading.setprofile(None)
        with RawConnection(("127.0.0.1", home.port)) as ann:
            await trio.to_thread.run_sync(_arrive, ann)
            sys.setprofile(trace)
            try:
                for number in range(ROUNDS):
                    await trio.testing.wait_all_tasks_blocked()
                    with trace.on():
                        await trio.to_thread.run_sync(_say, ann, str(number))
                        await trio.testing.wait_all_tasks_blocked()
                    found.append(trace.ways())
            finally:
                sys.setprofile(None)
    return min(found, key=lambda ways: sum(len(way.calls) for way in ways))
