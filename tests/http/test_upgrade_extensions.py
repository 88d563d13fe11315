"""The grammar of ``Sec-WebSocket-Extensions``, and the answer to permessage-deflate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.http.upgrade import Offer, Parameter, answer_to, offers_in

TOKEN = "azAZ09!#$%&'*+-.^_`|~"
ACCEPTED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


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
    assert answer(b"permessage-deflate" + parameters) == ACCEPTED


def test_largest_window_is_confirmed_on_request() -> None:
    offer = b"permessage-deflate; server_max_window_bits=15"
    assert answer(offer) == f"{ACCEPTED}; server_max_window_bits=15"


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
        == f"{ACCEPTED}; server_max_window_bits=15"
    )
