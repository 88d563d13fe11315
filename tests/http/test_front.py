"""A connection from the first byte to its end: pages, refusals, pipelining, upgrades."""

from ipaddress import ip_network

import orjson
import pytest
import trio

from tests.http.wire import PEER, Scene, get, talk, upgrade_request
from trio_chat.fair_queue import FairQueue
from trio_chat.http.front import Peer
from trio_chat.http.routes import Readiness
from trio_chat.protocol.handshake import Refusal

TOO_MANY = Refusal(429, "rate_limited", "too many upgrades", ((b"retry-after", b"1"),))


async def test_a_connection_continues_after_a_page(scene: Scene) -> None:
    reply, second = (await talk(scene.front(), get(b"/"), get(b"/echo"))).replies()
    assert reply.status == 200
    assert b"<title>chat</title>" in reply.body
    assert reply.headers[b"x-content-type-options"] == b"nosniff"
    assert b"connection" not in reply.headers
    assert b"<title>echo</title>" in second.body


async def test_pipelined_requests_are_answered_in_order(scene: Scene) -> None:
    batch = get(b"/healthz") + get(b"/nothing") + get(b"/", method=b"HEAD") + get(b"/readyz")
    replies = (await talk(scene.front(), batch)).replies("GET", "GET", "HEAD", "GET")
    assert [reply.status for reply in replies] == [200, 404, 200, 200]
    assert [replies[0].body, replies[2].body, replies[3].body] == [b"ok", b"", b"ready"]


async def test_a_client_that_ends_at_once_gets_nothing(scene: Scene) -> None:
    assert (await talk(scene.front())).raw == b""
    assert scene.refused == []


async def test_a_truncated_head_is_malformed(scene: Scene) -> None:
    assert (await talk(scene.front(), get()[:-1])).reply().status == 400


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", get(b"/", b"Connection: close")])
async def test_a_connection_without_keep_alive_closes(scene: Scene, head: bytes) -> None:
    reply = (await talk(scene.front(), head + get(b"/echo"))).reply()
    assert reply.status == 200
    assert reply.headers[b"connection"] == b"close"


async def test_a_draining_server_closes_after_each_answer(scene: Scene) -> None:
    scene.draining = True
    scene.readiness = Readiness(ready=False, text="draining")
    reply = (await talk(scene.front(), get(b"/readyz") + get(b"/"))).reply()
    assert (reply.status, reply.body) == (503, b"draining")
    assert reply.headers[b"connection"] == b"close"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (get(b"/", b"Content-Length: 3") + b"abc", 400, "bad_request"),
        (get(b"/", b"Content-Length: 3", method=b"HEAD"), 400, "bad_request"),
        (get(b"/", b"Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, "bad_request"),
        (get(b"/ws", b"Upgrade: websocket\xff"), 400, "bad_request"),
        (get(b"/" + b"a" * 8192), 414, "target_too_long"),
        (get(b"/", *[b"X: y"] * 100), 431, "head_too_large"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
    ],
)
async def test_a_request_of_unknown_length_closes_the_connection(
    scene: Scene, data: bytes, status: int, code: str
) -> None:
    method = "HEAD" if data.startswith(b"HEAD") else "GET"
    reply = (await talk(scene.front(), data + get())).reply(method)
    assert (reply.status, reply.headers[b"connection"]) == (status, b"close")
    assert scene.refused == [code]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (get(b"/nothing"), 404, "not_found"),
        (get(b"/", method=b"DELETE"), 405, "method_not_allowed"),
        (get(b"/ws"), 426, "upgrade_required"),
        (upgrade_request(Sec_WebSocket_Version=b"8"), 426, "upgrade_required"),
        (upgrade_request(b"/ws", b"Origin: http://evil.test"), 403, "forbidden"),
    ],
)
async def test_a_connection_continues_after_a_refusal(
    scene: Scene, data: bytes, status: int, code: str
) -> None:
    reply, second = (await talk(scene.front(), data + get(b"/healthz"))).replies()
    assert reply.status == status
    assert orjson.loads(reply.body)["error"]["code"] == code
    assert reply.headers[b"content-type"] == b"application/json"
    assert reply.headers[b"x-content-type-options"] == b"nosniff"
    assert second.body == b"ok"
    assert scene.refused == [code]


