"""Bad heads of requests, one of each kind; the tests of ``http`` have all of them."""

from tests.support.frames import text
from tests.support.raw import RawConnection
from tests.support.requests import head, plain_head

from .scene import BadInput, Scene, answered, assert_closes, assert_refusal_body

CLIENT_HELLO = bytes.fromhex(
    "16030100750100007103036b1f3a0c5d2e4b8f9a7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f"
    "000004130113020100004400000010000e00000b636861742e6578616d706c65000a00040002001d0017"
    "000d000600040403080400330026002400"
)
"""How a TLS client begins: a record header, a handshake header, a version, a random."""

OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; "

REFUSED = [
    answered("an upgrade in HTTP/1.0", head(version=b"1.0"), 400),
    answered("one bare line feed", head().replace(b"\r\nUpgrade", b"\nUpgrade"), 400),
    answered("no key", head(without=("key",)), 400),
    answered("two Hosts", head(plus=(b"Host: other.test",)), 400),
    answered("a GET with a body", head(plus=(b"Content-Length: 3",)) + b"abc", 400),
    answered("NUL in the target", head(b"/ws\x00"), 400),
    answered("garbage", bytes(range(1, 256)) + b"\r\n\r\n", 400),
    answered("non-ASCII in Connection", head(plus=(b"Connection: \xc3\xa9",)), 400),
    answered("a malformed offer of compression", head(plus=(OFFER + b'x="',)), 400),
    answered("a head of 1 MB", head(plus=(b"X-Long: " + b"a" * 1_000_000,)), 431),
    answered("a head that never ends", b"GET /ws HTTP/1.1\r\n" + b"X-More: 1\r\n" * 50_000, 431),
    answered("a target of 9 KiB", head(b"/ws?" + b"a" * (9 * 1024)), 414),
    answered("no upgrade", plain_head(b"/ws"), 426),
    answered("POST with a body", head(method=b"POST", plus=(b"Content-Length: 3",)) + b"abc", 405),
    answered("an unknown path", plain_head(b"/nothing-here"), 404),
    answered("a foreign origin", head(plus=(b"Origin: http://evil.test",)), 403),
    answered("an origin with our name", head(plus=(b"Origin: http://chat.test@evil.test",)), 403),
    *(
        answered(f"traversal: {target.decode()}", plain_head(target), 404)
        for target in (
            b"/static/../pyproject.toml",
            b"/static/..%2f..%2f..%2fetc%2fpasswd",
            b"/static/..\\..\\etc\\passwd",
            b"/static/%252e%252e/%252e%252e/etc/passwd",
            b"/static/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
            b"/static/..;/..;/etc/passwd",
            b"/static//etc/passwd",
            b"/static/%u002e%u002e/etc/passwd",
        )
    ),
]


def pipelined(scene: Scene) -> None:
    """Check that several requests in one packet are answered in their order."""
    connection = scene.open()
    targets = (b"/healthz", b"/nothing-here", b"/readyz", b"/static/../x", b"/healthz")
    connection.push(b"".join(plain_head(target) for target in targets))
    statuses = [connection.read_response().status for _ in targets]
    assert statuses == [200, 404, 200, 404, 200]


def two_upgrades(scene: Scene) -> None:
    """Send a second head, which makes a bad frame."""
    connection = scene.open()
    connection.push(head() + head())
    assert connection.read_response().status == 101
    assert_closes(connection, 1002)


def eager_frames(scene: Scene) -> None:
    """Send frames in the packet of the handshake."""
    connection = scene.open()
    connection.push(head() + text(scene.name) + text("eager"))
    assert_own_message(scene, connection, "eager")


def byte_by_byte(scene: Scene) -> None:
    """Send a byte in each packet."""
    connection = scene.open()
    for byte in head() + text(scene.name) + text("in small pieces"):
        connection.push(bytes([byte]))
    assert_own_message(scene, connection, "in small pieces")


def assert_own_message(scene: Scene, connection: RawConnection, expected: str) -> None:
    """Read the answer to the upgrade, and the messages up to the own one."""
    assert connection.read_response().status == 101
    event = connection.read_event()
    while event["type"] != "message" or event["username"] != scene.name:
        event = connection.read_event()
    assert event["message"] == expected


def client_hello(scene: Scene) -> None:
    """Begin a TLS handshake on the plain port."""
    connection = scene.open()
    connection.push(CLIENT_HELLO)
    assert connection.read_response().status in {400, 408}


def heads_that_do_not_end(scene: Scene) -> None:
    """Check that a half and a slow head get 408. One that is cut gets no answer."""
    half, dripping, cut = scene.open(), scene.open(), scene.open()
    half.push(head()[:40])
    cut.push(head()[:40])
    cut.socket.close()
    for byte in head(plus=(b"X-Long: " + b"a" * 1000,)):
        dripping.push(bytes([byte]))
        if not half.is_silent(0.05):
            break
    for connection in (half, dripping):
        response = connection.read_response()
        assert response.status == 408
        assert_refusal_body(response.body)
        connection.read_end()


def declined_offers(scene: Scene) -> None:
    """Check that extensions which the server cannot accept are declined."""
    declined = [b"server_max_window_bits=99, x-unknown"]
    declined.append(b", ".join([b"permessage-deflate; server_max_window_bits=8"] * 200))
    for offer in declined:
        assert not scene.upgraded("/ws", OFFER + offer).is_deflated


HTTP = [
    *REFUSED,
    BadInput("pipelined requests", pipelined),
    BadInput("two upgrades in one packet", two_upgrades),
    BadInput("frames with the handshake", eager_frames, joins=True, texts=("eager",)),
    BadInput("a byte a packet", byte_by_byte, joins=True, texts=("in small pieces",)),
    BadInput("a ClientHello", client_hello),
    BadInput("heads that do not end", heads_that_do_not_end),
    BadInput("offers that no server can accept", declined_offers),
]
