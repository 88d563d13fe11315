"""Finding the token of an upgrade."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.wire import Scene, talk, upgrade_request
from trio_chat.http.bearer import find_token
from trio_chat.http.request import Request, parse
from trio_chat.protocol.handshake import Refusal

HEADER = b"Authorization: Bearer a.b.c"
SUBPROTOCOL = b"Sec-WebSocket-Protocol: trio-chat.v2, bearer.a.b.c"


def found(*lines: bytes, target: bytes = b"/ws") -> str | Refusal | None:
    request = parse(upgrade_request(target, *lines))
    assert isinstance(request, Request)
    return find_token(request)


@pytest.mark.parametrize(
    "line",
    [
        HEADER,
        b"authorization: bearer a.b.c",
        b"Authorization: BEARER   a.b.c ",
        SUBPROTOCOL,
        b"Sec-WebSocket-Protocol: bearer.a.b.c,trio-chat.v2",
        b"Sec-WebSocket-Protocol: x,,\tbearer.a.b.c\r\nSec-WebSocket-Protocol: trio-chat.v2",
    ],
)
def test_a_token_in_a_field_is_found(line: bytes) -> None:
    assert found(line) == "a.b.c"


@pytest.mark.parametrize(
    "target",
    [
        b"/ws?token=a.b.c",
        b"/ws?x=y&token=a.b.c&z",
        b"/ws?%74oken=a%2Eb.c",
        b"http://chat.test/ws?token=a.b.c",
    ],
)
def test_a_token_in_the_query_is_found(target: bytes) -> None:
    assert found(target=target) == "a.b.c"


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (b"Authorization: Basic YTpi",),
        (b"Authorization: Basic YTpi", b"Authorization: Digest x"),
        (b"Authorization: BearerX a",),
        (b"Sec-WebSocket-Protocol: trio-chat.v2",),
        (b"Sec-WebSocket-Protocol: Bearer.a.b.c",),
        (b"Cookie: token=a.b.c",),
        (b"X-Token: a.b.c",),
    ],
)
def test_a_request_without_a_token_has_none(lines: tuple[bytes, ...]) -> None:
    assert found(*lines, target=b"/ws?tokens=a&Token=b") is None


@pytest.mark.parametrize(
    ("line", "target"),
    [
        (b"Authorization: Bearer", b"/ws"),
        (b"Authorization: Bearer ", b"/ws"),
        (b"Sec-WebSocket-Protocol: bearer.", b"/ws"),
        (b"X: x", b"/ws?token="),
        (b"X: x", b"/ws?token"),
    ],
)
def test_an_empty_token_is_a_token(line: bytes, target: bytes) -> None:
    assert found(line, target=target) == ""


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        ((HEADER, SUBPROTOCOL), b"/ws"),
        ((HEADER,), b"/ws?token=a.b.c"),
        ((SUBPROTOCOL,), b"/ws?token=a.b.c"),
        ((HEADER, HEADER), b"/ws"),
        ((SUBPROTOCOL, SUBPROTOCOL), b"/ws"),
        ((b"Sec-WebSocket-Protocol: bearer.a, bearer.b",), b"/ws"),
        ((), b"/ws?token=a&token=a"),
        ((HEADER,), b"/ws?token="),
    ],
)
def test_several_tokens_are_refused_even_if_equal(lines: tuple[bytes, ...], target: bytes) -> None:
    refusal = found(*lines, target=target)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert dict(refusal.headers) == {b"www-authenticate": b'Bearer error="invalid_request"'}


@pytest.mark.parametrize("line", [b"Authorization: Bearer \xe9", b"Authorization: Basic \xff"])
def test_the_authorization_field_must_be_ascii(line: bytes) -> None:
    refusal = found(line)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


@given(
    target=st.binary(max_size=30).map(lambda tail: b"/ws?token=" + tail),
    credentials=st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=20),
)
def test_any_token_is_text_or_refused(target: bytes, credentials: str) -> None:
    head = upgrade_request(target, b"Authorization: " + credentials.encode())
    request = parse(head)
    if isinstance(request, Request):
        assert isinstance(find_token(request), str | Refusal)


# --- on the way in -------------------------------------------------------------------------------


async def test_the_token_is_no_part_of_the_upgrade(scene: Scene) -> None:
    done = await talk(scene.front(takes_tokens=True), upgrade_request(b"/ws?token=a.b.c"))
    assert done.upgrade is not None
    assert scene.tokens == ["a.b.c"]
    kept = (done.upgrade.path, done.upgrade.answer, done.upgrade.trailing)
    assert not [one for one in kept if b"a.b.c" in (one if isinstance(one, bytes) else b"")]


async def test_several_tokens_are_refused_before_admission(scene: Scene) -> None:
    front = scene.front(takes_tokens=True)
    reply = (await talk(front, upgrade_request(b"/ws?token=a.b.c", HEADER))).reply()
    assert (reply.status, scene.admitted, scene.refused) == (400, [], ["bad_request"])
    assert b"a.b.c" not in reply.body


async def test_tokens_are_ignored_without_authentication(
    scene: Scene,
) -> None:
    head = upgrade_request(b"/ws?token=a&token=b", HEADER, b"Authorization: \xff")
    assert (await talk(scene.front(), head)).upgrade is not None
    assert scene.tokens == [None]


async def test_a_page_needs_no_token(scene: Scene) -> None:
    front = scene.front(takes_tokens=True)
    request = b"GET /?token=a&token=b HTTP/1.1\r\nHost: chat.test\r\n" + HEADER + b"\r\n\r\n"
    assert (await talk(front, request)).reply().status == 200
