"""Before the first entry nothing fails in silence: mistakes are raised at once, others in time."""

import itertools
import logging
import socket

import pytest
import trio
from trio.testing import MockClock

from tests.client.fake import FakeServer
from tests.support.local_server import local_server
from trio_chat.client import ChatRefusedError, NotEnteredError, open_chat

DEAD = "ws://127.0.0.1:9/ws"


class Names(trio.abc.HostnameResolver):
    """A resolver that knows no host.

    Args:
        fault: How it says so.
    """

    def __init__(self, fault: int) -> None:
        self._fault = fault

    async def getaddrinfo(self, *_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:  # type: ignore[override]
        """Fail."""
        raise socket.gaierror(self._fault, "Name or service not known")

    async def getnameinfo(self, *_: object) -> tuple[str, str]:
        """Fail."""
        raise socket.gaierror(self._fault, "Name or service not known")


async def enter(url: str, **options: object) -> None:
    async with open_chat(url, "ann", **options):  # type: ignore[arg-type]
        raise AssertionError("it was let in")


async def test_a_server_that_is_not_there_is_raised_in_time_with_the_reason(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    began = trio.current_time()
    with pytest.raises(NotEnteredError, match=r"within 10 s: .*Connection refused") as failure:
        await enter(DEAD)
    assert trio.current_time() - began == pytest.approx(10)
    assert failure.value.code is None


async def test_without_a_bound_it_waits_for_a_server_for_ever(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    with trio.move_on_after(100) as patience:
        await enter(DEAD, enter_within=None)
    assert patience.cancelled_caught


async def test_each_failed_try_is_a_warning_of_the_logger(
    autojump_clock: MockClock,  # noqa: ARG001
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(NotEnteredError):
        await enter(DEAD, enter_within=1.2)
    lines = [line for line in caplog.records if line.name == "trio_chat.client"]
    assert {line.levelno for line in lines} == {logging.WARNING}
    assert len(lines) == 2
    assert "Connection refused" in lines[0].getMessage()


async def test_coming_back_is_logged_too(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "trio_chat.client")
    async with open_chat(fake.url, "ann") as chat:
        await fake.cut()
        await chat.send("here again")
    words = [line.getMessage().split()[0] for line in caplog.records]
    assert words == ["connected", "not", "connected"]


async def test_the_last_refusal_is_the_reason_and_has_its_code(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    fake.rejects += [(503, [])] * 20
    with pytest.raises(NotEnteredError, match=r"\(503\)") as failure:
        await enter(fake.url)
    assert failure.value.code == 503


async def test_too_many_connections_of_the_user_are_the_reason_too(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async def turn_away() -> None:
        for number in itertools.count():
            await fake.until(lambda: len(fake.guests) > number)  # noqa: B023 - called at once
            await fake.guests[number].socket.aclose(4505, "too many connections of this user")

    fake.is_mute = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turn_away)
        with pytest.raises(NotEnteredError, match="too many connections") as failure:
            await enter(fake.url)
        nursery.cancel_scope.cancel()
    assert failure.value.code == 4505


async def test_a_server_that_has_not_answered_yet_is_the_reason_too(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    fake.is_deaf = True
    with pytest.raises(NotEnteredError, match="not answered"):
        await enter(fake.url, enter_within=3)


async def test_the_bound_ends_with_the_first_entry(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann", enter_within=1) as chat:
        fake.rejects += [(503, [])] * 3
        await fake.cut()
        await chat.send("here again")


async def test_a_host_that_does_not_exist_is_raised_at_once(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    began = trio.current_time()
    trio.socket.set_custom_hostname_resolver(Names(socket.EAI_NONAME))
    with pytest.raises(ChatRefusedError, match=r"'chat.test'"):
        await enter("ws://chat.test/ws")
    assert trio.current_time() == began


async def test_a_network_that_is_not_up_yet_is_waited_for(
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    trio.socket.set_custom_hostname_resolver(Names(socket.EAI_AGAIN))
    with pytest.raises(NotEnteredError, match=r"'chat.test'"):
        await enter("ws://chat.test/ws")


async def test_a_host_that_cannot_be_looked_up_is_raised_at_once() -> None:
    with pytest.raises(ChatRefusedError, match="not the name of a host"):
        await enter(f"ws://{'a' * 64}.test/ws")


async def test_tls_to_a_server_without_it_is_raised_at_once() -> None:
    async with local_server() as home:
        with pytest.raises(ChatRefusedError, match="plain HTTP"):
            await enter(home.url.replace("http:", "https:"))


async def test_an_echo_server_is_raised_at_once() -> None:
    async with local_server() as home:
        with pytest.raises(ChatRefusedError, match="echo server"):
            await enter(f"{home.url}ws/echo")


async def test_one_room_s_name_is_no_list_of_rooms() -> None:
    with pytest.raises(TypeError, match=r"such as \['general'\]"):
        await enter(DEAD, rooms="general")
