"""A database that comes back older while pages are open."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenChat
from tests.postgres import Cluster


@pytest.fixture
def store(cluster: Cluster) -> str:
    """A database that a test can put an older copy into."""
    return cluster.fresh_url()


@pytest.fixture
def settings(store: str) -> tuple[str, ...]:
    """A server that has it."""
    return ("--store", store)


def test_pages_drop_what_is_gone_and_show_what_is_there(
    open_chat: OpenChat, cluster: Cluster, store: str
) -> None:
    ann, bob = open_chat().join("ann"), open_chat().join("bob")
    ann.say("kept")
    expect(bob.others).to_have_text(["kept"])
    dump = cluster.dump(store)
    ann.say("lost")
    expect(bob.others).to_have_text(["kept", "lost"])
    cluster.restore(store, dump)
    bob.say("goes on")
    for window in (ann, bob):
        expect(window.texts).to_have_text(["kept", "goes on"])
        expect(window.people).to_have_count(2)
    ann.say("and on")
    for window in (ann, bob):
        expect(window.texts).to_have_text(["kept", "goes on", "and on"])
        expect(window.store.locator("[data-state=sending], [data-state=failed]")).to_have_count(0)
        expect(window.store.locator(".divider").first).to_contain_text("another history")
