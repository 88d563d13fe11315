"""Refusals in the store: what an operator has to know, and no more of it than a disk can bear."""

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


async def test_a_line_says_who_was_refused_and_why() -> None:
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


async def test_a_fault_is_said_in_place_of_what_the_client_was_told() -> None:
    line = line_of(Refusal(401, "unauthorized", "no good", fault="signature"), Asked("a", "a:1"))
    assert line is not None
    assert line["fault"] == "signature"


async def test_of_a_request_that_cannot_be_read_the_address_is_known() -> None:
    line = line_of(BAD, Asked("192.0.2.7", "192.0.2.7:50123"))
    assert line is not None
    assert (line["address"], line["fault"]) == ("192.0.2.7", "why")
    assert not {"host", "origin", "path"} & line.keys()


@pytest.mark.parametrize("target", [b"/ws?token=hush", b"/hush", b"/hush?token=hush"])
async def test_neither_a_query_nor_a_strange_path_is_in_a_line(target: bytes) -> None:
    head = upgrade_request(
        target, b"Authorization: Bearer hush", b"Cookie: hush", b"Sec-WebSocket-Protocol: hush"
    )
    line = line_of(BAD, asked(head))
    assert line is not None
    assert "hush" not in repr(line)


async def test_what_a_client_says_of_itself_is_cut_off() -> None:
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
async def test_what_keeps_nobody_out_is_counted_and_not_logged(refusal: Refusal) -> None:
    metrics = Metrics()
    with capture_logs() as lines:
        Refusals(metrics).note(refusal, Asked("a", "a:1"))
    assert lines == []
    assert f'trio_chat_refusals_total{{reason="{refusal.code}"}} 1.0'.encode() in metrics.text()


async def test_a_flood_from_one_address_is_some_lines_and_hides_nobody_else(
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


async def test_a_flood_from_many_addresses_is_some_lines_too(autojump_clock: MockClock) -> None:
    store = Refusals(Metrics())
    with capture_logs() as lines:
        for number in range(1000):
            store.note(BAD, Asked(f"2001:db8:0:{number:x}::1", "?"))
    assert len(lines) == LINES
    assert autojump_clock.current_time() == 0  # in a second there would be more


async def test_a_flood_from_one_ipv6_subscriber_is_one_address(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    store = Refusals(Metrics())
    with capture_logs() as lines:
        for number in range(1000):
            store.note(BAD, Asked(f"2001:db8::{number:x}", "?"))
    assert len(lines) == ADDRESS_LINES


# --- through the front ---------------------------------------------------------------------------


async def test_the_address_is_the_one_for_limits(scene: Scene) -> None:
    front = scene.front(trusted_proxies=[ip_network("192.0.2.0/24")])
    head = upgrade_request(b"/ws", b"X-Forwarded-For: 203.0.113.9", Origin=b"http://evil.test")
    await talk(front, head, b"nonsense\r\n\r\n")
    foreign, malformed = scene.asked
    assert (foreign.address, foreign.peer) == ("203.0.113.9", "192.0.2.7:50123")
    assert (malformed.address, malformed.request) == ("192.0.2.7", None)


async def test_the_origin_goes_with_the_upgrade(scene: Scene) -> None:
    done = await talk(scene.front(), upgrade_request(Origin=b"http://chat.test"))
    assert done.upgrade is not None
    assert done.upgrade.origin == "http://chat.test"
    done = await talk(scene.front(), upgrade_request())
    assert done.upgrade is not None
    assert done.upgrade.origin == ""


async def test_a_missing_page_tells_whom_it_was_for(scene: Scene) -> None:
    await talk(scene.front(), get(b"/nothing"))
    assert [one.address for one in scene.asked] == ["192.0.2.7"]
