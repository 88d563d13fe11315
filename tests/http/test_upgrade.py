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
from trio_chat.http.upgrade import (
    Offer,
    Parameter,
    answer_for,
    answer_to,
    deflate_for,
    fault_of,
    offers_in,
)

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


TOKEN = "azAZ09!#$%&'*+-.^_`|~"


def offer(name: str, *parameters: Parameter) -> Offer:
    return name, list(parameters)


@pytest.mark.parametrize(
    ("line", "offers"),
    [
        (b"x", [offer("x")]),
        (b"x; a", [offer("x", ("a", None))]),
        (b"x;a=1;b", [offer("x", ("a", "1"), ("b", None))]),
        (b"x; a=1; a=2", [offer("x", ("a", "1"), ("a", "2"))]),
        (b"x, y; a", [offer("x"), offer("y", ("a", None))]),
        (b'x; a="1"', [offer("x", ("a", "1"))]),
        (b'x; a="\\1\\0"', [offer("x", ("a", "10"))]),
        (b" \tx\t ;\ta = 1 ", [offer("x", ("a", "1"))]),
        (b", ,x,\t, y ,,", [offer("x"), offer("y")]),
        (TOKEN.encode(), [offer(TOKEN)]),
    ],
)
def test_line_is_parsed_as_a_list_of_offers(line: bytes, offers: list[Offer]) -> None:
    assert offers_in([line]) == offers


def test_lines_form_one_list() -> None:
    assert offers_in([]) == []
    assert offers_in([b"x", b"", b"y, z"]) == [offer("x"), offer("y"), offer("z")]


INVALID = (
    b"| ,|;|x;|x;;a|x; a=|x; =1|x y|x=1|x; a=1 2|x; a b|x; a=(1)|x/y|x; \xe9|x\n|\xff"
    b'|"x"|x; a="|x; a="1|x; a=""|x; a="1 2"|x; a="1,2"|x; a="\\|x; a="1"2|x; a="\xe9"'
).split(b"|")


@pytest.mark.parametrize("line", INVALID)
def test_invalid_grammar_is_refused(line: bytes) -> None:
    assert offers_in([line]) is None
    assert offers_in([b"x", b"y," + line if line.strip(b" ,") else line]) == (
        [offer("x")] if not line.strip(b" ,") else None
    )


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_any_bytes_are_parsed_or_refused(lines: list[bytes]) -> None:
    offers = offers_in(lines)
    assert offers is None or all(name.isascii() for name, _ in offers)


def test_longest_field_is_parsed_in_linear_time() -> None:
    # Quadratic, each of these would be more work than a test may take.
    for line in (b"a," * 200_000, b"a" + b" " * 400_000, b"x" + b";a" * 100_000 + b"="):
        offers_in([line])


def answer(*lines: bytes) -> str | None:
    offers = offers_in(lines)
    assert offers is not None
    return answer_to(offers)


ACCEPTABLE = [
    b"",
    b'; client_max_window_bits="10"',
    *(b"; client_max_window_bits" + value for value in (b"", b"=8", b"=15")),
    b"; server_no_context_takeover",
    b"; client_no_context_takeover; client_max_window_bits; server_no_context_takeover",
]


@pytest.mark.parametrize("parameters", ACCEPTABLE)
def test_offer_is_accepted_without_context_takeover(parameters: bytes) -> None:
    assert answer(b"permessage-deflate" + parameters) == DEFLATE


def test_largest_window_is_confirmed_on_request() -> None:
    offer = b"permessage-deflate; server_max_window_bits=15"
    assert answer(offer) == f"{DEFLATE}; server_max_window_bits=15"


UNACCEPTABLE = [
    *(b"server_max_window_bits" + value for value in b"|=8|=14|=16|=015".split(b"|")),
    *(b"client_max_window_bits=" + value for value in b"abc|7|16|08|-9|1e1".split(b"|")),
    b"client_max_window_bits; client_max_window_bits",
    b"client_max_window_bits; client_max_window_bits=10",
    *(side + b"_no_context_takeover=1" for side in (b"client", b"server")),
    b"server_no_context_takeover; server_no_context_takeover",
    b"Client_Max_Window_Bits",
    b"x_unknown",
]


@pytest.mark.parametrize("parameters", UNACCEPTABLE)
def test_unacceptable_parameter_is_declined(parameters: bytes) -> None:
    assert answer(b"permessage-deflate; " + parameters) is None


def test_other_extension_is_declined() -> None:
    assert answer(b"x-webkit-deflate-frame, permessage-bzip2") is None


def test_first_acceptable_offer_is_accepted() -> None:
    assert (
        answer(
            b"x-unknown, permessage-deflate; server_max_window_bits=10",
            b"permessage-deflate; server_max_window_bits=15, permessage-deflate",
        )
        == f"{DEFLATE}; server_max_window_bits=15"
    )
