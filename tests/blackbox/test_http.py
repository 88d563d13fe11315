"""HTTP over a real connection (docs/reference/http.md)."""

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.client import Chatter
from tests.support.raw import RawConnection
from tests.support.requests import Response, head, plain_head
from tests.support.server import ChatServer

ALSO_OVER_TLS = True

SETTINGS = ("--upgrade-rate", "0")

Serve = Callable[..., ChatServer]


@pytest.fixture
def connection(server: ChatServer) -> Iterator[RawConnection]:
    """A TCP connection to the module's server."""
    with RawConnection(server.address) as opened:
        yield opened


def get(connection: RawConnection, target: str, *fields: str, method: str = "GET") -> Response:
    """Ask for a path, and give the answer."""
    plus = tuple(field.encode() for field in fields)
    connection.push(plain_head(target.encode(), method=method.encode(), plus=plus))
    return connection.read_response(body=method != "HEAD")


def test_metrics_are_prometheus_text(server: ChatServer, connection: RawConnection) -> None:
    ann = Chatter(server.url(), "ann")
    ann.arrive()
    ann.fence("one message")
    response = get(connection, "/metrics")
    ann.leave()
    assert response.status == 200
    assert response.fields["content-type"].startswith("text/plain")
    sample = re.compile(
        r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_]\w*=\"[^\"]*\"(,[a-zA-Z_]\w*=\"[^\"]*\")*,?\})? "
        r"([-+]?[0-9.eE+-]+|NaN|[+-]Inf)"
    )
    lines = response.body.decode().splitlines()
    samples = [line for line in lines if line and not line.startswith("#")]
    assert len(samples) > 10
    assert not [line for line in samples if not sample.fullmatch(line)]
    names = " ".join(lines)
    for word in (
        "connections",
        "messages",
        "deliveries",
        "drop",
        "queue",
        "turn",
        "bytes",
        "refus",
    ):
        assert word in names, f"no metric tells of {word}"


def test_http_connections_persist_until_the_client_says_close(connection: RawConnection) -> None:
    for _ in range(3):
        assert get(connection, "/healthz").status == 200
    assert get(connection, "/healthz", "Connection: close").status == 200
    connection.read_end()


def test_a_connection_can_upgrade_after_a_page(connection: RawConnection) -> None:
    assert get(connection, "/healthz").status == 200
    connection.upgrade()
    assert [event["type"] for event in connection.join("late upgrader")][-2:] == [
        "system",
        "presence",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        (b"upgrade: WebSocket", b"connection: keep-alive, upgrade"),
        (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Protocol: chat, other"),
        (b"Upgrade: websocket", b"Connection: Upgrade", b"Cookie: a=b; c=\xff"),
        (b"Upgrade: h2c, websocket", b"Connection: x, Upgrade", b"X-Forwarded-For: nonsense"),
    ],
)
def test_a_valid_upgrade_succeeds_in_any_spelling(
    connection: RawConnection, fields: tuple[bytes, ...]
) -> None:
    connection.push(head(without=("upgrade", "connection"), plus=fields))
    response = connection.read_response()
    assert response.status == 101
    assert "sec-websocket-protocol" not in response.fields
    assert connection.join("speller")[-1]["type"] == "presence"


def test_an_unread_page_delays_no_other_client(server: ChatServer) -> None:
    with RawConnection(server.address, receive_buffer_bytes=4096) as greedy:
        greedy.push(plain_head(b"/") * 200, reading=False)
        with RawConnection(server.address) as other:
            assert get(other, "/healthz").status == 200


def upgrade(server: ChatServer, *fields: str, source: str = "127.0.0.1") -> Response:
    """Ask for a WebSocket with these fields, and give the answer."""
    with RawConnection(server.address, source=source) as opened:
        opened.push(head(plus=tuple(field.encode() for field in fields)))
        return opened.read_response()
