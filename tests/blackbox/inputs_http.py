"""Bad heads of requests; ``http`` tests all of them, here are those that could cost much."""

from tests.support.frames import text
from tests.support.requests import head, plain_head

from .scene import BadInput, Scene, answered


def byte_by_byte(scene: Scene) -> None:
    """Send a byte in each packet."""
    connection = scene.open()
    for byte in head() + text(scene.name) + text("in small pieces"):
        connection.push(bytes([byte]))
    assert connection.read_response().status == 101
    event = connection.read_event()
    while event["type"] != "message" or event["username"] != scene.name:
        event = connection.read_event()
    assert event["message"] == "in small pieces"


HTTP = [
    answered("garbage", bytes(range(1, 256)) + b"\r\n\r\n", 400),
    answered("a head of 1 MB", head(plus=(b"X-Long: " + b"a" * 1_000_000,)), 431),
    answered("a head that never ends", b"GET /ws HTTP/1.1\r\n" + b"X-More: 1\r\n" * 50_000, 431),
    answered("a path outside", plain_head(b"/static/..%2f..%2f..%2fetc%2fpasswd"), 404),
    BadInput("a byte a packet", byte_by_byte, joins=True, texts=("in small pieces",)),
]
