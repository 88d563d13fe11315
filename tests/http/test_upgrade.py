"""The opening handshake: well-formed upgrades and their answers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection
from wsproto.events import Request as WebSocketRequest

from tests.http.wire import KEY, get, parsed, upgrade_request
from trio_chat.http.request import Request, parse
from trio_chat.http.upgrade import answer_for, deflate_for, fault_of

WEBSOCKET = (b"upgrade", b"websocket")
VERSION_13 = (b"sec-websocket-version", b"13")


@pytest.mark.parametrize(
    "head",
    [
        upgrade_request(),
        upgrade_request(b"/ws/echo?x=y", b"Origin: http://chat.test"),
        upgrade_request(Upgrade=b"WebSocket"),
        upgrade_request(Upgrade=b"h2c, websocket"),
        upgrade_request(Connection=b"UPGRADE"),
        upgrade_request(b"/ws", b"Connection: keep-alive"),
        upgrade_request(b"/ws", b"Connection: close"),
        upgrade_request(Host=b"[::1]:8080"),
        upgrade_request(Host=b"xn--bcher-kva.example"),
        upgrade_request(b"/ws", b'Sec-WebSocket-Extensions: ,permessage-deflate; x="1",'),
        upgrade_request(b"/ws", b"Sec-WebSocket-Extensions: a", b"Sec-WebSocket-Extensions: b"),
        upgrade_request(b"/ws", b"Sec-WebSocket-Protocol: ,, a b ,"),
        upgrade_request(b"/ws", b"Cookie: \xe9", b"Content-Length: 0"),
        upgrade_request(b"http://chat.test/ws"),
    ],
)
def test_a_well_formed_upgrade_is_answered(head: bytes) -> None:
    request = parsed(head)
    assert fault_of(request) is None
    answer = answer_for(request)
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    # The answer to this key is that of RFC 6455, section 1.3.
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer


@pytest.mark.parametrize(
    ("offered", "named"),
    [
        ([], None),
        (["trio-chat.v2"], "trio-chat.v2"),
        (["bearer.x", "trio-chat.v2", "chat"], "trio-chat.v2"),
        (["chat", "other", "bearer.x", "trio-chat.v3", "Trio-Chat.V2"], None),
    ],
)
def test_the_answer_names_our_offered_subprotocol(offered: list[str], named: str | None) -> None:
    client = WSConnection(ConnectionType.CLIENT)
    head = client.send(WebSocketRequest("chat.test", "/ws", subprotocols=offered))
    client.receive_data(answer_for(parsed(head)) + b"\r\n")
    (answer,) = client.events()
    assert isinstance(answer, AcceptConnection)
    assert (answer.subprotocol, answer.extensions) == (named, [])


OFFER = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        ([], None),
        ([OFFER], DEFLATE),
        ([b"Sec-WebSocket-Extensions: x", OFFER], DEFLATE),
        ([OFFER + b"=abc"], None),
    ],
)
def test_an_offer_of_compression_is_answered(lines: list[bytes], answer: str | None) -> None:
    request = parsed(upgrade_request(b"/ws", *lines))
    assert fault_of(request) is None
    assert deflate_for(request) == answer


def refused(head: bytes) -> Any:  # noqa: ANN401 - a Refusal, or None
    return fault_of(parsed(head))


@pytest.mark.parametrize(
    "head",
    [
        get(b"/ws"),
        upgrade_request(without=b"Upgrade"),
        upgrade_request(Upgrade=b"h2c"),
        upgrade_request(without=b"Connection"),
        upgrade_request(Connection=b"keep-alive"),
        upgrade_request().replace(b"GET", b"HEAD", 1),
    ],
)
def test_a_request_without_an_upgrade_gets_426(head: bytes) -> None:
    refusal = refused(head)
    assert refusal.status == 426
    assert WEBSOCKET in refusal.headers
    assert VERSION_13 not in refusal.headers


@pytest.mark.parametrize(
    "head",
    [
        *(upgrade_request(Sec_WebSocket_Version=one) for one in (b"8", b"013", b"13, 8", b"")),
        upgrade_request(without=b"Sec-WebSocket-Version"),
    ],
)
def test_the_answer_to_another_version_names_version_13(head: bytes) -> None:
    refusal = refused(head)
    assert refusal.status == 426
    assert VERSION_13 in refusal.headers
    assert WEBSOCKET in refusal.headers


@pytest.mark.parametrize(
    "head",
    [
        upgrade_request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        upgrade_request(b"/ws", b"Sec-WebSocket-Version: 13"),
        upgrade_request(without=b"Sec-WebSocket-Key"),
        upgrade_request(b"/ws", b"Sec-WebSocket-Key: " + KEY),
        upgrade_request(Sec_WebSocket_Key=b""),
        upgrade_request(Sec_WebSocket_Key=b"c2hvcnQ="),
        upgrade_request(Sec_WebSocket_Key=b"A" * 24),
        upgrade_request(Sec_WebSocket_Key=b"!" * 22 + b"=="),
        upgrade_request(b"/ws", b"Origin: http://a", b"Origin: http://b"),
        upgrade_request(b"/ws", b'Sec-WebSocket-Extensions: ;=,,permessage-deflate; x="'),
        upgrade_request(b"/ws", b"Sec-WebSocket-Extensions:"),
        upgrade_request(b"/ws", b"Connection: \xff"),
        upgrade_request(b"/ws", b"Upgrade: \xff"),
        get(b"/ws", b"Upgrade: websocket\xe9"),
        upgrade_request(b"/ws", b"Origin: http://\xff"),
        upgrade_request(b"/ws", b"Sec-WebSocket-Protocol: \xff"),
        upgrade_request(b"/ws", b"Sec-WebSocket-Extensions: \xff"),
        upgrade_request(b"/ws", b"Sec-WebSocket-Anything: \xff"),
    ],
)
def test_a_malformed_upgrade_is_refused(head: bytes) -> None:
    assert refused(head).status == 400


WORDS = [*b"websocket upgrade close , ; = 13".split(), b'"', b" ", b"\xe9", b"\t", KEY]
NAMES = (
    b"Host Upgrade Connection Origin Content-Length X Sec-WebSocket-Key Sec-WebSocket-Version"
    b" Sec-WebSocket-Protocol Sec-WebSocket-Extensions"
).split()
VALUES = st.lists(st.sampled_from(WORDS), max_size=5).map(b"".join)
FIELDS = st.builds(b"%s: %s".__mod__, st.tuples(st.sampled_from(NAMES), VALUES))


@given(
    more=st.lists(FIELDS, max_size=4),
    host=st.from_regex(rb"(xn--)?[a-z0-9.-]{1,12}(:[0-9]{0,5})?", fullmatch=True),
)
def test_every_accepted_handshake_has_an_answer(more: list[bytes], host: bytes) -> None:
    request = parse(upgrade_request(b"/ws", *more, Host=host))
    if isinstance(request, Request) and not request.has_body and fault_of(request) is None:
        assert answer_for(request).count(b"Sec-WebSocket-Accept: ") == 1
