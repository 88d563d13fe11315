"""The log of the process: structured lines on stderr, for people or for programs.

`lines` writes them. What a client sends may end up in a line (a name, a header, a traceback), so
nothing in one can start another line, nor move the cursor of the terminal that shows it.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from trio_chat.cli.lines import LineWriter
from trio_chat.settings import LogFormat, LogLevel


def configure(log_format: LogFormat, log_level: LogLevel, lines: LineWriter) -> None:
    """Send structlog and the stdlib's logging to stderr, in one format.

    Args:
        log_format: ``console`` for columns to read, ``json`` for one object a line.
        log_level: The least level of ours that is written. Libraries are heard from warnings up,
            whatever it is: their lower levels are notes to their own authors.
        lines: Writes them.
    """
    level = logging.getLevelNamesMapping()[log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ending = _ending(log_format, colors=lines.isatty)
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _LineLogger(lines),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(level, logging.WARNING))
    # Python's own warnings too: "coroutine was never awaited" is a line like any other.
    logging.captureWarnings(True)  # noqa: FBT003 - the stdlib's signature


class _LineLogger:
    """Passes rendered events on. Structlog's own waits for a lock, and for the stream."""

    def __init__(self, lines: LineWriter) -> None:
        self._lines = lines

    def msg(self, event: str) -> None:
        """Queue one event as a line."""
        self._lines.write(event + "\n")

    debug = info = warning = error = critical = msg


@contextmanager
def failures_as_lines(lines: LineWriter) -> Iterator[None]:
    """Log dropped lines, and exceptions that Python could raise nowhere, while the block lasts."""
    lines.on_working_again = _log_dropped
    before, sys.unraisablehook = sys.unraisablehook, _log_unraisable
    try:
        yield
    finally:
        sys.unraisablehook = before


def _log_dropped(count: int, reason: str) -> None:
    structlog.get_logger().error("log lines dropped", count=count, reason=reason)


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    # Not the object: its representation may contain data of a client, or fail.
    structlog.get_logger().error(
        "exception ignored", exc_info=unraisable.exc_value, where=unraisable.err_msg or ""
    )


def _ending(log_format: LogFormat, *, colors: bool) -> list[Processor]:
    """Give the last steps: an exception becomes text, and the whole becomes a line."""
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.processors.format_exc_info,
        _escape_control_characters,
        structlog.dev.ConsoleRenderer(colors=True) if colors else _PlainRenderer(),
    ]


class _PlainRenderer:
    """Renders an event as structlog's `ConsoleRenderer` does without colors, only faster.

    Each client that comes and goes logs three lines. Rare events are left to that renderer.
    """

    def __init__(self) -> None:
        self._render_rare = structlog.dev.ConsoleRenderer(colors=False)

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        """Return the line, without its line break."""
        if not _RARE.isdisjoint(event):
            return self._render_rare(logger, name, event)
        first = f"{event.pop('timestamp')} [{event.pop('level'):<9}] {event.pop('event'):<30}"
        return " ".join([first, *(f"{key}={_value(event[key])}" for key in sorted(event))]).rstrip()


_RARE: Final = frozenset({"exception", "exc_info", "stack", "logger", "logger_name"})
_QUOTED: Final = re.compile(r"[ \t=\r\n\"']")


def _value(value: object) -> str:
    """Return a value so that it cannot pass for another field."""
    return value if isinstance(value, str) and not _QUOTED.search(value) else repr(value)


def _escape_control_characters(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make line breaks, escape sequences and bidi overrides in an event visible.

    JSON needs none of it: it escapes all that is not ASCII.
    """
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            # A traceback alone has several lines; indented, none can be taken for another event.
            event[key] = (
                "\n".join("    " + _printable(line) for line in value.split("\n"))
                if key == "exception"
                else _printable(value)
            )
    return event


def _printable(text: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
