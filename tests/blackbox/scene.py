"""A bad input, and the common ways to send one and to check its answer."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from tests.support.frames import BINARY, close, frame, text
from tests.support.raw import Address, Event, RawConnection

STILL_HERE = "still here"
"""A message that shows that the connection still works."""


class Scene:
    """The connections of one bad input.

    Args:
        address: Where the server listens.
        name: A unique user name.
    """

    def __init__(self, address: Address, name: str) -> None:
        self.address = address
        self.name = name
        self._connections = ExitStack()
        self.close = self._connections.close

    def open(self, *, receive_buffer_bytes: int | None = None) -> RawConnection:
        """Open a TCP connection."""
        connection = RawConnection(self.address, receive_buffer_bytes=receive_buffer_bytes)
        return self._connections.enter_context(connection)

    def upgraded(self, path: str = "/ws", *fields: bytes, **options: int) -> RawConnection:
        """Open a WebSocket that has sent nothing yet."""
        connection = self.open(receive_buffer_bytes=options.get("receive_buffer_bytes"))
        connection.upgrade(path, *fields)
        return connection

    def joined(self, *fields: bytes, **options: int) -> RawConnection:
        """Open a WebSocket that has joined as the user of this scene."""
        connection = self.upgraded("/ws", *fields, **options)
        connection.join(self.name)
        return connection


@dataclass(frozen=True)
class BadInput:
    """One input, and its expected effects.

    Attributes:
        name: Describes the input; the id of the test.
        run: Sends it and checks the answer.
        joins: Whether the sender has joined, so that the room receives its notices.
        texts: The texts that the room receives, in order.
        may_appear: A text that the room may receive any number of times instead.
    """

    name: str
    run: Callable[[Scene], None]
    joins: bool = False
    texts: tuple[str, ...] = ()
    may_appear: str | None = None


def answered(name: str, request: bytes, status: int) -> BadInput:
    """Return a request that is refused with a status and a short JSON body."""

    def run(scene: Scene) -> None:
        connection = scene.open()
        connection.push(request)
        response = connection.read_response()
        assert response.status == status, response
        assert_refusal_body(response.body)
        assert response.fields["x-content-type-options"] == "nosniff"

    return BadInput(name, run)


def assert_refusal_body(body: bytes) -> None:
    """Assert that the body is ``{"error":{"code":"…","message":"…"}}``."""
    error = json.loads(body)["error"]
    assert all(isinstance(error[key], str) and error[key] for key in ("code", "message")), body


def closed(name: str, data: bytes, *codes: int | None, path: str = "/ws") -> BadInput:
    """Return bytes that end a connection, in the chat a joined one, with one of these codes."""

    def run(scene: Scene) -> None:
        connection = scene.joined() if path == "/ws" else scene.upgraded(path)
        connection.push(data)
        assert_closes(connection, *codes)

    return BadInput(name, run, joins=path == "/ws")


def assert_closes(connection: RawConnection, *codes: int | None) -> None:
    """Assert that the server closes with one of these codes, and then ends the connection.

    A server that still waits for the rest of a huge frame may miss our close, but not the FIN.
    """
    code = connection.read_close()
    assert code in codes, f"closed with {code}, expected {codes}"
    connection.push(close())
    connection.finish_sending()
    connection.read_end()


def refused(name: str, data: str | bytes) -> BadInput:
    """Return a text message that a system message answers; the connection continues."""

    def run(scene: Scene) -> None:
        connection = scene.joined()
        connection.push(text(data))
        event = next_for(scene, connection)
        assert event["type"] == "system", event
        assert event["message"]
        assert not {"id", "seq"} & event.keys(), event
        assert_goes_on(scene, connection)

    return BadInput(name, run, joins=True, texts=(STILL_HERE,))


def accepted(name: str, data: str | bytes, expected: str) -> BadInput:
    """Return an odd input that is a valid message with this text."""

    def run(scene: Scene) -> None:
        connection = scene.joined()
        connection.push(text(data))
        event = next_for(scene, connection)
        assert (event["type"], event["message"]) == ("message", expected), event
        assert_goes_on(scene, connection)

    return BadInput(name, run, joins=True, texts=(expected, STILL_HERE))


def bad_first_frame(
    name: str, data: bytes, code: int = 4501, answer: str | None = None
) -> BadInput:
    """Return a first message that does not join: an answer of this type, if any, and a close."""

    def run(scene: Scene) -> None:
        connection = scene.upgraded()
        connection.push(data)
        if answer is not None:
            event = connection.read_event()
            assert event["type"] == answer, event
            assert "seq" not in event
            assert event["message"], event
        assert_closes(connection, code)

    return BadInput(name, run)


def next_for(scene: Scene, connection: RawConnection) -> Event:
    """Return the next event of the user of this scene, or the next answer to it."""
    while True:
        event = connection.read_event()
        own = event.get("username") == scene.name
        if own or (event["type"] == "system" and "seq" not in event):
            return event


def assert_goes_on(scene: Scene, connection: RawConnection) -> None:
    """Assert that the connection still works."""
    connection.push(text(STILL_HERE))
    event = next_for(scene, connection)
    assert (event["type"], event["message"]) == ("message", STILL_HERE), event


def binary(payload: bytes) -> bytes:
    """Return a whole binary message."""
    return frame(BINARY, payload)
