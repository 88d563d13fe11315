"""Responses, and the log of refused requests: its lines and their rates."""

from collections.abc import Iterable
from typing import Any

import orjson
import pytest
import trio
from attrs import evolve
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.http.wire import Reply, parse_replies
from trio_chat.http import response
from trio_chat.http.response import (
    ADDRESS_LINES,
    ADDRESS_LINES_PER_SECOND,
    LINES,
    RefusalLog,
    Response,
    encode,
    from_refusal,
)
from trio_chat.metrics import Metrics
from trio_chat.protocol.handshake import Refusal

PAGE = Response(200, ((b"content-type", b"text/plain"),), b"hello")


def encoded(page: Response, *, head_only: bool = False, close: bool = False) -> Reply:
    data = encode(page, head_only=head_only, close=close)
    (reply,) = parse_replies(data, ["HEAD" if head_only else "GET"])
    return reply


def test_a_response_has_its_length_and_the_common_fields() -> None:
    reply = encoded(PAGE)
    assert reply.body == b"hello"
    assert reply.headers == {
        b"content-type": b"text/plain",
        b"content-length": b"5",
        b"x-content-type-options": b"nosniff",
        b"cross-origin-resource-policy": b"same-origin",
    }
    assert encoded(PAGE, head_only=True) == evolve(reply, body=b"")
    closing = {**reply.headers, b"connection": b"close"}
    assert encoded(PAGE, close=True) == evolve(reply, headers=closing)
    assert b"content-length" not in encoded(Response(304, (), b"")).headers


def test_a_refusal_is_json_with_its_own_fields() -> None:
    page = from_refusal(Refusal(429, "rate_limited", 'too "many"', ((b"retry-after", b"1"),)))
    assert page.status == 429
    assert page.headers == ((b"content-type", b"application/json"), (b"retry-after", b"1"))
    expected = {"error": {"code": "rate_limited", "message": 'too "many"'}}
    assert orjson.loads(page.body) == expected


# --- the log of refusals -------------------------------------------------------------------------

BAD = response.bad_request("why")


@pytest.mark.parametrize(
    ("fault", "logged"), [("", "this origin is not allowed"), ("signature", "signature")]
)
async def test_a_refusal_logs_its_client_and_cause(fault: str, logged: str) -> None:
    refusal = evolve(response.FOREIGN_ORIGIN, fault=fault)
    with capture_logs() as lines:
        RefusalLog(Metrics()).note(refusal, "192.0.2.7", {"path": "/ws"})
    line = {"event": "refused", "log_level": "info", "status": 403, "fault": logged}
    assert lines == [{**line, "address": "192.0.2.7", "path": "/ws"}]


@pytest.mark.parametrize(
    "name", ["NOT_FOUND", "METHOD_NOT_ALLOWED", "REQUEST_TIMEOUT", "UPGRADE_REQUIRED"]
)
async def test_a_harmless_refusal_is_counted_but_not_logged(name: str) -> None:
    metrics = Metrics()
    with capture_logs() as lines:
        RefusalLog(metrics).note(getattr(response, name), "192.0.2.7", {})
    assert lines == []
    assert f'trio_chat_refusals_total{{reason="{name.lower()}"}} 1.0'.encode() in metrics.text()


async def test_a_flood_from_one_address_does_not_hide_others(
    autojump_clock: MockClock,
) -> None:
    metrics = Metrics()
    log = RefusalLog(metrics)
    with capture_logs() as lines:
        for _ in range(1000):
            log.note(BAD, "192.0.2.7", {})
        log.note(BAD, "192.0.2.8", {})
        assert len(lines) == ADDRESS_LINES + 1
        assert lines[-1]["address"] == "192.0.2.8"
        assert lines[-1]["left_out"] == 1000 - ADDRESS_LINES
        await trio.sleep(3 / ADDRESS_LINES_PER_SECOND)
        for _ in range(1000):
            log.note(BAD, "192.0.2.7", {})
        assert len(lines) == ADDRESS_LINES + 1 + 3
        assert "left_out" not in lines[-1]
    assert b'trio_chat_refusals_total{reason="bad_request"} 2001.0' in metrics.text()
    assert autojump_clock.current_time() == 3


def lines_for(addresses: Iterable[str]) -> list[Any]:
    log = RefusalLog(Metrics())
    with capture_logs() as lines:
        for address in addresses:
            log.note(BAD, address, {})
    return lines


async def test_a_flood_from_many_addresses_is_limited(autojump_clock: MockClock) -> None:
    assert len(lines_for(f"2001:db8:0:{number:x}::1" for number in range(1000))) == LINES
    assert autojump_clock.current_time() == 0  # in a second there would be more


async def test_an_ipv6_subscriber_counts_as_one_address(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    assert len(lines_for(f"2001:db8::{number:x}" for number in range(1000))) == ADDRESS_LINES
