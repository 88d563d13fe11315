"""Three nodes behind nginx are one chat, and a restart of each goes unnoticed."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.e2e.server import serving
from tests.support import nginx, postgres, redis
from tests.support.ports import HOST
from tests.support.server import ChatServer


@pytest.fixture
def nodes(
    tmp_path: Path, cluster: postgres.Cluster, redis: redis.Redis
) -> Iterator[list[ChatServer]]:
    """Three nodes with an empty store."""
    settings = (
        *("--store", cluster.fresh_url(), "--backplane", redis.url),
        *("--backplane-channel", tmp_path.name, "--trusted-proxy", HOST),
    )
    with ExitStack() as stack:
        yield [
            stack.enter_context(serving(tmp_path / f"node{number}.log", *settings))
            for number in range(3)
        ]


@pytest.fixture
def server(nodes: list[ChatServer]) -> Iterator[SimpleNamespace]:
    """One address for all nodes: nginx."""
    with nginx.running([(HOST, node.port) for node in nodes]) as proxy:
        origin = f"http://{HOST}:{proxy.port}"
        yield SimpleNamespace(origin=origin, page=lambda path: origin + path)


def test_nodes_are_one_chat_and_nobody_notices_that_each_restarts(
    open_chat: OpenChat, nodes: list[ChatServer]
) -> None:
    # nginx sends each newcomer to the node with the fewest connections.
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    expect(ann.people).to_have_text(["ann", "bob"])
    bob.field.press("h")
    ann.expect_shown("typing", "bob is typing…")
    sent = []
    for number, node in enumerate(nodes):
        ann.send(f"before {number}")
        expect(bob.message(f"before {number}")).to_have_count(1)
        node.end()
        bob.send(f"meanwhile {number}")
        node.start()
        sent += [f"before {number}", f"meanwhile {number}"]
        for window in (ann, bob):
            window.expect_connected()
            expect(window.texts).to_have_text(sent)
    expect(ann.message(sent[-2])).to_have_attribute("data-state", "seen")
    for window in (ann, bob):
        expect(window.notices.filter(has_text="has left")).to_have_count(0)
        expect(window.notices.filter(has_text="bob")).to_have_count(1)
        expect(window.unsettled).to_have_count(0)
