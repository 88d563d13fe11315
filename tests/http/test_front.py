"""A connection from the first byte to its end: pages, refusals, pipelining, upgrades."""

from ipaddress import ip_network

import orjson
import pytest
import trio

from tests.http.wire import ADDRESS, Scene, Socket, get, talk, upgrade_request, upgraded
from trio_chat.fair_queue import FairQueue
from trio_chat.http.routes import Readiness
from trio_chat.protocol.handshake import Refusal

PROXIES = [ip_network("192.0.2.0/24")]


async def test_pipelined_requests_are_answered_in_order(scene: Scene) -> None:
    batch = get(b"/healthz") + get(b"/nothing") + get(b"/", method=b"HEAD") + get(b"/readyz")
    replies = (await talk(scene.front(), batch, get(b"/"))).replies("GET", "GET", "HEAD", "GET")
    assert [reply.status for reply in replies] == [200, 404, 200, 200, 200]
    assert [replies[0].body, replies[2].body, replies[3].body] == [b"ok", b"", b"ready"]
    assert b"<title>chat</title>" in replies[4].body
    assert b"connection" not in replies[4].headers


async def test_each_response_reports_its_status(scene: Scene) -> None:
    await talk(scene.front(), get(b"/"), get(b"/nowhere"), upgrade_request(b"/ws"))
    assert scene.statuses == [200, 404, 101]


async def test_only_a_client_that_ends_within_a_head_gets_400(scene: Scene) -> None:
    assert (await talk(scene.front())).raw == b""
    assert scene.refused == []
    assert (await talk(scene.front(), get()[:-1])).reply().status == 400


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", get(b"/", b"Connection: close")])
async def test_a_connection_without_keep_alive_closes(scene: Scene, head: bytes) -> None:
    reply = (await talk(scene.front(), head + get(b"/echo"))).reply()
    assert (reply.status, reply.headers[b"connection"]) == (200, b"close")


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
        (b"HEAD / HTTP/1.1\r\n\r\n", 400, "bad_request"),
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
        (upgrade_request(Origin=b"http://evil.test"), 403, "forbidden"),
    ],
)
async def test_a_connection_continues_after_a_refusal(
    scene: Scene, data: bytes, status: int, code: str
) -> None:
    reply, second = (await talk(scene.front(), data + get(b"/healthz"))).replies()
    assert (reply.status, orjson.loads(reply.body)["error"]["code"]) == (status, code)
    assert second.body == b"ok"
    assert scene.refused == [code]
    assert scene.admitted == []


@pytest.mark.parametrize("more", [(), (b"Expect: 100-continue",)])
async def test_a_body_is_not_parsed_as_the_next_request(
    scene: Scene, more: tuple[bytes, ...]
) -> None:
    smuggled = get(b"/healthz")
    length = b"Content-Length: %d" % len(smuggled)
    data = get(b"/", length, *more, method=b"POST") + smuggled
    reply = (await talk(scene.front(), data)).reply()
    assert (reply.status, reply.headers[b"connection"]) == (405, b"close")


OUTSIDE = (
    rb"/static/../chat.html /static/%2e%2e/chat.html /static/%2E%2E%2Fchat.html"
    rb" /static/..%2f..%2fetc/passwd /static/%252e%252e/chat.html /static/..\chat.html"
    rb" /static/..%5cchat.html /static/%c0%ae%c0%ae/chat.html /static/chat.js%00.html"
    rb" /static//etc/passwd /static/.secret /../../etc/passwd //etc/passwd ../etc/passwd"
    rb" http://chat.test/../etc/passwd file:///etc/passwd *"
)


@pytest.mark.parametrize("target", OUTSIDE.split())
async def test_a_path_outside_the_folder_is_not_found(scene: Scene, target: bytes) -> None:
    assert (await talk(scene.front(), get(target))).reply().status == 404


# --- upgrades ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [b"/ws", b"/ws/echo"])
async def test_an_upgrade_is_returned_unanswered(scene: Scene, path: bytes) -> None:
    result = await talk(scene.front(), upgrade_request(path + b"?a=b", b"X-Thing: 1"))
    upgrade = result.upgrade
    assert result.raw == b""
    assert upgrade is not None
    assert scene.admitted == [upgrade]
    assert (upgrade.path, upgrade.origin) == (path.decode(), "")
    assert (upgrade.address, upgrade.peer) == (ADDRESS, "192.0.2.7:50123")
    assert upgrade.answer.startswith(b"HTTP/1.1 101 ")
    assert upgrade.deflate is None


async def test_an_upgrade_contains_the_answer_to_an_offer_of_compression(scene: Scene) -> None:
    offer = b"permessage-deflate; server_max_window_bits=15"
    upgrade = await upgraded(scene.front(), upgrade_request(Sec_WebSocket_Extensions=offer))
    assert upgrade.deflate is not None
    assert upgrade.deflate.endswith("; server_max_window_bits=15")


async def test_an_ipv6_peer_has_brackets(scene: Scene) -> None:
    upgrade = await upgraded(scene.front(), upgrade_request(), "::1")
    assert (upgrade.address, upgrade.peer) == ("::1", "[::1]:50123")


FRAMES = b"\x81\x85\x00\x00\x00\x00hello\r\n\r\n\x00"


@pytest.mark.parametrize(
    ("pieces", "trailing", "unread"),
    [
        ((get() + upgrade_request() + FRAMES,), FRAMES, b""),
        ((get(), upgrade_request()[:30], upgrade_request()[30:], FRAMES), b"", FRAMES),
    ],
)
async def test_frames_sent_with_the_head_are_kept_and_later_ones_stay_unread(
    scene: Scene, pieces: tuple[bytes, ...], trailing: bytes, unread: bytes
) -> None:
    result = await talk(scene.front(), *pieces)
    assert result.upgrade is not None
    assert (result.upgrade.trailing, result.unread) == (trailing, unread)


