"""Several nodes behind nginx, some of which are away: no client notices."""

import itertools
import json
import re
import signal
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support import nginx
from tests.support.client import Chatter, is_type
from tests.support.frames import close
from tests.support.ports import HOST, free_port
from tests.support.raw import RawConnection, joined
from tests.support.requests import head
from tests.support.server import ChatServer
from tests.support.waiting import eventually

from .node import SETTINGS, ask, connections

_ADDRESSES = (f"127.1.{number >> 8}.{number & 255}" for number in itertools.count(1))
"""Newcomers have different addresses: a node accepts 10 a second from one."""


@pytest.fixture
def nodes(stack: ExitStack) -> list[ChatServer]:
    """Two nodes that keep their ports."""
    return [stack.enter_context(ChatServer(*SETTINGS, port=free_port())) for _ in range(2)]


@pytest.fixture
def proxy(stack: ExitStack, nodes: list[ChatServer]) -> nginx.Nginx:
    """An nginx in front of the nodes."""
    return stack.enter_context(nginx.running(node.address for node in nodes))


def come(stack: ExitStack, url: str, name: str) -> Chatter:
    """Join, and stay until the end of the test."""
    client = Chatter(url, name)
    stack.callback(client.leave)
    client.first(is_type("presence"))
    return client


def newcomer_lands_on(node: ChatServer, proxy: nginx.Nginx) -> bool:
    """Join and leave; return whether that was on this node."""
    with RawConnection(proxy.address, source=next(_ADDRESSES)) as newcomer:
        newcomer.upgrade("/ws")
        newcomer.join("newcomer")
        is_there = connections(node) > 0
        newcomer.say_goodbye()
    return is_there


def test_sockets_go_to_the_node_with_the_fewest(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    def users() -> set[str]:
        lines = map(json.loads, nodes[0].log_lines)
        return {line["user"] for line in lines if line["event"] == "joined"}

    early = [come(stack, proxy.url(), f"early {number}") for number in range(4)]
    assert [connections(node) for node in nodes] == [2, 2]
    eventually(lambda: len(users()) == 2, "two have joined the first")
    for client in early:
        if client.name in users():
            client.leave()
    eventually(lambda: [connections(node) for node in nodes] == [0, 2], "they have left")
    for number in range(2):
        come(stack, proxy.url(), f"late {number}")
    assert [connections(node) for node in nodes] == [2, 2]


def test_nginx_skips_a_draining_node(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    with joined(nodes[0].address, "stays") as stays:
        nodes[0].signal(signal.SIGTERM)
        assert stays.read_close() == 1001  # not answered, so the node drains on
        assert ask(nodes[0].address, b"/readyz").status == 503
        for number in range(4):
            come(stack, proxy.url(), f"ann {number}")
            assert ask(proxy.address, b"/readyz").body == b"ready"
        skipped = 'answers="503, 200"'
        eventually(lambda: skipped in "".join(proxy.access_log()), "nginx has asked both")
        assert connections(nodes[1]) == 4
        stays.push(close(1001))
        assert nodes[0].wait() == 0


def test_nginx_skips_full_nodes(stack: ExitStack) -> None:
    full = [stack.enter_context(ChatServer(*SETTINGS, "--max-connections", "1")) for _ in range(2)]
    proxy = stack.enter_context(nginx.running(node.address for node in full))
    ann = come(stack, proxy.url(), "ann")
    come(stack, proxy.url(), "bob")
    for _ in range(2):  # nginx does not exclude a node for its first refusal
        with RawConnection(proxy.address) as third:
            third.push(head())
            refused = third.read_response()
        assert refused.status == 503
        assert refused.fields["retry-after"]
        assert "connections" in json.loads(refused.body)["error"]["message"]
    assert ask(proxy.address, b"/").status == 200
    ann.leave()
    eventually(lambda: sum(map(connections, full)) == 1, "ann has left")
    come(stack, proxy.url(), "cid")


def test_nginx_skips_a_killed_node_until_it_is_back(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    nodes[0].kill()
    for number in range(3):
        come(stack, proxy.url(), f"early {number}")
        assert ask(proxy.address, b"/").status == 200
    nodes[0].start()
    eventually(lambda: newcomer_lands_on(nodes[0], proxy), "the node receives sockets again")


def test_nginx_skips_a_frozen_node_within_10_s(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    frozen, well = nodes
    for number in range(2):  # so that nginx asks the frozen one first
        come(stack, well.url(), f"early {number}")
    frozen.signal(signal.SIGSTOP)
    stack.callback(frozen.signal, signal.SIGCONT)
    for number in range(3):  # the first one meets the frozen node, the others do not
        began = time.monotonic()
        come(stack, proxy.url(), f"late {number}")
        assert ask(proxy.address, b"/").status == 200
        assert time.monotonic() - began < 10
    frozen.signal(signal.SIGCONT)
    eventually(lambda: newcomer_lands_on(frozen, proxy), "the node receives sockets again")


class _OfAnotherVersion(BaseHTTPRequestHandler):
    """A node without the requested files."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_files_of_a_page_come_from_a_node_that_has_them(stack: ExitStack) -> None:
    node = stack.enter_context(ChatServer(*SETTINGS))
    other = stack.enter_context(ThreadingHTTPServer((HOST, 0), _OfAnotherVersion))
    threading.Thread(target=other.serve_forever, daemon=True).start()
    stack.callback(other.shutdown)
    proxy = stack.enter_context(nginx.running([node.address, (HOST, other.server_port)]))
    (script,) = re.findall(rb"/static/\w+/page/chat\.js", ask(node.address, b"/").body)
    assert {ask(proxy.address, script).status for _ in range(8)} == {200}
    eventually(lambda: 'answers="404, 200"' in "".join(proxy.access_log()), "nginx has asked both")


def test_nginx_answers_502_without_a_node_and_recovers(
    proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    for node in nodes:
        node.kill()
    assert ask(proxy.address, b"/").status == 502
    nodes[0].start()
    assert ask(proxy.address, b"/").status == 200
    Chatter(proxy.url(), "ann").first(is_type("presence"))
    proxy.stop()  # it keeps connections, and the node would wait for them


def test_clients_reconnect_after_a_kill_of_nginx(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    ann = come(stack, proxy.url(), "ann")
    proxy.kill()
    assert ann.close_code() is None
    eventually(lambda: sum(map(connections, nodes)) == 0, "the nodes have noticed")
    proxy.start()
    come(stack, proxy.url(), "ann again")
