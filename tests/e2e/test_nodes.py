"""Three nodes behind nginx are one chat, and a new version of them is noticed by nobody."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from attrs import frozen
from playwright.sync_api import expect

from tests import nginx, postgres, redis
from tests.e2e.conftest import OpenChat
from tests.e2e.server import ChatServer
from tests.ports import HOST


@frozen
class Front:
    """What a browser sees of it: one address."""

    origin: str

    def url(self, path: str) -> str:
        """Where a page is."""
        return self.origin + path


@pytest.fixture
def nodes(
    tmp_path: Path, cluster: postgres.Cluster, redis: redis.Redis
) -> Iterator[list[ChatServer]]:
    """Three, with an empty log."""
    settings = (
        *("--store", cluster.fresh_url(), "--backplane", redis.url),
        *("--backplane-channel", tmp_path.name, "--trusted-proxy", HOST),
    )
    with ExitStack() as stack:
        yield [
            stack.enter_context(ChatServer(tmp_path / f"node{number}.log", *settings))
            for number in range(3)
        ]


@pytest.fixture
def server(nodes: list[ChatServer]) -> Iterator[Front]:
    """One address for all of them: nginx."""
    with nginx.running([(HOST, node.port) for node in nodes]) as proxy:
        yield Front(f"http://{HOST}:{proxy.port}")


def test_who_is_on_different_nodes_is_in_one_chat(open_chat: OpenChat) -> None:
    # Whoever comes goes to the node with the fewest: each of them is on another one.
    ann, bob, carl = (open_chat().join(name) for name in ("ann", "bob", "carl"))
    for window in (ann, bob, carl):
        expect(window.people).to_have_count(3)
    bob.field.press("h")
    ann.expect_shown("typing", "bob is typing…")
    bob.say("one")
    expect(ann.texts).to_have_text(["one"])
    ann.say("two")
    for window in (ann, bob, carl):
        expect(window.texts).to_have_text(["one", "two"])
    expect(bob.message("one")).to_have_attribute("data-state", "seen")
    carl.open_room("dev")
    carl.say("elsewhere")
    ann.open_room("dev")
    expect(ann.texts).to_have_text(["elsewhere"])


def test_a_new_version_of_all_nodes_is_noticed_by_nobody(
    open_chat: OpenChat, nodes: list[ChatServer]
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    said = []
    for number, node in enumerate(nodes):
        ann.say(f"before {number}")
        expect(bob.message(f"before {number}")).to_have_count(1)
        node.end()
        bob.say(f"meanwhile {number}")
        node.start()
        said += [f"before {number}", f"meanwhile {number}"]
        for window in (ann, bob):
            window.expect_connected()
            expect(window.texts).to_have_text(said)
    for window in (ann, bob):
        expect(window.notices.filter(has_text="has left")).to_have_count(0)
        expect(window.notices.filter(has_text="bob has joined")).to_have_count(1)
        expect(window.store.locator("[data-state=sending], [data-state=failed]")).to_have_count(0)
