"""What a bad input is, and the common ways to send one and to see it answered."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from tests.support.frames import BINARY, close, frame, text
from tests.support.raw import Address, Event, RawConnection

STILL_HERE = "still here"
"""A message that shows that the connection still works."""


class Scene:
    """The stage of one bad input: the server's address, a name, and connections to it.

    Args:
        address: Where the server listens.
        name: A unique user name.
    """

    def __init__(self, address: Address, name: str) -> None:
        self.address = address
        self.name = name
        self._connections = ExitStack()

    def open(self, *, receive_buffer_bytes: int | None = None) -> RawConnection:
        """Open a TCP connection; it is closed at the end of the scene."""
        connection = RawConnection(self.address, receive_buffer_bytes=receive_buffer_bytes)
        return self._connections.enter_context(connection)

    def upgraded(self, path: str = "/ws", *fields: bytes) -> RawConnection:
        """Open a WebSocket that has sent nothing yet."""
        connection = self.open()
        connection.upgrade(path, *fields)
        return connection

    def joined(self, *, receive_buffer_bytes: int | None = None) -> RawConnection:
        """Open a WebSocket that has joined as this scene's user."""
        connection = self.open(receive_buffer_bytes=receive_buffer_bytes)
        connection.upgrade()
        connection.join(self.name)
        return connection

    def close(self) -> None:
        """Close whatever is open."""
        self._connections.close()


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


def answered(name: str, request: bytes, status: int, **fields: str) -> BadInput:
    """A request that is refused with a status, response fields and a short JSON body.

    Args:
        name: In words.
        request: The bytes of the request.
        status: The status it is answered with.
        fields: Response fields it must have; underscores stand for hyphens.
    """

    def run(scene: Scene) -> None:
        connection = scene.open()
        connection.push(request)
        response = connection.read_response()
        assert response.status == status, response
        assert_refusal_body(response.body)
        assert response.fields["x-content-type-options"] == "nosniff"
        for field, value in fields.items():
            assert response.fields[field.replace("_", "-").lower()] == value, response

    return BadInput(name, run)


def assert_refusal_body(body: bytes) -> None:
    """Hold that the body is ``{"error":{"code":"…","message":"…"}}``."""
    error = json.loads(body)["error"]
    assert isinstance(error["code"], str)
    assert isinstance(error["message"], str)
    assert error["code"], body
    assert error["message"], body


def closed(name: str, data: bytes, *codes: int | None, path: str = "/ws") -> BadInput:
    """Bytes that end a connection (in the chat: one that has joined) with one of these codes."""

    def run(scene: Scene) -> None:
        connection = scene.joined() if path == "/ws" else scene.upgraded(path)
        connection.push(data)
        assert_closes(connection, *codes)

    return BadInput(name, run, joins=path == "/ws")


def assert_closes(connection: RawConnection, *codes: int | None) -> None:
    """Hold that the server closes with one of these codes, and then ends the connection.

    The answer to its close may be lost on a server that still waits for the rest of a huge frame;
    the FIN behind it is not.
    """
    code = connection.read_close()
    assert code in codes, f"closed with {code}, expected {codes}"
    connection.push(close())
    connection.finish_sending()
    connection.read_end()


def refused(name: str, data: str | bytes) -> BadInput:
    """A text message that is answered with a system message, and the connection goes on."""

    def run(scene: Scene) -> None:
        connection = scene.joined()
        connection.push(text(data))
        assert_refusal(next_for(scene, connection))
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
    """A first message that does not join: an error if the server can send one, and a close.

    Args:
        name: In words.
        data: The bytes of the frame or frames.
        code: The close code.
        answer: The type of the answer before the close, if any.
    """

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


def assert_refusal(event: Event) -> None:
    """Check that this is the error of a plain connection: a system message without id and seq."""
    assert event["type"] == "system", event
    assert "id" not in event, event
    assert "seq" not in event, event
    assert event["message"], event


def assert_goes_on(scene: Scene, connection: RawConnection) -> None:
    """Check that the connection still works."""
    connection.push(text(STILL_HERE))
    event = next_for(scene, connection)
    assert (event["type"], event["message"]) == ("message", STILL_HERE), event


def binary(payload: bytes) -> bytes:
    """Make a whole binary message."""
    return frame(BINARY, payload)
