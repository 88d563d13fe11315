"""Log lines, for people and for programs."""

import gc
import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.cli.lines import LineWriter
from trio_chat.cli.logs import _PlainRenderer, configure, failures_as_lines
from trio_chat.settings import LogFormat, LogLevel

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class Log:
    """Collects log lines."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self._writer = LineWriter(self._stream)

    def configure(self, log_format: LogFormat, log_level: LogLevel = "info") -> LineWriter:
        configure(log_format, log_level, self._writer)
        return self._writer

    def read(self) -> str:
        """End, and return everything written."""
        self._writer.close()
        return self._stream.getvalue()

    def read_json(self) -> dict[str, Any]:
        (line,) = self.read().splitlines()
        made: dict[str, Any] = json.loads(line)
        return made


@pytest.fixture
def log() -> Log:
    return Log()


def fail() -> None:
    msg = "no\nluck\x1b[31m"
    raise ValueError(msg)


def log_a_failure(logger: Any) -> None:  # noqa: ANN401 - structlog's or the stdlib's
    try:
        fail()
    except ValueError:
        logger.exception("failed")


def test_json_is_one_object_a_line(log: Log) -> None:
    log.configure("json")
    structlog.get_logger().info("connected", peer="192.0.2.1:5", name="a\nb\u202e")
    line = log.read_json()
    assert UTC.fullmatch(line.pop("timestamp"))
    expected = {"event": "connected", "level": "info", "peer": "192.0.2.1:5"}
    assert line == {**expected, "name": "a\nb\u202e"}


@pytest.mark.parametrize("get_logger", [structlog.get_logger, logging.getLogger])
def test_json_holds_an_exception_as_a_string(log: Log, get_logger: Callable[[str], object]) -> None:
    log.configure("json")
    log_a_failure(get_logger("some.library"))
    exception = log.read_json()["exception"]
    assert exception.startswith("Traceback (most recent call last):\n")
    assert exception.endswith("luck\x1b[31m")


def test_console_begins_with_the_time_in_utc(log: Log) -> None:
    log.configure("console")
    structlog.get_logger().info("connected", peer="192.0.2.1:5")
    time, _, rest = log.read().partition(" ")
    assert UTC.fullmatch(time)
    assert re.fullmatch(r"\[info +\] connected +peer=192\.0\.2\.1:5\n", rest)


def test_console_shows_an_exception_indented_under_its_event(log: Log) -> None:
    log.configure("console")
    log_a_failure(structlog.get_logger())
    first, *rest = log.read().splitlines()
    assert "failed" in first
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2J", "a\u202eb", "a\ud800", "a\r", "a\x00"])
def test_console_escapes_control_characters(log: Log, text: str) -> None:
    log.configure("console")
    structlog.get_logger().info(text, name=text)
    err = log.read()
    assert err.endswith("\n")
    assert err[:-1].isprintable()


@given(
    event=st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=40),
    values=st.dictionaries(
        st.sampled_from(["address", "code", "name", "reason"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("a =\t'\"é", max_size=5),
    ),
    rare=st.dictionaries(st.sampled_from(["stack", "logger", "exception"]), st.just("x")),
)
def test_plain_console_lines_equal_those_of_structlog(
    event: str, values: dict[str, object], rare: dict[str, object]
) -> None:
    logged = {"timestamp": "T", "level": "warning", "event": event, **values, **rare}
    expected = structlog.dev.ConsoleRenderer(colors=False)(None, "", dict(logged))
    assert _PlainRenderer()(None, "", dict(logged)) == expected


def test_a_console_value_cannot_pass_for_another_field(log: Log) -> None:
    log.configure("console")
    structlog.get_logger().info("joined", name="ann level=error")
    assert "name='ann level=error'" in log.read()


@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_lower_levels_are_not_logged(log: Log, level: str, count: int) -> None:
    log.configure("console", level)  # type: ignore[arg-type]
    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)("event")
    assert log.read().count("\n") == count


@pytest.mark.parametrize(
    ("level", "logged"), [("debug", ["warning", "error"]), ("error", ["error"])]
)
def test_warnings_of_libraries_are_logged(log: Log, level: str, logged: list[str]) -> None:
    log.configure("json", level)  # type: ignore[arg-type]
    library = logging.getLogger("some.library")
    library.info("no")
    library.warning("%s", "hm")
    library.error("oh")
    lines = [json.loads(line) for line in log.read().splitlines()]
    assert [line["level"] for line in lines] == logged
    assert {line["logger"] for line in lines} == {"some.library"}


def test_python_warnings_are_logged(log: Log) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log.configure("json")
        warnings.warn("careful", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    line = log.read_json()
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "careful" in line["event"]


def test_every_line_has_the_context_fields(log: Log) -> None:
    log.configure("json")
    with structlog.contextvars.bound_contextvars(node="n1"):
        structlog.get_logger().info("ours")
        logging.getLogger("some.library").warning("theirs")
    lines = map(json.loads, log.read().splitlines())
    assert [(line["event"], line["node"]) for line in lines] == [("ours", "n1"), ("theirs", "n1")]


class Torn:
    """Fails when it is collected."""

    def __del__(self) -> None:
        fail()


def test_an_unraisable_exception_is_logged(log: Log) -> None:
    hook = sys.unraisablehook
    with failures_as_lines(log.configure("json")):
        Torn()
        gc.collect()
    assert sys.unraisablehook is hook
    line = log.read_json()
    assert (line["event"], line["level"]) == ("exception ignored", "error")
    assert line["exception"].endswith("luck\x1b[31m")


def test_dropped_lines_are_one_line_when_writing_works_again(log: Log) -> None:
    writer = log.configure("json")
    with failures_as_lines(writer):
        writer.write("x" * 10_000_000 + "\n")
        structlog.get_logger().info("next")
    first, second = map(json.loads, log.read().splitlines())
    assert first["event"] == "next"
    assert (second["event"], second["level"], second["count"]) == ("log lines dropped", "error", 1)
    assert second["reason"] == "too many lines"
