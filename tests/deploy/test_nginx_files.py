"""The contents of the files for nginx; the tests run the shipped files."""

import re
from pathlib import Path

import pytest

from tests.support.certificates import certificate_files
from tests.support.nginx import SHIPPED, Nginx
from trio_chat.settings import Settings

LISTEN = re.compile(r"\s*listen \S+( ssl)?;")
LOG_PATH = re.compile(r"\s*(access|error)_log \S+( \w+)?;")
CERTIFICATE = re.compile(r"\s*ssl_certificate(_key)?\s+\S+;")


def seconds_of(directive: str) -> list[float]:
    """Return each value of a directive."""
    text = "".join((SHIPPED / name).read_text() for name in ("nginx.conf", "nginx-nodes.conf"))
    return [float(found) for found in re.findall(rf"^\s*{directive} (\d+)s;", text, re.MULTILINE)]


@pytest.fixture
def nginx(tmp_path: Path) -> Nginx:
    """An nginx that does not run."""
    return Nginx(tmp_path, (), 1234, 1235, certificate_files(tmp_path))


def test_tested_files_differ_from_shipped_ones_only_in_addresses_and_paths(
    nginx: Nginx,
) -> None:
    assert {shipped.name for shipped in nginx.shipped} == {
        path.name for path in SHIPPED.glob("nginx*.conf")
    } - {"nginx-nodes.conf"}
    for shipped in nginx.shipped:
        theirs, ours = shipped.text.splitlines(), shipped.text_here.splitlines()
        assert len(theirs) == len(ours)
        changed = [(a, b) for a, b in zip(theirs, ours, strict=True) if a != b]
        assert changed, f"nothing of {shipped.name} is replaced"
        for pair in changed:
            kinds = [
                pattern
                for pattern in (LISTEN, LOG_PATH, CERTIFICATE)
                if all(pattern.fullmatch(line) for line in pair)
            ]
            assert kinds, f"more than an address or a path is replaced: {pair}"


def test_read_timeout_exceeds_the_heartbeat_and_detects_a_frozen_node() -> None:
    page, again, question, socket, socket_again = seconds_of("proxy_read_timeout")
    assert socket == socket_again
    assert socket > Settings().heartbeat_interval_seconds
    assert socket > Settings().ping_interval_seconds * 2
    (in_all,) = seconds_of("proxy_next_upstream_timeout")
    # With two frozen nodes of three, time remains for the third.
    assert in_all >= 3 * page >= 3 * question
    assert again > page


def test_nginx_closes_an_idle_connection_before_the_node() -> None:
    (kept,) = seconds_of("keepalive_timeout")
    assert kept < Settings().head_timeout_seconds


def test_nginx_has_the_client_timeouts_of_a_node() -> None:
    assert seconds_of("send_timeout") == [Settings().write_timeout_seconds]
    assert seconds_of("client_header_timeout") == [Settings().head_timeout_seconds]


def test_two_worker_processes_hold_the_sockets_of_three_full_nodes() -> None:
    text = (SHIPPED / "nginx-main.conf").read_text()
    (connections,) = map(int, re.findall(r"worker_connections (\d+);", text))
    (files,) = map(int, re.findall(r"worker_rlimit_nofile (\d+);", text))
    assert 2 * connections >= 3 * 2 * Settings().max_connections
    assert files > connections
