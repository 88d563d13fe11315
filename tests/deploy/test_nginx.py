"""The chat through nginx: what passes, what nginx refuses, and what it logs."""

import itertools
import json

import pytest

from tests.blackbox.deflated import OFFER
from tests.support.client import Chatter, is_message, is_type
from tests.support.frames import BINARY, RSV1, frame, text
from tests.support.nginx import Nginx
from tests.support.raw import RawConnection
from tests.support.requests import head, plain_head
from tests.support.server import ChatServer
from tests.support.waiting import eventually

from .node import ask

ADDRESSES = (f"127.3.2.{number}" for number in itertools.count(1))
"""Addresses of clients. All of 127.0.0.0/8 is this machine; the proxy has only 127.0.0.1."""

SECRET = "eyJhbGciOiJIUzI1NiJ9"
"""A part of a token, which no file of nginx may contain."""


def wait_for_address(node: ChatServer, address: str) -> None:
    """Wait until the node logs a client with this address, and none from another machine."""

    def addresses() -> set[str]:
        lines = map(json.loads, node.log_lines)
        return {line["address"] for line in lines if line["event"] == "connected"}

    eventually(lambda: address in addresses(), f"a client with {address}")
    assert all(known.startswith("127.") for known in addresses())


@pytest.mark.parametrize("field", [b"X-Forwarded-For: 203.0.113.9", b"X-Real-IP: 203.0.113.9"])
def test_a_node_gets_the_client_address_only_from_nginx(
    proxy: Nginx, node: ChatServer, field: bytes
) -> None:
    address = next(ADDRESSES)
    with RawConnection(proxy.address, source=address) as client:
        client.upgrade("/ws", field)
        client.join("ann")
        client.say_goodbye()
    wait_for_address(node, address)


def test_only_our_pages_may_connect(proxy: Nginx) -> None:
    ours = f"{proxy.address[0]}:{proxy.port}".encode()
    for origin, status in ((ours, 101), (b"elsewhere.test", 403), (b"https://" + ours, 403)):
        scheme = b"" if b"://" in origin else b"http://"
        with RawConnection(proxy.address) as page:
            fields = (b"Host: " + ours, b"Origin: " + scheme + origin)
            page.push(head(b"/ws", without=("host",), plus=fields))
            assert page.read_response().status == status


def test_our_page_may_connect_over_tls(secure_proxy: Nginx, node: ChatServer) -> None:
    address = next(ADDRESSES)
    ours = f"127.0.0.1:{secure_proxy.secure_port}".encode()
    with RawConnection(secure_proxy.secure_address, source=address) as page:
        fields = (b"Host: " + ours, b"Origin: https://" + ours)
        page.push(head(b"/ws", without=("host",), plus=fields))
        assert page.read_response().status == 101
        page.join("ann")
        page.say_goodbye()
    wait_for_address(node, address)


def test_plain_http_redirects_to_https_with_the_query(secure_proxy: Nginx) -> None:
    answer = ask(secure_proxy.address, b"/?room=dev")
    assert (answer.status, answer.fields["location"]) == (301, "https://chat.test/?room=dev")


def test_pages_probes_and_refusals_pass(proxy: Nginx) -> None:
    expected = {
        b"/": 200,
        b"/echo": 200,
        b"/healthz": 200,
        b"/readyz": 200,
        b"/ws": 426,
        b"/no": 404,
    }
    answers = {target: ask(proxy.address, target) for target in expected}
    assert {target: answer.status for target, answer in answers.items()} == expected
    assert b"<html" in answers[b"/"].body
    etag = answers[b"/"].fields["etag"].encode()
    assert ask(proxy.address, b"/", b"If-None-Match: " + etag).status == 304
    assert json.loads(answers[b"/ws"].body)["error"]["code"] == "upgrade_required"


@pytest.mark.parametrize(
    "target",
    [b"/metrics", b"/metrics?x", b"/%6detrics", b"//metrics", b"/x/../metrics", b"/metrics#x"],
)
def test_nginx_does_not_serve_metrics(proxy: Nginx, node: ChatServer, target: bytes) -> None:
    for method in (b"GET", b"HEAD"):
        assert ask(proxy.address, target, method=method).status == 404
    assert b"trio_chat_connections" in ask(node.address, b"/metrics").body


def test_metrics_stay_closed_after_a_refused_upgrade(proxy: Nginx) -> None:
    with RawConnection(proxy.address) as sly:
        sly.push(head(b"/ws", without=("key",)) + plain_head(b"/metrics"))
        assert [sly.read_response().status for _ in range(2)] == [400, 404]


def test_the_path_of_a_socket_may_end_with_a_slash(proxy: Nginx) -> None:
    with RawConnection(proxy.address) as ann:
        ann.upgrade("/ws/")
        ann.join("ann")
        ann.say_goodbye()


def test_nginx_logs_no_query(proxy: Nginx) -> None:
    target = b"/ws?token=" + SECRET.encode()
    with RawConnection(proxy.address) as ann:
        ann.upgrade(target.decode())
        ann.join("ann")
        ann.say_goodbye()
    assert ask(proxy.address, target).status == 426
    assert ask(proxy.address, b"/metrics?token=" + SECRET.encode()).status == 404
    nodes, proxy.nodes = proxy.nodes, (("127.0.0.1", 1),)
    proxy.reload()
    assert (
        ask(proxy.address, target, b"Referer: http://chat.test/?" + SECRET.encode()).status == 502
    )
    proxy.nodes = nodes
    proxy.reload()
    eventually(lambda: '"GET /ws" 502' in proxy.access_log()[-1], "the last request is logged")
    assert any('"GET /ws" 101' in line for line in proxy.access_log())
    written = [path.read_text() for path in (proxy.folder / "log").iterdir()]
    assert not any(SECRET in text for text in written)


def test_long_messages_pass_in_both_directions(proxy: Nginx) -> None:
    with RawConnection(proxy.address) as echo:
        echo.upgrade("/ws/echo")
        for size in (0, 1, 4_096, 65_536):
            echo.push(frame(BINARY, bytes(size)))
            taken = echo.read_frame()
            assert taken is not None
            assert taken.payload == bytes(size)


def test_client_and_node_negotiate_compression(proxy: Nginx) -> None:
    with RawConnection(proxy.address) as ann:
        ann.upgrade("/ws", OFFER)
        assert ann.is_deflated
        ann.join("ann")
        ann.push(text("the same words " * 50))
        taken = ann.read_frame()
        assert taken is not None
        assert taken.rsv == RSV1


def test_a_flood_gets_429_but_an_office_does_not(proxy: Nginx) -> None:
    statuses: list[int] = []
    while 429 not in statuses:  # nginx takes 1,000 requests over one connection
        assert len(statuses) < 20_000
        with RawConnection(proxy.address, source="127.9.9.9") as flood:
            flood.push(plain_head(b"/healthz") * 500)
            statuses += [flood.read_response().status for _ in range(500)]
    assert set(statuses[:1000]) == {200}


def test_a_reload_of_nginx_closes_no_socket(proxy: Nginx) -> None:
    ann = Chatter(proxy.url(), "ann")
    ann.first(is_type("presence"))
    proxy.reload()
    bob = Chatter(proxy.url(), "bob")
    bob.say("came after the reload")
    assert ann.first(is_message("came after the reload"))["username"] == "bob"
    for client in (ann, bob):
        client.leave()
