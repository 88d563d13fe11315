"""A response's bytes."""

import orjson

from tests.http.wire import parse_replies
from trio_chat.http.response import Response, encode, from_refusal
from trio_chat.protocol.handshake import Refusal

PAGE = Response(200, ((b"content-type", b"text/plain"),), b"hello")


def test_a_response_has_its_length_and_the_common_fields() -> None:
    (reply,) = parse_replies(encode(PAGE, head_only=False, close=False), ["GET"])
    assert reply.body == b"hello"
    assert reply.headers == {
        b"content-type": b"text/plain",
        b"content-length": b"5",
        b"x-content-type-options": b"nosniff",
        b"cross-origin-resource-policy": b"same-origin",
    }


def test_the_answer_to_head_has_a_length_but_no_body() -> None:
    (reply,) = parse_replies(encode(PAGE, head_only=True, close=False), ["HEAD"])
    assert reply.headers[b"content-length"] == b"5"


def test_the_last_response_has_connection_close() -> None:
    (reply,) = parse_replies(encode(PAGE, head_only=False, close=True), ["GET"])
    assert reply.headers[b"connection"] == b"close"


def test_not_modified_has_no_length() -> None:
    (reply,) = parse_replies(encode(Response(304, (), b""), head_only=False, close=False), ["GET"])
    assert b"content-length" not in reply.headers


def test_a_refusal_is_json_with_its_own_fields() -> None:
    response = from_refusal(Refusal(429, "rate_limited", 'too "many"', ((b"retry-after", b"1"),)))
    assert response.status == 429
    assert (b"retry-after", b"1") in response.headers
    assert (b"content-type", b"application/json") in response.headers
    expected = {"error": {"code": "rate_limited", "message": 'too "many"'}}
    assert orjson.loads(response.body) == expected
