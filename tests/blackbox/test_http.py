"""Each answer to an HTTP request (docs/reference/http.md), and who may connect."""

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.client import Chatter
from tests.support.raw import RawConnection
from tests.support.requests import Response, head, plain_head
from tests.support.server import ChatServer

from .scene import assert_refusal_body

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


def linked_files(page: Response) -> list[str]:
    """Give the paths of the files a page asks for."""
    return re.findall(r'(?:src|href)="(/static/[^"]+)"', page.body.decode())


@pytest.mark.parametrize("target", ["/", "/echo"])
def test_a_page_is_html_with_a_policy_that_allows_nothing_inline(
    connection: RawConnection, target: str
) -> None:
    page = get(connection, target)
    assert page.status == 200
    assert page.fields["content-type"].startswith("text/html")
    assert page.fields["x-content-type-options"] == "nosniff"
    policy = page.fields["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "default-src" in policy
    assert linked_files(page)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.body.decode())


def test_each_file_of_the_pages_has_its_type_and_is_not_sent_twice(
    connection: RawConnection,
) -> None:
    kinds = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}
    files = {path for page in ("/", "/echo") for path in linked_files(get(connection, page))}
    assert {".js", ".css"} <= {path[path.rindex(".") :] for path in files}
    for path in files:
        first = get(connection, path)
        assert first.status == 200
        assert first.body
        expected = kinds.get(path[path.rindex(".") :], "")
        assert first.fields["content-type"].startswith(expected)
        assert first.fields["x-content-type-options"] == "nosniff"
        again = get(connection, path, f"If-None-Match: {first.fields['etag']}")
        assert (again.status, again.body) == (304, b"")
        assert again.fields["etag"] == first.fields["etag"]
        assert get(connection, path, 'If-None-Match: "another"').status == 200
        listed = get(connection, path, f'If-None-Match: "x", {first.fields["etag"]}')
        assert listed.status == 304
        assert get(connection, path, "If-None-Match: *").status == 304


@pytest.mark.parametrize("target", ["/", "/echo", "/healthz", "/readyz", "/metrics"])
def test_head_is_get_without_the_body(connection: RawConnection, target: str) -> None:
    whole = get(connection, target)
    only_head = get(connection, target, method="HEAD")
    assert only_head.status == whole.status == 200
    assert only_head.fields["content-type"] == whole.fields["content-type"]
    if target != "/metrics":  # which may have changed meanwhile
        assert only_head.fields["content-length"] == str(len(whole.body))
    assert get(connection, "/healthz").body.strip() == b"ok"  # nothing of a body was left


@pytest.mark.parametrize(("target", "body"), [("/healthz", b"ok"), ("/readyz", b"ready")])
def test_health_is_one_word(connection: RawConnection, target: str, body: bytes) -> None:
    response = get(connection, target)
    assert (response.status, response.body.strip()) == (200, body)
    assert response.fields["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("target", ["/", "/echo", "/healthz", "/readyz", "/metrics", "/ws"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_another_method_on_a_known_path_is_told_which_are_allowed(
    connection: RawConnection, target: str, method: str
) -> None:
    response = get(connection, target, method=method)
    assert response.status == 405
    assert {word.strip() for word in response.fields["allow"].split(",")} >= {"GET"}
    assert_refusal_body(response.body)


@pytest.mark.parametrize("target", ["/nothing", "/static/nothing.js", "/ws//", "/ws/other", "/WS"])
def test_anything_else_is_not_found(connection: RawConnection, target: str) -> None:
    response = get(connection, target)
    assert response.status == 404
    assert response.fields["content-type"].startswith("application/json")
    assert response.fields["x-content-type-options"] == "nosniff"
    assert_refusal_body(response.body)


@pytest.mark.parametrize("target", ["/ws", "/ws/", "/ws/echo"])
def test_a_socket_without_an_upgrade_is_told_to_upgrade(
    connection: RawConnection, target: str
) -> None:
    response = get(connection, target)
    assert (response.status, response.fields["upgrade"]) == (426, "websocket")
    assert_refusal_body(response.body)


def test_a_query_changes_nothing(connection: RawConnection) -> None:
    assert get(connection, "/healthz?a=b&c=%00").status == 200
    connection.push(head(b"/ws?room=x"))
    assert connection.read_response().status == 101


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


def test_connections_persist_and_end_when_asked(connection: RawConnection) -> None:
    for _ in range(3):
        assert get(connection, "/healthz").status == 200
    assert get(connection, "/healthz", "Connection: close").status == 200
    connection.read_end()