async def test_a_client_can_retry_a_refused_upgrade(scene: Scene) -> None:
    scene.refusal = Refusal(429, "rate_limited", "too many upgrades")
    replies = (await talk(scene.front(), upgrade_request(), upgrade_request())).replies()
    assert [reply.status for reply in replies] == [429, 429]
    assert scene.refused == ["rate_limited", "rate_limited"]


ALLOWING = {"allowed_origins": ["https://app.test"]}
NAMED = {"server_names": ["chat.test"]}
REBOUND = upgrade_request(Host=b"evil.test", Origin=b"http://evil.test")


@pytest.mark.parametrize(
    ("settings", "head", "status"),
    [
        (ALLOWING, upgrade_request(Origin=b"https://app.test"), 101),
        ({"secure": True}, upgrade_request(Origin=b"https://chat.test"), 101),
        ({"secure": False}, upgrade_request(Origin=b"https://chat.test"), 403),
        ({}, upgrade_request(b"http://other.test/ws", Origin=b"http://other.test"), 101),
        (NAMED, upgrade_request(Origin=b"http://chat.test"), 101),
        (NAMED, REBOUND, 403),
    ],
)
async def test_the_front_compares_the_origin_with_its_settings(
    scene: Scene, settings: dict[str, object], head: bytes, status: int
) -> None:
    await talk(scene.front(**settings), head)
    assert scene.statuses == [status]


async def test_a_trusted_proxy_forwards_address_and_scheme(scene: Scene) -> None:
    lines = (b"X-Forwarded-Proto: https", b"X-Forwarded-For: 8.8.8.8")
    head = upgrade_request(b"/ws", *lines, Origin=b"https://chat.test")
    upgrade = await upgraded(scene.front(trusted_proxies=PROXIES), head)
    assert (upgrade.address, upgrade.peer) == ("8.8.8.8", "192.0.2.7:50123")
    assert upgrade.origin == "https://chat.test"
    assert (await talk(scene.front(), head)).upgrade is None


async def test_the_token_is_no_part_of_the_upgrade(scene: Scene) -> None:
    front = scene.front(takes_tokens=True)
    upgrade = await upgraded(front, upgrade_request(b"/ws?token=a.b.c"))
    assert scene.tokens == ["a.b.c"]
    assert b"a.b.c" not in upgrade.answer + upgrade.trailing + upgrade.path.encode()


async def test_several_tokens_are_refused_before_admission(scene: Scene) -> None:
    head = upgrade_request(b"/ws?token=a.b.c", Authorization=b"Bearer a.b.c")
    reply = (await talk(scene.front(takes_tokens=True), head)).reply()
    assert (reply.status, scene.admitted, scene.refused) == (400, [], ["bad_request"])
    assert b"a.b.c" not in reply.body


async def test_tokens_are_ignored_without_authentication_and_for_pages(scene: Scene) -> None:
    await upgraded(scene.front(), upgrade_request(b"/ws?token=a&token=b", Authorization=b"\xff"))
    assert scene.tokens == [None]
    request = get(b"/?token=a&token=b", b"Authorization: Bearer c")
    assert (await talk(scene.front(takes_tokens=True), request)).reply().status == 200


async def test_no_checkpoint_follows_an_admission(scene: Scene) -> None:
    # A cancellation right after the admission must not lose the counted slot.
    client, server = trio.testing.memory_stream_pair()
    await client.send_all(upgrade_request())
    front = scene.front()
    with trio.CancelScope() as scope:
        front._on_response = lambda _status: scope.cancel()
        assert await front.serve(server, Socket()) is not None
    assert not scope.cancelled_caught


@pytest.mark.parametrize(
    ("proxies", "turns"),
    [((), [ADDRESS, ADDRESS]), (PROXIES, ["198.51.100.1", "2001:db8:1:2::/64"])],
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


# --- log lines of refusals -----------------------------------------------------------------------


async def test_a_refusal_reports_its_client_and_request(scene: Scene) -> None:
    front = scene.front(trusted_proxies=PROXIES)
    head = upgrade_request(b"/ws", b"X-Forwarded-For: 203.0.113.9", Origin=b"http://evil.test")
    await talk(front, head, get(b"/nothing"), b"nonsense\r\n\r\n")
    peer = {"peer": "192.0.2.7:50123"}
    host = {**peer, "host": "chat.test"}
    assert scene.noted == [
        ("203.0.113.9", {**host, "origin": "http://evil.test", "path": "/ws"}),
        (ADDRESS, host),
        (ADDRESS, peer),
    ]


@pytest.mark.parametrize("target", [b"/ws?token=hush", b"/hush", b"/hush?token=hush"])
async def test_a_refusal_reports_neither_a_query_nor_an_unknown_path(
    scene: Scene, target: bytes
) -> None:
    secrets = {"Authorization": b"Bearer hush", "Cookie": b"hush"}
    head = upgrade_request(target, Sec_WebSocket_Protocol=b"hush", Upgrade=b"no", **secrets)
    await talk(scene.front(), head)
    assert len(scene.noted) == 1
    assert "hush" not in repr(scene.noted)


async def test_a_refusal_reports_at_most_200_characters_of_a_value(scene: Scene) -> None:
    await talk(scene.front(), upgrade_request(Origin=b"o" * 5000, Host=b"h" * 255))
    ((_, fields),) = scene.noted
    assert (len(fields["origin"]), len(fields["host"])) == (200, 200)
