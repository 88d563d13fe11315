import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest
import structlog

from trio_chat.cli.logs import configure

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def fail() -> None:
    msg = "no\nluck\x1b[31m"
    raise ValueError(msg)


def log_a_failure() -> None:
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("failed", peer="192.0.2.1:5")


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    structlog.get_logger().info("connected", peer="192.0.2.1:5", name="a\nb\u202e")
    line = json.loads(capsys.readouterr().err)
    assert UTC.fullmatch(line.pop("timestamp"))
    assert line == {
        "event": "connected",
        "level": "info",
        "name": "a\nb\u202e",
        "peer": "192.0.2.1:5",
    }


def test_json_holds_an_exception_as_a_string(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    log_a_failure()
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert json.loads(err)["exception"].startswith("Traceback (most recent call last):\n")


def test_console_begins_with_the_time_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console", "info")
    structlog.get_logger().info("connected", peer="192.0.2.1:5")
    time, _, rest = capsys.readouterr().err.partition(" ")
    assert UTC.fullmatch(time)
    assert re.fullmatch(r"\[info +\] connected +peer=192\.0\.2\.1:5\n", rest)


def test_console_shows_an_exception_indented_under_its_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("console", "info")
    log_a_failure()
    first, *rest = capsys.readouterr().err.splitlines()
    assert "failed" in first
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest)


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[2J", "a\u202eb", "a\ud800", "a\r", "a\x00"])
def test_console_lets_nothing_into_the_terminal(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    configure("console", "info")
    structlog.get_logger().info(text, name=text)
    err = capsys.readouterr().err
    assert err.endswith("\n")
    assert err[:-1].isprintable()


def test_a_console_value_cannot_pass_for_another_field(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console", "info")
    structlog.get_logger().info("joined", name="ann level=error")
    assert "name='ann level=error'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("level", "seen"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)]
)
def test_lower_levels_are_left_out(
    capsys: pytest.CaptureFixture[str], level: str, seen: int
) -> None:
    configure("console", level)  # type: ignore[arg-type]
    log = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("event")
    assert capsys.readouterr().err.count("\n") == seen


@pytest.mark.parametrize(
    ("level", "heard"), [("debug", ["warning", "error"]), ("error", ["error"])]
)
def test_libraries_are_heard_from_warnings_up(
    capsys: pytest.CaptureFixture[str], level: str, heard: list[str]
) -> None:
    configure("json", level)  # type: ignore[arg-type]
    log = logging.getLogger("some.library")
    log.info("no")
    log.warning("%s", "hm")
    log.error("oh")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["level"] for line in lines] == heard
    assert {line["logger"] for line in lines} == {"some.library"}


def test_an_exception_of_a_library_is_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    try:
        fail()
    except ValueError:
        logging.getLogger("some.library").exception("oh")
    line = json.loads(capsys.readouterr().err)
    assert line["exception"].endswith("luck\x1b[31m")


def test_python_warnings_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure("json", "info")
        warnings.warn("careful", UserWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "careful" in line["event"]
