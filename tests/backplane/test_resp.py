import pytest

from trio_chat.backplane.address import read_address
from trio_chat.backplane.connection import RECEIVE_BYTES
from trio_chat.backplane.incoming import MOST_BYTES_OF_ONE
from trio_chat.backplane.resp import (
    GREETINGS,
    MAX_INCOMPLETE_BYTES,
    PING,
    ErrorReply,
    Received,
    Replies,
    encode,
    greeting,
)
from trio_chat.errors import Outage

MINE = b"me "


def push(payload: bytes) -> bytes:
    return b">3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$%d\r\n%b\r\n" % (len(payload), payload)


HELLO = b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nmodules\r\n*0\r\n"
SUBSCRIBED = b">3\r\n$9\r\nsubscribe\r\n$4\r\nchat\r\n:1\r\n"


def test_encode_writes_each_word_with_its_length() -> None:
    assert encode(b"PUBLISH", b"chat", b"a\r\nb") == (
        b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$4\r\na\r\nb\r\n"
    )


@pytest.mark.parametrize(
    ("url", "hello"),
    [
        ("redis://h", (b"HELLO", b"3")),
        ("redis://:hush@h", (b"HELLO", b"3", b"AUTH", b"default", b"hush")),
        ("redis://ann:hush@h", (b"HELLO", b"3", b"AUTH", b"ann", b"hush")),
        ("redis://ann@h", (b"HELLO", b"3", b"AUTH", b"ann", b"")),
    ],
)
def test_the_greeting_authenticates_and_subscribes(url: str, hello: tuple[bytes, ...]) -> None:
    commands = greeting(read_address(url), b"chat")
    assert commands == encode(*hello) + PING + encode(b"SUBSCRIBE", b"chat")
    received = Replies(MINE).take(HELLO + b"+PONG\r\n" + SUBSCRIBED)
    assert received == Received(answers=GREETINGS, is_subscribed=True)


def test_replies_skip_the_payloads_of_this_node() -> None:
    received = Replies(MINE).take(push(b"me 1") + b":2\r\n" + push(b"you 2") + push(b"men 3"))
    assert received == Received([b"2", b"3"], answers=1, published=1)
    # A payload without an origin arrives as it is.
    assert Replies(MINE).take(push(b"garbage") + push(b"")).payloads == [b"garbage", b""]


def test_a_read_may_cut_a_reply_anywhere() -> None:
    data = HELLO + SUBSCRIBED + push(b"you a\r\nb") + b":1\r\n" + push(b"you ")
    for cut in range(len(data) + 1):
        replies = Replies(MINE)
        parts = [replies.take(data[:cut]), replies.take(data[cut:])]
        assert [*parts[0].payloads, *parts[1].payloads] == [b"a\r\nb", b""]
        assert sum(part.answers for part in parts) == 3


@pytest.mark.parametrize(
    ("line", "text", "is_refusal"),
    [
        (b"-WRONGPASS invalid pair", "WRONGPASS invalid pair", True),
        (b"-NOPERM no rights", "NOPERM no rights", True),
        (b"-NOAUTH HELLO must be", "NOAUTH HELLO must be", True),
        (b"-LOADING soon", "LOADING soon", False),
        (
            b"-ERR unknown command 'HELLO', with args beginning with: 'hush'",
            "ERR unknown command 'HELLO'",
            False,
        ),
    ],
)
def test_an_error_reply_is_raised_without_the_arguments(
    line: bytes,
    text: str,
    is_refusal: bool,  # noqa: FBT001 - one of two cases
) -> None:
    with pytest.raises(ErrorReply) as raised:
        Replies(MINE).take(HELLO + line + b"\r\n")
    assert (str(raised.value), raised.value.is_refusal) == (text, is_refusal)


def test_bytes_of_another_protocol_are_an_outage() -> None:
    with pytest.raises(Outage, match="Protocol error"):
        Replies(MINE).take(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_the_largest_payload_arrives_in_reads_of_any_offset() -> None:
    replies = Replies(MINE)
    largest = push(b"you " + bytes(MOST_BYTES_OF_ONE - 4))
    received = 0
    data = b":1\r\n" + largest + largest
    for begin in range(0, len(data), RECEIVE_BYTES):
        received += len(replies.take(data[begin : begin + RECEIVE_BYTES]).payloads)
    assert received == 2


def test_a_too_large_payload_is_an_outage_before_it_is_complete() -> None:
    replies = Replies(MINE)
    replies.take(push(b"you ") + b">3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$500000000\r\n")
    for _ in range(MAX_INCOMPLETE_BYTES // RECEIVE_BYTES - 1):
        replies.take(bytes(RECEIVE_BYTES))
    with pytest.raises(Outage, match="too large"):
        replies.take(bytes(RECEIVE_BYTES))