async def test_the_answer_to_a_wrong_method_lists_the_allowed_methods(scene: Scene) -> None:
    reply = (await talk(scene.front(), get(b"/ws", method=b"POST"))).reply()
    assert reply.headers[b"allow"] == b"GET, HEAD"


async def test_a_body_is_not_parsed_as_the_next_request(scene: Scene) -> None:
    smuggled = get(b"/healthz")
    data = get(b"/", b"Content-Length: %d" % len(smuggled), method=b"POST") + smuggled
    reply = (await talk(scene.front(), data)).reply()
    assert (reply.status, reply.headers[b"connection"]) == (405, b"close")


async def test_a_request_expecting_100_continue_is_refused(scene: Scene) -> None:
    head = get(b"/", b"Content-Length: 9", b"Expect: 100-continue", method=b"PUT")
    assert (await talk(scene.front(), head)).reply().status == 405


async def test_a_malformed_head_request_is_refused_without_a_body(scene: Scene) -> None:
    reply = (await talk(scene.front(), b"HEAD / HTTP/1.1\r\n\r\n")).reply("HEAD")
    assert (reply.status, reply.body) == (400, b"")


@pytest.mark.parametrize(
    "target",
    [
        b"/static/../chat.html",
        b"/static/%2e%2e/chat.html",
        b"/static/%2E%2E%2Fchat.html",
        b"/static/..%2f..%2fetc/passwd",
        b"/static/%252e%252e/chat.html",
        b"/static/..\\chat.html",
        b"/static/..%5cchat.html",
        b"/static/%c0%ae%c0%ae/chat.html",
        b"/static/chat.js%00.html",
        b"/static//etc/passwd",
        b"/static/.secret",
        b"/../../etc/passwd",
        b"//etc/passwd",
        b"../etc/passwd",
        b"http://chat.test/../etc/passwd",
        b"file:///etc/passwd",
        b"*",
    ],
)
async def test_a_path_outside_the_folder_is_not_found(scene: Scene, target: bytes) -> None:
    assert (await talk(scene.front(), get(target))).reply().status == 404


@pytest.mark.parametrize("path", [b"/ws", b"/ws/echo"])
async def test_an_upgrade_is_returned_unanswered(scene: Scene, path: bytes) -> None:
    result = await talk(scene.front(), upgrade_request(path + b"?a=b", b"X-Thing: 1"))
    upgrade = result.upgrade
    assert result.raw == b""
    assert upgrade is not None
    assert scene.admitted == [upgrade]
    assert upgrade.path == path.decode()
    assert (upgrade.address, upgrade.peer) == ("192.0.2.7", "192.0.2.7:50123")
    assert upgrade.answer.startswith(b"HTTP/1.1 101 ")


async def test_an_upgrade_contains_the_answer_to_an_offer_of_compression(
    scene: Scene,
) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=15"
    offering = (await talk(scene.front(), upgrade_request(b"/ws", offer))).upgrade
    silent = (await talk(scene.front(), upgrade_request())).upgrade
    assert offering is not None
    assert silent is not None
    assert offering.deflate is not None
    assert offering.deflate.endswith("; server_max_window_bits=15")
    assert silent.deflate is None


async def test_frames_sent_with_the_head_are_kept(scene: Scene) -> None:
    frames = b"\x81\x85\x00\x00\x00\x00hello\r\n\r\n\x00"
    result = await talk(scene.front(), get() + upgrade_request() + frames)
    assert result.upgrade is not None
    assert result.upgrade.trailing == frames
    assert result.unread == b""


async def test_bytes_in_a_packet_after_the_head_stay_unread(scene: Scene) -> None:
    head = upgrade_request()
    result = await talk(scene.front(), head[:30], head[30:], b"\x81\x80frame")
    assert result.upgrade is not None
    assert (result.upgrade.trailing, result.unread) == (b"", b"\x81\x80frame")


async def test_a_client_can_retry_a_refused_upgrade(
    scene: Scene,
) -> None:
    scene.refusal = TOO_MANY
    replies = (await talk(scene.front(), upgrade_request(), upgrade_request())).replies()
    assert [reply.status for reply in replies] == [429, 429]
    assert replies[0].headers[b"retry-after"] == b"1"
    assert orjson.loads(replies[0].body)["error"]["code"] == "rate_limited"
    assert scene.refused == ["rate_limited", "rate_limited"]


