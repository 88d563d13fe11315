"""Bad heads of requests (docs/reference/http.md), each with the status it gets."""

from tests.support.frames import text
from tests.support.requests import KEY, head, plain_head

from .scene import BadInput, Scene, answered, assert_closes, assert_refusal_body

E_ACUTE = b"\xc3\xa9"

CLIENT_HELLO = bytes.fromhex(
    "16030100750100007103036b1f3a0c5d2e4b8f9a7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f"
    "000004130113020100004400000010000e00000b636861742e6578616d706c65000a00040002001d0017"
    "000d000600040403080400330026002400"
)
"""How a TLS client begins: a record header, a handshake header, a version, a random."""

MALFORMED = [
    answered("an upgrade in HTTP/1.0", head(version=b"1.0"), 400),
    answered("line feeds without carriage returns", head().replace(b"\r\n", b"\n"), 400),
    answered("one bare line feed", head().replace(b"\r\nUpgrade", b"\nUpgrade"), 400),
    answered("no key", head(without=("key",)), 400),
    answered("a short key", head().replace(KEY, b"c2hvcnQ="), 400),
    answered("a long key", head().replace(KEY, b"bG9uZ2VyIHRoYW4gc2l4dGVlbiBieXRlcw=="), 400),
    answered("a key that is not base64", head().replace(KEY, b"!!!!!!!!!!!!!!!!!!!!!!=="), 400),
    answered("two keys", head(plus=(b"Sec-WebSocket-Key: " + KEY,)), 400),
    answered("no Host", head(without=("host",)), 400),
    answered("two Hosts", head(plus=(b"Host: other.test",)), 400),
    answered("a GET with a body", head(plus=(b"Content-Length: 3",)) + b"abc", 400),
    answered(
        "a GET with a chunked body",
        head(plus=(b"Transfer-Encoding: chunked",)) + b"3\r\nabc\r\n0\r\n\r\n",
        400,
    ),
    answered("a GET of a page with a body", plain_head(b"/", plus=(b"Content-Length: 2",)), 400),
    answered("two lengths", head(plus=(b"Content-Length: 0", b"Content-Length: 5")), 400),
    answered("a blank before a colon", head(plus=(b"X-Odd : 1",)), 400),
    answered("a field without a colon", head(plus=(b"nonsense",)), 400),
    answered("NUL in a field", head(plus=(b"X-Odd: a\x00b",)), 400),
    answered("NUL in the target", head(b"/ws\x00"), 400),
    answered("no target", b"GET  HTTP/1.1\r\nHost: chat.test\r\n\r\n", 400),
    answered("garbage", bytes(range(1, 256)) + b"\r\n\r\n", 400),
    answered("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
]

NOT_ASCII = [
    answered("non-ASCII in Host", head(without=("host",), plus=(b"Host: " + E_ACUTE,)), 400),
    answered(
        "non-ASCII in Connection",
        head(without=("connection",), plus=(b"Connection: Upgrade, " + E_ACUTE,)),
        400,
    ),
    answered(
        "non-ASCII in Upgrade",
        head(without=("upgrade",), plus=(b"Upgrade: websocket, " + E_ACUTE,)),
        400,
    ),
    answered("non-ASCII in the protocol", head(plus=(b"Sec-WebSocket-Protocol: " + E_ACUTE,)), 400),
    answered(
        "non-ASCII in the extensions", head(plus=(b"Sec-WebSocket-Extensions: " + E_ACUTE,)), 400
    ),
    answered("non-ASCII in the key", head().replace(KEY, KEY[:-4] + E_ACUTE + b"=="), 400),
    answered("non-ASCII in Origin", head(plus=(b"Origin: http://" + E_ACUTE,)), 400),
    answered("a lone byte in Host", head(without=("host",), plus=(b"Host: a\xffb",)), 400),
]

TOO_LARGE = [
    answered("a head of 1 MB", head(plus=(b"X-Long: " + b"a" * 1_000_000,)), 431),
    answered("a head that never ends", b"GET /ws HTTP/1.1\r\n" + b"X-More: 1\r\n" * 50_000, 431),
    answered("101 fields", head(plus=(b"X-Many: 1",) * 96), 431),
    answered("a target of 9 KiB", head(b"/ws?" + b"a" * (9 * 1024)), 414),
]

WRONG_KIND = [
    answered(
        "another version",
        head(without=("version",), plus=(b"Sec-WebSocket-Version: 8",)),
        426,
        sec_websocket_version="13",
    ),
    answered("no upgrade", plain_head(b"/ws"), 426, upgrade="websocket"),
    answered("an upgrade to h2c", head().replace(b"websocket\r", b"h2c\r"), 426),
    answered("POST with a body", head(method=b"POST", plus=(b"Content-Length: 3",)) + b"abc", 405),
    answered(
        "POST of a body that never comes",
        plain_head(b"/", method=b"POST", plus=(b"Content-Length: 1000000000",)),
        405,
    ),
    answered("a method in small letters", head(method=b"get"), 405),
    answered("DELETE of a page", plain_head(b"/", method=b"DELETE"), 405),
    answered("an unknown path", plain_head(b"/nothing-here"), 404),
]

FOREIGN = [
    answered(f"{name} origin", head(plus=(b"Origin: " + origin,)), 403)
    for name, origin in {
        "a foreign": b"http://evil.test",
        "the null": b"null",
        "another port's": b"http://chat.test:8081",
        "another scheme's": b"ftp://chat.test",
        "an origin with our name as user as": b"http://chat.test@evil.test",
        "a longer name as": b"http://chat.test.evil.test",
        "an empty": b"",
    }.items()
]

TRAVERSALS = [
    answered(f"traversal: {target.decode('latin-1')}", plain_head(target), 404)
    for target in (
        b"/static/../pyproject.toml",
        b"/../../../../etc/passwd",
        b"/static/../../../../etc/passwd",
        b"/static/%2e%2e/%2e%2e/etc/passwd",
        b"/static/..%2f..%2f..%2fetc%2fpasswd",
        b"/static/..%5c..%5cetc%5cpasswd",
        b"/static/..\\..\\etc\\passwd",
        b"/static/%252e%252e/%252e%252e/etc/passwd",
        b"/static/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        b"/static/....//....//etc/passwd",
        b"/static/..;/..;/etc/passwd",
        b"/static//etc/passwd",
        b"/static/%2fetc%2fpasswd",
        b"/static/%00",
        b"/static/%",
        b"/static/%u002e%u002e/etc/passwd",
        b"/static/",
    )
]


def pipelined(scene: Scene) -> None:
    """Several requests in one packet are answered in their order."""
    connection = scene.open()
    targets = (b"/healthz", b"/nothing-here", b"/readyz", b"/static/../x", b"/healthz")
    connection.push(b"".join(plain_head(target) for target in targets))
    statuses = [connection.read_response().status for _ in targets]
    assert statuses == [200, 404, 200, 404, 200]


def two_upgrades(scene: Scene) -> None:
    """What follows a head is a frame, and a second head makes a bad one."""
    connection = scene.open()
    connection.push(head() + head())
    assert connection.read_response().status == 101
    assert_closes(connection, 1002)


def eager_frames(scene: Scene) -> None:
    """Frames in the packet of the handshake are not lost."""
    connection = scene.open()
    connection.push(head() + text(scene.name) + text("eager"))
    assert connection.read_response().status == 101
    event = connection.read_event()
    while event["type"] != "message" or event["username"] != scene.name:
        event = connection.read_event()
    assert event["message"] == "eager"


def byte_by_byte(scene: Scene) -> None:
    """Send a byte a packet: packets change nothing."""
    connection = scene.open()
    for byte in head() + text(scene.name) + text("in small pieces"):
        connection.push(bytes([byte]))
    assert connection.read_response().status == 101
    event = connection.read_event()
    while event["type"] != "message" or event["username"] != scene.name:
        event = connection.read_event()
    assert event["message"] == "in small pieces"


def client_hello(scene: Scene) -> None:
    """TLS on the plain port is malformed, and it is no head within 10 s either."""
    connection = scene.open()
    connection.push(CLIENT_HELLO)
    response = connection.read_response()
    assert response.status in {400, 408}, response


def heads_that_do_not_end(scene: Scene) -> None:
    """A half-sent head and one that drips get 408 after 10 s, one that is cut gets no answer."""
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


def odd_extensions(scene: Scene) -> None:
    """An extension with parameters it cannot have is declined, and all goes on."""
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99, x-unknown"
    response = scene.upgraded("/ws", offer).upgraded_with
    assert response is not None
    assert "sec-websocket-extensions" not in response.fields


BEHAVIOURS = [
    BadInput("pipelined requests", pipelined),
    BadInput("two upgrades in one packet", two_upgrades),
    BadInput("frames with the handshake", eager_frames, joins=True, texts=("eager",)),
    BadInput("a byte a packet", byte_by_byte, joins=True, texts=("in small pieces",)),
    BadInput("a ClientHello", client_hello),
    BadInput("heads that do not end", heads_that_do_not_end),
    BadInput("extensions that cannot be", odd_extensions),
]

HEADS = MALFORMED + NOT_ASCII + TOO_LARGE + WRONG_KIND + FOREIGN + TRAVERSALS + BEHAVIOURS
