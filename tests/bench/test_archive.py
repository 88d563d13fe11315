"""What is measured of the past is what clients get to see."""

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
"""More than are sent to who comes back, and made in no time."""


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


def test_a_filled_log_is_shown_by_the_server_as_one_of_its_own(server: Running) -> None:
    asker = Asker(server.address)
    _, joined = asker.ask(hello("reader", {"general": {}}), "joined")
    asker.close()
    newest = joined["history"][-1]
    assert joined["head"] == newest["seq"] >= EVENTS
    assert joined["more"] is True
    writers = {event["username"] for event in joined["history"] if event["type"] == "message"}
    assert writers == {"writer"}


def test_every_kind_of_question_is_asked_as_often(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SAMPLES", 3)
    found = latencies(server.address)
    assert {title: len(each) for title, each in found.items()} == {
        FIRST: 1,
        RESUME: 3,
        JOIN: 3,
        PAGE: 3,
    }
    assert min(map(min, found.values())) > 0


def test_an_answer_with_too_little_in_it_is_no_figure(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "RESUME_EVENTS", 502)
    with pytest.raises(LoadError, match="joined has 50 events in place of 502"):
        latencies(server.address)


def test_a_refusal_is_no_answer(server: Running) -> None:
    asker = Asker(server.address)
    with pytest.raises(LoadError, match="bad_request"):
        asker.ask(hello("ann", {"No room": {}}), "joined")
    asker.close()
