"""The measure of history reads complete answers."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.bench import archive, stores
from tests.bench.archive import FIRST, JOIN, PAGE, RESUME, Asker, latencies
from tests.bench.joining import hello
from tests.bench.load import LoadError
from tests.bench.servers import SERVERS
from tests.bench.starting import Running, Scratch

EVENTS = 700
"""More than a resuming client receives, yet quick to make."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "LONG_EVENTS", EVENTS)
        ready = SERVERS[request.param].ready(Scratch(tmp_path_factory.mktemp("logs"), stack))
        store = ready.store
        assert store is not None
        assert store.long() == store.long() != store.fresh()
        yield stack.enter_context(ready.with_long_store())


def test_the_server_reads_a_filled_store(server: Running) -> None:
    asker = Asker(server.address)
    _, joined = asker.ask(hello("reader", {"general": {}}), "joined")
    asker.close()
    newest = joined["history"][-1]
    assert joined["head"] == newest["seq"] >= EVENTS
    assert joined["more"] is True
    writers = {event["username"] for event in joined["history"] if event["type"] == "message"}
    assert writers == {"writer"}


def test_each_kind_of_request_has_all_samples(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SAMPLES", 3)
    found = latencies(server.address)
    counts = {title: len(each) for title, each in found.items()}
    assert counts == {FIRST: 1, RESUME: 3, JOIN: 3, PAGE: 3}
    assert min(map(min, found.values())) > 0


def test_a_short_answer_is_an_error(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "RESUME_EVENTS", 502)
    with pytest.raises(LoadError, match="joined has 50 events instead of 502"):
        latencies(server.address)


def test_a_refusal_is_an_error(server: Running) -> None:
    asker = Asker(server.address)
    with pytest.raises(LoadError, match="bad_request"):
        asker.ask(hello("ann", {"No room": {}}), "joined")
    asker.close()
