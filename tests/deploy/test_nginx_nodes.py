"""Several nodes behind nginx, of which not all are there: no client notices."""

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
"""Newcomers are strangers: of one address a node lets 10 in each second."""


@pytest.fixture
def nodes(stack: ExitStack) -> list[ChatServer]:
    """Two nodes, on ports that nobody gets while a node is away."""
    return [stack.enter_context(ChatServer(*SETTINGS, port=free_port())) for _ in range(2)]


@pytest.fixture
def proxy(stack: ExitStack, nodes: list[ChatServer]) -> nginx.Nginx:
    """An nginx in front of them."""
    return stack.enter_context(nginx.running(node.address for node in nodes))


def come(stack: ExitStack, proxy: nginx.Nginx, name: str) -> Chatter:
    """Join, and stay until the end of the test."""
    somebody = Chatter(proxy.url(), name)
    stack.callback(somebody.leave)
    somebody.first(is_type("presence"))
    return somebody


def newcomer_lands_on(node: ChatServer, proxy: nginx.Nginx) -> bool:
    """Join and go away again; return whether that was on this node."""
    with RawConnection(proxy.address, source=next(_ADDRESSES)) as newcomer:
        newcomer.upgrade("/ws")
        newcomer.join("newcomer")
        is_there = connections(node) > 0
        newcomer.say_goodbye()
    return is_there


def users(node: ChatServer) -> set[str]:
    """Who has joined a node, as far as its store has been read."""
    lines = map(json.loads, list(node.log_lines))
    return {line["user"] for line in lines if line["event"] == "joined"}


def test_sockets_go_to_the_node_with_the_fewest(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    early = [come(stack, proxy, f"early {number}") for number in range(4)]
    assert [connections(node) for node in nodes] == [2, 2]
    eventually(lambda: len(users(nodes[0])) == 2, "two have joined the first")
    for somebody in early:
        if somebody.name in users(nodes[0]):
            somebody.leave()
    eventually(lambda: [connections(node) for node in nodes] == [0, 2], "they have gone")
    for number in range(2):
        come(stack, proxy, f"late {number}")
    assert [connections(node) for node in nodes] == [2, 2]


def test_nginx_skips_a_draining_node(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    with joined(nodes[0].address, "stays") as stays:
        nodes[0].signal(signal.SIGTERM)
        assert stays.read_close() == 1001  # not answered: so the node drains on
        assert ask(nodes[0].address, b"/readyz").status == 503
        for number in range(4):
            come(stack, proxy, f"ann {number}")
            assert ask(proxy.address, b"/readyz").body == b"ready"
        passed_over = 'answers="503, 200"'
        eventually(lambda: passed_over in "".join(proxy.access_log()), "it was asked, too")
        assert connections(nodes[1]) == 4
        stays.push(close(1001))
        assert nodes[0].wait() == 0


def test_nginx_skips_full_nodes(
    stack: ExitStack,
) -> None:
    full = [stack.enter_context(ChatServer(*SETTINGS, "--max-connections", "1")) for _ in range(2)]
    proxy = stack.enter_context(nginx.running(node.address for node in full))
    ann = come(stack, proxy, "ann")
    come(stack, proxy, "bob")
    for _ in range(2):  # the first refusal has shut nobody out
        with RawConnection(proxy.address) as third:
            third.push(head())
            refused = third.read_response()
        assert refused.status == 503
        assert refused.fields["retry-after"]
        assert "connections" in json.loads(refused.body)["error"]["message"]
    assert ask(proxy.address, b"/").status == 200
    ann.leave()
    eventually(lambda: sum(map(connections, full)) == 1, "ann has gone")
    come(stack, proxy, "cid")


def test_nginx_skips_a_killed_node_until_it_is_back(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    port = nodes[0].address[1]
    nodes[0].kill()
    for number in range(3):
        come(stack, proxy, f"early {number}")
        assert ask(proxy.address, b"/").status == 200
    back = stack.enter_context(ChatServer(*SETTINGS, port=port))
    eventually(lambda: newcomer_lands_on(back, proxy), "the node that is back gets sockets")


def test_nginx_skips_a_frozen_node_within_10_s(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    frozen, well = nodes
    for number in range(2):
        with_most = Chatter(well.url(), f"early {number}")
        stack.callback(with_most.leave)
        with_most.first(is_type("presence"))
    frozen.signal(signal.SIGSTOP)
    stack.callback(frozen.signal, signal.SIGCONT)
    for number in range(3):  # the first one finds it out, the others know
        came_at = time.monotonic()
        come(stack, proxy, f"late {number}")
        assert ask(proxy.address, b"/").status == 200
        assert time.monotonic() - came_at < 10
    frozen.signal(signal.SIGCONT)
    eventually(lambda: newcomer_lands_on(frozen, proxy), "the node that goes on gets sockets")


class _OfAnotherVersion(BaseHTTPRequestHandler):
    """A node that has none of the files that are asked for."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


def test_files_of_a_page_come_from_a_node_that_has_them(
    stack: ExitStack,
) -> None:
    node = stack.enter_context(ChatServer(*SETTINGS))
    other = stack.enter_context(ThreadingHTTPServer((HOST, 0), _OfAnotherVersion))
    threading.Thread(target=other.serve_forever, daemon=True).start()
    stack.callback(other.shutdown)
    proxy = stack.enter_context(nginx.running([node.address, (HOST, other.server_port)]))
    (script,) = re.findall(rb"/static/\w+/js/chat\.js", ask(node.address, b"/").body)
    assert {ask(proxy.address, script).status for _ in range(8)} == {200}
    eventually(
        lambda: 'answers="404, 200"' in "".join(proxy.access_log()), "the other was asked, too"
    )


def test_nginx_answers_502_without_a_node_and_recovers(
    proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    port = nodes[0].address[1]
    for node in nodes:
        node.kill()
    assert ask(proxy.address, b"/").status == 502
    with ChatServer(*SETTINGS, port=port):
        assert ask(proxy.address, b"/").status == 200
        Chatter(proxy.url(), "ann").first(is_type("presence"))
        proxy.stop()  # it would keep the page's connection for a while, and the node wait for that


def test_the_crowd_can_be_killed_and_restarted(
    stack: ExitStack, proxy: nginx.Nginx, nodes: list[ChatServer]
) -> None:
    ann = come(stack, proxy, "ann")
    proxy.kill()
    assert ann.close_code() is None
    eventually(lambda: sum(map(connections, nodes)) == 0, "the nodes know")
    proxy.start()
    come(stack, proxy, "ann again")