def test_a_connection_that_asked_for_a_page_may_become_a_socket(
    connection: RawConnection,
) -> None:
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
def test_a_good_upgrade_is_taken_however_it_is_spelled(
    connection: RawConnection, fields: tuple[bytes, ...]
) -> None:
    connection.push(head(without=("upgrade", "connection"), plus=fields))
    response = connection.read_response()
    assert response.status == 101
    assert "sec-websocket-protocol" not in response.fields
    assert connection.join("speller")[-1]["type"] == "presence"


def test_an_unread_page_holds_nobody_up(server: ChatServer) -> None:
    with RawConnection(server.address, receive_buffer_bytes=4096) as greedy:
        greedy.push(plain_head(b"/") * 200, reading=False)
        with RawConnection(server.address) as other:
            assert get(other, "/healthz").status == 200


def upgrade(server: ChatServer, *fields: str, source: str = "127.0.0.1") -> Response:
    """Ask for a WebSocket with these fields, and give the answer."""
    with RawConnection(server.address, source=source) as opened:
        opened.push(head(plus=tuple(field.encode() for field in fields)))
        return opened.read_response()


def schemes(server: ChatServer) -> tuple[str, str]:
    """Give the server's own scheme, and the other."""
    return ("https", "http") if server.is_secure else ("http", "https")


@pytest.mark.parametrize("target", [b"/ws", b"/ws/echo"])
@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("{own}://chat.test", 101),
        ("{own}://chat.test:{port}", 101),
        ("{own}://CHAT.test", 101),
        ("{own}://chat.test:8080", 403),
        ("{other}://chat.test", 403),
        ("{other}://chat.test:{port}", 403),
        ("{own}://other.test", 403),
        ("null", 403),
    ],
)
def test_an_origin_is_ours_if_host_port_and_scheme_are(
    server: ChatServer, connection: RawConnection, target: bytes, origin: str, status: int
) -> None:
    own, other = schemes(server)
    said = origin.format(own=own, other=other, port=443 if own == "https" else 80)
    connection.push(head(target, plus=(f"Origin: {said}".encode(),)))
    assert connection.read_response().status == status


def test_an_allowed_origin_may_come_and_only_exactly_that_one(serve: Serve) -> None:
    server = serve("--allow-origin", "https://chat.example", "--allow-origin", "https://b.example")
    assert upgrade(server, "Origin: https://chat.example").status == 101
    assert upgrade(server, "Origin: https://b.example").status == 101
    assert upgrade(server, f"Origin: {schemes(server)[0]}://chat.test").status == 101
    for foreign in ("http://chat.example", "https://chat.example:8443", "https://x.chat.example"):
        assert upgrade(server, f"Origin: {foreign}").status == 403


def test_a_page_under_a_foreign_name_that_leads_here_may_not_come(serve: Serve) -> None:
    server = serve("--server-name", "chat.example", "--server-name", "chat.test")
    scheme, _ = schemes(server)
    rebound = head(without=("host",), plus=(b"Host: evil.test",))
    for request, name, status in (
        (head(), "chat.test", 101),
        (rebound, "evil.test", 403),
        (rebound, "chat.test", 403),
    ):
        with RawConnection(server.address) as connection:
            connection.push(request[:-2] + f"Origin: {scheme}://{name}\r\n\r\n".encode())
            assert connection.read_response().status == status


def test_any_origin_may_come_where_any_is_allowed(serve: Serve) -> None:
    server = serve("--allow-origin", "*")
    assert upgrade(server, "Origin: https://anywhere.example").status == 101


def test_what_a_proxy_says_counts_only_from_a_trusted_one(serve: Serve) -> None:
    limits = ("--upgrade-rate", "1", "--upgrade-burst", "2")
    server = serve(*limits, "--trusted-proxy", "127.0.0.9", "--max-connections", "500")
    _, other = schemes(server)  # the proxy's clients come by the one, and the proxy by the other
    fields = (f"Origin: {other}://chat.test", f"X-Forwarded-Proto: {other}")
    assert upgrade(server, *fields, source="127.0.0.9").status == 101
    assert upgrade(server, *fields, source="127.0.0.8").status == 403
    for number in range(6):
        field = f"X-Forwarded-For: 10.0.0.1, 10.0.1.{number}"
        assert upgrade(server, field, source="127.0.0.9").status == 101
        field = f"X-Real-IP: 10.0.2.{number}"
        assert upgrade(server, field, source="127.0.0.9").status == 101
    same = [
        upgrade(server, f"X-Forwarded-For: 10.0.3.{n}, 10.9.9.9", source="127.0.0.9")
        for n in range(12)
    ]
    assert 429 in [response.status for response in same]
    lies = [upgrade(server, f"X-Forwarded-For: 10.0.4.{n}", source="127.0.0.8") for n in range(12)]
    assert 429 in [response.status for response in lies]
