"""Lines on stdout and stderr that never make the caller wait.

An unread pipe, a hung disk or a stopped terminal blocks its writer. So callers put lines into a
bounded queue, and a thread writes them. The writer drops and counts each line that does not fit, or
that it cannot write. One line reports them as soon as writing works again.
"""

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOBase
from queue import Empty, SimpleQueue
from typing import Final, TextIO

from attrs import frozen

MAX_BYTES: Final = 4 * 1024 * 1024
"""About 20,000 lines: enough for a disk that hangs for seconds in a burst of clients."""

_LINE_OVERHEAD_BYTES: Final = 64
"""The memory of a queue entry besides its text."""

FLUSH_SECONDS: Final = 1.0
"""The time limit for stderr at the end of the process: enough for 4 MiB, short for an operator."""

PAUSE_SECONDS: Final = 0.01
"""The pause of the thread after it has written all lines. Otherwise each line in a burst would wake
it, which costs the event loop as much as rendering the line."""

REPORT_SECONDS: Final = 10.0
"""The interval of reports while the writer keeps dropping lines."""


class LineWriter:
    """Writes lines to a stream, in its own thread.

    Args:
        stream: The stream. If it has a file descriptor, the thread writes to the descriptor.
        max_bytes: The capacity of the queue.
    """

    def __init__(self, stream: TextIO, max_bytes: int = MAX_BYTES) -> None:
        self.dropped = 0
        """The number of lines that did not fit into the queue or could not be written."""
        self.on_working_again: Callable[[int, str], None] = lambda _count, _reason: None
        """The thread calls it with the number of dropped lines and the last reason, once it has
        written a line again."""
        self.isatty = stream.isatty()
        self._descriptor = _descriptor_of(stream)
        self._stream = stream
        self._max_bytes = max_bytes
        # Reentrant, as `SimpleQueue` is: a finalizer may log in the middle of `write`.
        self._lock = threading.RLock()
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._closing = threading.Event()
        self._waiting_bytes = 0
        self._is_closed = False
        self._reason = ""
        self._reported = 0
        self._reported_at = -REPORT_SECONDS
        # The rest of a partly written line.
        self._rest = b""
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Queue one or more whole lines, each with its line break. Never blocks; thread-safe."""
        data = text.encode("utf-8", "backslashreplace")
        size = len(data) + _LINE_OVERHEAD_BYTES
        with self._lock:
            if self._is_closed or self._waiting_bytes + size > self._max_bytes:
                self._drop(text.count("\n"), "too many lines")
            else:
                self._waiting_bytes += size
                self._queue.put(data)

    def flush(self) -> None:
        """Do nothing: the thread writes as soon as it can."""

    def close(self, seconds: float = FLUSH_SECONDS) -> None:
        """Write the queued lines, for at most this long; drop later ones.

        If the stream is blocked, its descriptor then refers to /dev/null, so that the interpreter
        does not block when it writes at exit.
        """
        self._closing.set()
        self._queue.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive() and self._descriptor is not None:
            lead_nowhere(self._descriptor)
        self._is_closed = True

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        for batch in self._batches():
            self._write(batch)

    def _batches(self) -> Iterator[list[bytes]]:
        """Yield batches of lines until `close`, each small enough for an atomic write to a pipe.

        So lines stay whole, even if other processes write to the same pipe.
        """
        batch: list[bytes] = []
        is_closing = False
        while batch or not is_closing or not self._queue.empty():
            try:
                line = self._queue.get(block=not batch)
            except Empty:
                yield batch
                batch = []
                self._closing.wait(PAUSE_SECONDS)
                continue
            if line is None:
                is_closing = True
            elif batch and sum(map(len, batch)) + len(line) > select.PIPE_BUF:
                yield batch
                batch = [line]
            else:
                batch.append(line)

    def _write(self, lines: Sequence[bytes]) -> None:
        data = memoryview(self._rest + b"".join(lines))
        written = 0
        try:
            while written < len(data):
                written += self._write_some(data[written:])
        except (OSError, ValueError) as error:  # a closed stream raises ValueError
            self._note_failure(lines, written, error)
        else:
            self._rest = b""
        with self._lock:
            self._waiting_bytes -= sum(map(len, lines)) + _LINE_OVERHEAD_BYTES * len(lines)
        if written and not self._rest:
            self._report()

    def _write_some(self, data: memoryview) -> int:
        if self._descriptor is None:
            self._stream.write(str(data, "utf-8"))
            self._stream.flush()
            return len(data)
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:  # another process has made the descriptor non-blocking
            waiter = select.poll()
            waiter.register(self._descriptor, select.POLLOUT)
            waiter.poll()
            return 0

    def _note_failure(self, lines: Sequence[bytes], written: int, error: Exception) -> None:
        """Drop the unwritten lines; the rest of a partly written line goes out first."""
        left = written - len(self._rest)
        if left < 0:
            self._rest = self._rest[written:]
            left = 0
        else:
            self._rest = b""
        lost = 0
        for line in lines:
            if 0 < left < len(line):
                self._rest = line[left:]
            elif left <= 0:
                lost += 1
            left -= len(line)
        with self._lock:
            self._drop(lost, (isinstance(error, OSError) and error.strerror) or str(error))

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        self._reason = reason

    def _report(self) -> None:
        count, now = self.dropped - self._reported, time.monotonic()
        if count and (self._queue.empty() or now >= self._reported_at + REPORT_SECONDS):
            self._reported += count
            self._reported_at = now
            self.on_working_again(count, self._reason)


class _Pieces(TextIOBase):
    """Replaces a standard stream, and joins the pieces that Python writes there to lines.

    The interpreter writes a traceback in many pieces.
    """

    def __init__(self, lines: LineWriter) -> None:
        self._lines = lines
        self._begun = threading.local()

    def write(self, text: str) -> int:
        """Add a piece, and pass whole lines on."""
        whole, newline, rest = (getattr(self._begun, "text", "") + text).rpartition("\n")
        self._begun.text = rest
        if newline:
            self._lines.write(whole + newline)
        return len(text)


@frozen
class Streams:
    """The line writers of the standard streams."""

    stdout: LineWriter
    stderr: LineWriter


@contextmanager
def standard_streams() -> Iterator[Streams]:
    """Write all output to stdout and stderr in threads while the block lasts."""
    before = sys.stdout, sys.stderr
    streams = Streams(*map(LineWriter, before))
    sys.stdout, sys.stderr = _Pieces(streams.stdout), _Pieces(streams.stderr)
    try:
        yield streams
    finally:
        sys.stdout, sys.stderr = before
        streams.stderr.close()
        streams.stdout.close(FLUSH_SECONDS / 10)  # its single line was queued long ago


def say_on_stderr(line: str) -> None:
    """Write a line to stderr, unless that fails or takes too long."""
    writer = LineWriter(sys.stderr)
    writer.write(line + "\n")
    writer.close()


def open_missing_streams() -> None:
    """Open /dev/null in place of closed standard streams.

    Otherwise the next file or socket would get the number of one, and receive all output to
    stderr.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def lead_nowhere(descriptor: int) -> None:
    """Make a descriptor refer to /dev/null, so that output to it is discarded."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _descriptor_of(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # no descriptor, as in pytest
        return None
