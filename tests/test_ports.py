"""A server that comes back to its port has to find it free."""

import secrets
import socket
from pathlib import Path

import pytest

from tests.support.ports import BEHIND_LAST, FIRST, HOST, free_port


def test_it_is_none_that_the_kernel_gives_away() -> None:
    first_given, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert first_given >= BEHIND_LAST


def test_one_that_somebody_has_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = free_port()
    draws = iter([taken - FIRST, taken - FIRST])
    draw = secrets.randbelow
    monkeypatch.setattr(secrets, "randbelow", lambda below: next(draws, None) or draw(below))
    with socket.create_server((HOST, taken)):
        assert free_port() != taken
