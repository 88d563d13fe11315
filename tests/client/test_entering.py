"""Until the first entry, mistakes raise at once and outages after a time limit."""

import itertools
import logging
import socket
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock

from tests.client.fake import FakeServer
from tests.support.local_server import local_server
from trio_chat.client import ChatRefusedError, NotEnteredError, open_chat

DEAD = "ws://127.0.0.1:9/ws"


class FailingResolver(trio.abc.HostnameResolver):
    """Fails with this code."""

    def __init__(self, fault: int) -> None:
        self._fault = fault

    async def getaddrinfo(self, *_: object) -> NoReturn:
        raise socket.gaierror(self._fault, "Name or service not known")

    getnameinfo = getaddrinfo  # type: ignore[assignment]


async def enter(url: str, **options: object) -> None:
    async with open_chat(url, "ann", **options):  # type: ignore[arg-type]
        raise AssertionError("the server accepted it")


async def test_a_missing_server_raises_in_time(autojump_clock: MockClock) -> None:
    began = trio.current_time()
    with pytest.raises(NotEnteredError, match=r"within 10 s: .*Connection refused") as failure:
        await enter(DEAD)
    assert trio.current_time() - began == pytest.approx(10)
    assert failure.value.code is None


async def test_each_failed_attempt_is_logged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(NotEnteredError):
        await enter(DEAD, enter_within=1.2)
    lines = [line for line in caplog.records if line.name == "trio_chat.client"]
    assert {line.levelno for line in lines} == {logging.WARNING}
    assert len(lines) == 2
    assert "Connection refused" in lines[0].getMessage()


async def test_reconnecting_is_logged(
    fake: FakeServer, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trio_chat.client")
    async with open_chat(fake.url, "ann") as chat:
        await fake.cut()
        await chat.send("here again")
    words = [line.getMessage().split()[0] for line in caplog.records]
    assert words == ["connected", "not", "connected"]


async def test_the_last_refusal_is_the_reason(fake: FakeServer, autojump_clock: MockClock) -> None:
    fake.rejects += [(503, [])] * 20
    with pytest.raises(NotEnteredError, match=r"\(503\)") as failure:
        await enter(fake.url)
    assert failure.value.code == 503


async def test_too_many_connections_are_the_reason(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async def refuse_all() -> None:
        for number in itertools.count():
            await fake.until(lambda: len(fake.guests) > number)  # noqa: B023 - called at once
            await fake.guests[number].socket.aclose(4505, "too many connections of this user")

    fake.is_mute = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse_all)
        with pytest.raises(NotEnteredError, match="too many connections") as failure:
            await enter(fake.url)
        nursery.cancel_scope.cancel()
    assert failure.value.code == 4505


async def test_a_silent_server_is_the_reason(fake: FakeServer, autojump_clock: MockClock) -> None:
    fake.ignores_upgrades = True
    with pytest.raises(NotEnteredError, match="not answered"):
        await enter(fake.url, enter_within=3)


async def test_the_limit_holds_for_the_first_entry_only(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann", enter_within=1) as chat:
        fake.rejects += [(503, [])] * 3
        await fake.cut()
        await chat.send("here again")


async def test_an_unknown_host_raises_at_once(autojump_clock: MockClock) -> None:
    began = trio.current_time()
    trio.socket.set_custom_hostname_resolver(FailingResolver(socket.EAI_NONAME))
    with pytest.raises(ChatRefusedError, match=r"'chat.test'"):
        await enter("ws://chat.test/ws")
    assert trio.current_time() == began


async def test_client_waits_for_the_network(autojump_clock: MockClock) -> None:
    trio.socket.set_custom_hostname_resolver(FailingResolver(socket.EAI_AGAIN))
    with pytest.raises(NotEnteredError, match=r"'chat.test'"):
        await enter("ws://chat.test/ws")


async def test_a_string_is_no_list_of_rooms() -> None:
    with pytest.raises(TypeError, match=r"such as \['general'\]"):
        await enter(DEAD, rooms="general")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (f"ws://{'a' * 64}.test/ws", "not the name of a host"),
        ("https://{}/", "plain HTTP"),
        ("http://{}/ws/echo", "echo server"),
    ],
)
async def test_a_wrong_url_raises_at_once(url: str, fault: str) -> None:
    async with local_server() as server:
        with pytest.raises(ChatRefusedError, match=fault):
            await enter(url.format(server.url.split("/")[2]))
