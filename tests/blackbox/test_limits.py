"""The limits of docs/reference/wire.md, each reached from outside."""

from collections.abc import Callable

from tests.support.client import is_message
from tests.support.frames import PING, frame, text
from tests.support.raw import RawConnection, joined
from tests.support.requests import Response, head, plain_head
from tests.support.server import ChatServer
from tests.support.waiting import eventually

from .scene import assert_refusal_body

Serve = Callable[..., ChatServer]


def try_to_upgrade(server: ChatServer, source: str = "127.0.0.1") -> Response:
    """Ask for a WebSocket once, from this address, and give the answer."""
    with RawConnection(server.address, source=source) as connection:
        connection.push(head())
        return connection.read_response()


def assert_asks_to_wait(response: Response, status: int) -> None:
    """Hold that it is refused with this status, and with a time to wait."""
    assert response.status == status, response
    assert int(response.fields["retry-after"]) >= 1
    assert_refusal_body(response.body)


def test_the_server_drops_a_client_after_a_thousand_frames_except_on_echo(serve: Serve) -> None:
    server = serve()
    with joined(server.address, "ann") as ann:
        ann.push(frame(PING, b"x") * 900)
        ann.push(text("still here"))
        while not is_message("still here")(ann.read_event()):
            pass
        ann.push(frame(PING, b"x") * 2000)
        assert ann.read_close() == 4005
    with RawConnection(server.address) as echo:
        echo.upgrade("/ws/echo")
        echo.push(frame(PING, b"x") * 2000 + text("still here"))
        taken = echo.read_frame()
        while taken is not None and taken.payload != b"still here":
            taken = echo.read_frame()
        assert taken is not None


def test_the_upgrade_rate_counts_addresses_not_ports(serve: Serve) -> None:
    server = serve("--upgrade-rate", "1", "--upgrade-burst", "3")
    answers = [try_to_upgrade(server, "127.0.0.2") for _ in range(12)]
    assert [response.status for response in answers[:3]] == [101] * 3
    refused = [response for response in answers if response.status != 101]
    assert len(refused) >= 3
    for response in refused:
        assert_asks_to_wait(response, 429)
    assert try_to_upgrade(server, "127.0.0.3").status == 101
    with RawConnection(server.address, source="127.0.0.2") as connection:
        connection.push(plain_head(b"/healthz"))
        assert connection.read_response().status == 200
    eventually(lambda: try_to_upgrade(server, "127.0.0.2").status == 101, "it may come again")
