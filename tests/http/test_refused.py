"""Log lines of refusals: their content and their rates."""

from ipaddress import ip_network
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.http.wire import Scene, get, talk, upgrade_request
from trio_chat.http import refusals
from trio_chat.http.refused import (
    ADDRESS_LINES,
    ADDRESS_LINES_PER_SECOND,
    LINES,
    Asked,
    Refusals,
)
from trio_chat.http.request import Request, parse
from trio_chat.metrics import Metrics
from trio_chat.protocol.handshake import Refusal

BAD = refusals.bad_request("why")


def asked(head: bytes) -> Asked:
    request = parse(head)
    assert isinstance(request, Request)
    return Asked("192.0.2.7", "192.0.2.7:50123", request)


def line_of(refusal: Refusal, who: Asked) -> dict[str, Any] | None:
    """The line for it, if there is one."""
    with capture_logs() as lines:
        Refusals(Metrics()).note(refusal, who)
    return dict(lines[0]) if lines else None


async def test_a_refusal_logs_its_client_and_cause() -> None:
    who = asked(upgrade_request(Origin=b"http://evil.test"))
    assert line_of(refusals.FOREIGN_ORIGIN, who) == {
        "event": "refused",
        "log_level": "info",
        "status": 403,
        "fault": "this origin is not allowed",
        "address": "192.0.2.7",
        "peer": "192.0.2.7:50123",
        "host": "chat.test",
        "origin": "http://evil.test",
        "path": "/ws",
    }


async def test_a_line_has_the_fault_instead_of_the_message() -> None:
    line = line_of(Refusal(401, "unauthorized", "no good", fault="signature"), Asked("a", "a:1"))
    assert line is not None
    assert line["fault"] == "signature"


async def test_a_malformed_request_logs_its_address() -> None:
    line = line_of(BAD, Asked("192.0.2.7", "192.0.2.7:50123"))
    assert line is not None
    assert (line["address"], line["fault"]) == ("192.0.2.7", "why")
    assert not {"host", "origin", "path"} & line.keys()


@pytest.mark.parametrize("target", [b"/ws?token=hush", b"/hush", b"/hush?token=hush"])
async def test_a_line_contains_neither_a_query_nor_an_unknown_path(target: bytes) -> None:
    head = upgrade_request(
        target, b"Authorization: Bearer hush", b"Cookie: hush", b"Sec-WebSocket-Protocol: hush"
    )
    line = line_of(BAD, asked(head))
    assert line is not None
    assert "hush" not in repr(line)


async def test_a_line_cuts_long_values() -> None:
    head = upgrade_request(Origin=b"o" * 5000, Host=b"h" * 255)
    line = line_of(BAD, asked(head))
    assert line is not None
    assert (len(line["origin"]), len(line["host"])) == (200, 200)


@pytest.mark.parametrize(
    "refusal",
    [
        refusals.NOT_FOUND,
        refusals.METHOD_NOT_ALLOWED,
        refusals.REQUEST_TIMEOUT,
        refusals.UPGRADE_REQUIRED,
    ],
)
async def test_a_harmless_refusal_is_counted_but_not_logged(refusal: Refusal) -> None:
    metrics = Metrics()
    with capture_logs() as lines:
        Refusals(metrics).note(refusal, Asked("a", "a:1"))
    assert lines == []
    assert f'trio_chat_refusals_total{{reason="{refusal.code}"}} 1.0'.encode() in metrics.text()


async def test_a_flood_from_one_address_does_not_hide_others(
    autojump_clock: MockClock,
) -> None:
    metrics = Metrics()
    store = Refusals(metrics)
    with capture_logs() as lines:
        for _ in range(1000):
            store.note(BAD, Asked("192.0.2.7", "192.0.2.7:1"))
        store.note(BAD, Asked("192.0.2.8", "192.0.2.8:1"))
        assert len(lines) == ADDRESS_LINES + 1
        assert lines[-1]["address"] == "192.0.2.8"
        assert lines[-1]["left_out"] == 1000 - ADDRESS_LINES
        await trio.sleep(3 / ADDRESS_LINES_PER_SECOND)
        for _ in range(1000):
            store.note(BAD, Asked("192.0.2.7", "192.0.2.7:1"))
        assert len(lines) == ADDRESS_LINES + 1 + 3
        assert "left_out" not in lines[-1]
    assert b'trio_chat_refusals_total{reason="bad_request"} 2001.0' in metrics.text()
    assert autojump_clock.current_time() == 3


async def test_a_flood_from_many_addresses_is_limited(autojump_clock: MockClock) -> None:
    store = Refusals(Metrics())
    with capture_logs() as lines:
        for number in range(1000):
            store.note(BAD, Asked(f"2001:db8:0:{number:x}::1", "?"))
    assert len(lines) == LINES
    assert autojump_clock.current_time() == 0  # in a second there would be more


async def test_an_ipv6_subscriber_counts_as_one_address(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    store = Refusals(Metrics())
    with capture_logs() as lines:
        for number in range(1000):
            store.note(BAD, Asked(f"2001:db8::{number:x}", "?"))
    assert len(lines) == ADDRESS_LINES


# --- through the front ---------------------------------------------------------------------------


async def test_the_logged_address_is_the_one_for_limits(scene: Scene) -> None:
    front = scene.front(trusted_proxies=[ip_network("192.0.2.0/24")])
    head = upgrade_request(b"/ws", b"X-Forwarded-For: 203.0.113.9", Origin=b"http://evil.test")
    await talk(front, head, b"nonsense\r\n\r\n")
    foreign, malformed = scene.asked
    assert (foreign.address, foreign.peer) == ("203.0.113.9", "192.0.2.7:50123")
    assert (malformed.address, malformed.request) == ("192.0.2.7", None)


async def test_an_upgrade_contains_its_origin(scene: Scene) -> None:
    done = await talk(scene.front(), upgrade_request(Origin=b"http://chat.test"))
    assert done.upgrade is not None
    assert done.upgrade.origin == "http://chat.test"
    done = await talk(scene.front(), upgrade_request())
    assert done.upgrade is not None
    assert done.upgrade.origin == ""


async def test_a_missing_page_tells_whom_it_was_for(scene: Scene) -> None:
    await talk(scene.front(), get(b"/nothing"))
    assert [one.address for one in scene.asked] == ["192.0.2.7"]
