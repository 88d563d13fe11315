"""Configures logging: structured lines on stderr, for people or for programs.

`lines` writes them. A line may contain data from a client (a name, a header, a traceback). So no
value can start another line or move the cursor of a terminal.
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
        log_format: ``console`` for columns, ``json`` for one object a line.
        log_level: Minimum level of our own lines. Libraries log at ``warning`` or this level,
            whichever is higher: their lower levels are for their own developers.
        lines: Writes the lines.
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
    # Python's own warnings too, such as "coroutine was never awaited".
    logging.captureWarnings(True)  # noqa: FBT003 - the stdlib's signature


class _LineLogger:
    """Passes rendered events on. Structlog's own logger waits for a lock and for the stream."""

    def __init__(self, lines: LineWriter) -> None:
        self._lines = lines

    def msg(self, event: str) -> None:
        """Queue one event as a line."""
        self._lines.write(event + "\n")

    debug = info = warning = error = critical = msg


@contextmanager
def failures_as_lines(lines: LineWriter) -> Iterator[None]:
    """Log dropped lines and unraisable exceptions while the block lasts."""
    lines.on_working_again = _log_dropped
    before, sys.unraisablehook = sys.unraisablehook, _log_unraisable
    try:
        yield
    finally:
        sys.unraisablehook = before


def _log_dropped(count: int, reason: str) -> None:
    structlog.get_logger().error("log lines dropped", count=count, reason=reason)


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    # Not the object: its representation may contain client data, or fail.
    structlog.get_logger().error(
        "exception ignored", exc_info=unraisable.exc_value, where=unraisable.err_msg or ""
    )


def _ending(log_format: LogFormat, *, colors: bool) -> list[Processor]:
    """Return the last processors, which render exceptions and the whole line."""
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.processors.format_exc_info,
        _escape_control_characters,
        structlog.dev.ConsoleRenderer(colors=True) if colors else _PlainRenderer(),
    ]


class _PlainRenderer:
    """Renders an event as structlog's `ConsoleRenderer` does without colors, but faster.

    Each client logs three lines. Rare events go to that renderer.
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
    """Return a value as text that cannot pass for another field."""
    return value if isinstance(value, str) and not _QUOTED.search(value) else repr(value)


def _escape_control_characters(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make line breaks, escape sequences and bidi overrides in an event visible.

    JSON does not need this: it escapes everything but ASCII.
    """
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            # Only a traceback has several lines; indented, none can pass for another event.
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
