"""A thread writes lines: whole, in order, and without blocking the caller."""

import fcntl
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from trio_chat.cli.lines import LineWriter, open_missing_streams, standard_streams

PATIENCE_SECONDS = 20


class Pipe:
    """A pipe that is full after one page; ``end`` is its end for writing."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        self.end = os.fdopen(writing, "w")

    def fill(self) -> None:
        os.write(self.end.fileno(), b"." * 4095 + b"\n")

    def read(self, size: int) -> bytes:
        """Wait for this many bytes, or for the end."""
        data = b""
        while len(data) < size and (part := os.read(self._reading, size - len(data))):
            data += part
        return data

    def break_off(self) -> None:
        os.close(self._reading)
        self._reading = os.open(os.devnull, os.O_RDONLY)

    def close(self) -> None:
        self.end.close()
        os.close(self._reading)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


class Disk(io.StringIO):
    """A stream with room for a number of characters."""

    room = 0

    def write(self, text: str) -> int:
        if len(text) > self.room:
            raise OSError(28, "No space left on device")
        self.room -= len(text)
        return super().write(text)


def test_lines_are_written_in_their_order() -> None:
    stream = io.StringIO()
    writer = LineWriter(stream)
    for number in range(5000):
        writer.write(f"{number}\n")
    writer.close(PATIENCE_SECONDS)
    assert stream.getvalue().split() == [str(number) for number in range(5000)]
    assert writer.dropped == 0


def test_a_full_pipe_never_blocks_and_excess_lines_are_counted(pipe: Pipe) -> None:
    pipe.fill()
    writer = LineWriter(pipe.end, max_bytes=10_000)
    for number in range(1000):
        writer.write(f"{number}\n")
    assert 800 < writer.dropped < 950
    reports: list[tuple[int, str]] = []
    writer.on_working_again = lambda *report: reports.append(report)
    pipe.read(4096)
    writer.close(PATIENCE_SECONDS)
    pipe.end.close()
    assert pipe.read(1 << 20).decode().split() == [
        str(number) for number in range(1000 - writer.dropped)
    ]
    assert reports == [(writer.dropped, "too many lines")]


def test_a_partly_written_line_is_finished(pipe: Pipe) -> None:
    os.set_blocking(pipe.end.fileno(), False)
    writer = LineWriter(pipe.end)
    long = "x" * 20_000
    writer.write(long + "\n")
    writer.write("next\n")
    assert pipe.read(20_001 + 5).decode().splitlines() == [long, "next"]
    writer.close(PATIENCE_SECONDS)
    assert writer.dropped == 0


def test_lines_without_a_reader_are_dropped(pipe: Pipe) -> None:
    pipe.break_off()
    writer = LineWriter(pipe.end)
    for _ in range(3):
        writer.write("lost\n")
    writer.close(PATIENCE_SECONDS)
    assert writer.dropped == 3


def test_the_end_of_a_failure_is_reported_with_count_and_reason() -> None:
    disk = Disk()
    writer = LineWriter(disk)
    reports: list[tuple[int, str]] = []

    def report(count: int, reason: str) -> None:
        reports.append((count, reason))
        writer.write("reported\n")

    writer.on_working_again = report
    writer.write("lost\n")
    while not writer.dropped:
        pass
    disk.room = 1000
    writer.write("written\n")
    writer.close(PATIENCE_SECONDS)
    assert disk.getvalue() == "written\nreported\n"
    assert reports == [(1, "No space left on device")]


def test_a_line_cut_off_by_a_full_disk_is_finished_before_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[bytes] = []
    room = 10

    def write(_: int, data: memoryview) -> int:
        nonlocal room
        part = bytes(data[:room])
        if not part:
            raise OSError(28, "No space left on device")
        room -= len(part)
        written.append(part)
        return len(part)

    with (tmp_path / "log").open("w") as file:
        writer = LineWriter(file)
        monkeypatch.setattr("trio_chat.cli.lines.os.write", write)
        writer._write([b"one\n", b"two three\n", b"lost\n"])
        assert writer.dropped == 1
        writer._write([b"lost, too\n"])
        room = 2
        writer._write([b"lost again\n"])
        room = 100
        writer._write([b"four\n"])
        writer.close(PATIENCE_SECONDS)
    assert b"".join(written) == b"one\ntwo three\nfour\n"
    assert writer.dropped == 3


def test_close_waits_for_a_blocked_pipe_only_briefly(pipe: Pipe) -> None:
    pipe.fill()
    writer = LineWriter(pipe.end)
    writer.write("stuck\n")
    writer.close(0.01)
    os.write(pipe.end.fileno(), b"." * 100_000)  # goes to /dev/null
    writer.write("late\n")
    assert writer.dropped == 1
    pipe.read(4096 + 6)


def test_printed_pieces_become_lines(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with standard_streams() as streams:
        print("out", 1)  # noqa: T201
        print("err", end="", file=sys.stderr)  # noqa: T201
        streams.stderr.write("whole\n")
        print(" 2", file=sys.stderr)  # noqa: T201
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("out 1\n", "whole\nerr 2\n")


def test_a_closed_standard_stream_becomes_dev_null(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def fstat(descriptor: int) -> None:
        if descriptor:
            raise OSError(9, "Bad file descriptor")

    system = SimpleNamespace(
        fstat=fstat,
        open=lambda path, _flags: opened.append(path),
        fdopen=lambda descriptor, *_, **__: f"stream {descriptor}",
        devnull=os.devnull,
        O_RDWR=os.O_RDWR,
    )
    with monkeypatch.context() as patch:
        patch.setattr("trio_chat.cli.lines.os", system)
        patch.setattr(sys, "stdout", None)
        patch.setattr(sys, "stderr", None)
        open_missing_streams()
        streams = sys.stdout, sys.stderr
    assert opened == [os.devnull, os.devnull]
    assert streams == ("stream 1", "stream 2")
