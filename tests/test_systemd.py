"""The notifications to systemd."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from trio_chat.systemd import ServiceManager


class Systemd:
    """The socket of systemd, at the address in ``NOTIFY_SOCKET``."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        self.socket.settimeout(0)

    def received(self) -> list[str]:
        messages = []
        with suppress(BlockingIOError):
            while True:
                messages.append(self.socket.recv(4096).decode())
        return messages


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    names = {"path": f"{tmp_path}/notify", "abstract": f"@trio_chat-test-{os.getpid()}"}
    made = Systemd(names[request.param])
    yield made
    made.socket.close()


def test_systemd_is_notified_of_the_start_and_end_of_a_reload(systemd: Systemd) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": systemd.address})
    manager.ready()
    with manager.reloading():
        began, reloading = systemd.received()
    manager.stopping()
    assert began == "READY=1"
    lines = dict(line.split("=") for line in reloading.split("\n"))
    assert lines["RELOADING"] == "1"
    assert int(lines["MONOTONIC_USEC"]) > 0
    assert systemd.received() == ["READY=1", "STOPPING=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:3"}])
def test_without_systemd_nothing_is_sent(environ: dict[str, str]) -> None:
    manager = ServiceManager.from_environment(environ)
    with capture_logs() as lines:
        manager.ready()
    assert lines == []


def test_a_missing_socket_is_logged(tmp_path: Path) -> None:
    with capture_logs() as lines:
        ServiceManager(f"{tmp_path}/nowhere").ready()
    assert [line["event"] for line in lines] == ["systemd not notified"]


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_time_of_the_watchdog(variables: dict[str, str], seconds: float | None) -> None:
    manager = ServiceManager.from_environment({"NOTIFY_SOCKET": "/run/notify", **variables})
    assert manager.watchdog_seconds == seconds


async def test_the_watchdog_gets_signals_only_while_the_hub_takes_turns(
    systemd: Systemd,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        for _ in range(20):
            turns += 1
            await trio.sleep(1)

    manager = ServiceManager(systemd.address, watchdog_seconds=10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(manager.feed_watchdog, lambda: turns)
        await turn()
        received = systemd.received()
        assert set(received) == {"WATCHDOG=1"}
        assert len(received) >= 4
        await trio.sleep(2.5)
        systemd.received()
        await trio.sleep(100)
        assert systemd.received() == []
        nursery.cancel_scope.cancel()


async def test_without_a_watchdog_no_signal_is_sent() -> None:
    with trio.fail_after(1):
        await ServiceManager("/run/notify").feed_watchdog(lambda: 1)