async def test_only_well_formed_upgrades_reach_admission(scene: Scene) -> None:
    evil = upgrade_request(b"/ws", b"Origin: http://evil.test")
    bad_key = upgrade_request(Sec_WebSocket_Key=b"short")
    await talk(scene.front(), get() + get(b"/ws") + evil + bad_key)
    assert scene.admitted == []
    assert scene.refused == ["upgrade_required", "forbidden", "bad_request"]


async def test_an_allowed_origin_may_connect(scene: Scene) -> None:
    front = scene.front(allowed_origins=["https://app.test"])
    head = upgrade_request(b"/ws", b"Origin: https://app.test")
    assert (await talk(front, head)).upgrade is not None


async def test_the_own_origin_of_an_encrypted_connection_is_https(scene: Scene) -> None:
    head = upgrade_request(b"/ws", b"Origin: https://chat.test")
    assert (await talk(scene.front(secure=True), head)).upgrade is not None
    assert (await talk(scene.front(secure=False), head)).upgrade is None


async def test_the_origin_is_compared_with_the_host_of_an_absolute_target(scene: Scene) -> None:
    head = upgrade_request(b"http://other.test/ws", b"Origin: http://other.test")
    assert (await talk(scene.front(), head)).upgrade is not None


async def test_a_foreign_name_of_this_server_is_a_foreign_origin(
    scene: Scene,
) -> None:
    front = scene.front(server_names=["chat.test"])
    ours = upgrade_request(Origin=b"http://chat.test")
    assert (await talk(front, ours)).upgrade is not None
    rebound = upgrade_request(Host=b"evil.test", Origin=b"http://evil.test")
    assert (await talk(front, rebound)).reply().status == 403


async def test_a_trusted_proxy_forwards_address_and_scheme(scene: Scene) -> None:
    lines = (b"Origin: https://chat.test", b"X-Forwarded-Proto: https", b"X-Forwarded-For: 8.8.8.8")
    head = upgrade_request(b"/ws", *lines)
    front = scene.front(trusted_proxies=[ip_network("192.0.2.0/24")])
    upgrade = (await talk(front, head)).upgrade
    assert upgrade is not None
    assert (upgrade.address, upgrade.peer) == ("8.8.8.8", str(PEER))
    assert (await talk(scene.front(), head)).upgrade is None


def test_an_ipv6_peer_has_brackets() -> None:
    assert str(Peer("::1", 80)) == "[::1]:80"


async def test_no_checkpoint_follows_an_admission(scene: Scene) -> None:
    """A cancellation that comes right after the admission must not lose the slot it counted."""
    front = scene.front()
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(upgrade_request())
    with trio.CancelScope() as scope:
        scene.admitted = _Cancelling(scope)
        assert await front.serve_stream(server, PEER) is not None
    assert not scope.cancelled_caught


class _Cancelling(list):  # type: ignore[type-arg]
    """Cancels a scope at the moment something is admitted."""

    def __init__(self, scope: trio.CancelScope) -> None:
        super().__init__()
        self._scope = scope

    def append(self, item: object) -> None:
        super().append(item)
        self._scope.cancel()


async def test_each_response_reports_its_status(scene: Scene) -> None:
    await talk(scene.front(), get(b"/"), get(b"/nowhere"), upgrade_request(b"/ws"))
    assert scene.statuses == [200, 404, 101]


@pytest.mark.parametrize(
    ("proxies", "turns"),
    [
        ((), ["192.0.2.7", "192.0.2.7"]),
        ((ip_network("192.0.2.0/24"),), ["198.51.100.1", "2001:db8:1:2::/64"]),
    ],
)
async def test_requests_take_turns_by_client_address(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, proxies: tuple[object, ...], turns: list[str]
) -> None:
    taken: list[str] = []

    async def wait(_: FairQueue, address: str) -> None:
        await trio.lowlevel.checkpoint()
        taken.append(address)

    monkeypatch.setattr(FairQueue, "pass_through", wait)
    heads = (
        get(b"/", b"X-Forwarded-For: 198.51.100.1"),
        get(b"/", b"X-Forwarded-For: 2001:db8:1:2:3:4:5:6"),
    )
    await talk(scene.front(trusted_proxies=proxies), *heads)
    assert taken == turns
