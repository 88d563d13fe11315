"""Envelopes of another history are refused, and reported once the store has confirmed its own."""

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from tests.support.clocks import jump
from trio_chat.cluster.envelope import Envelope
from trio_chat.cluster.foreign import FOREIGN_SECONDS, LINE_SECONDS, RECHECK_SECONDS, ForeignNodes
from trio_chat.errors import Outage
from trio_chat.metrics import Metrics


class Store:
    """A store with a present epoch, and the epoch that the node knows since its last query."""

    def __init__(self) -> None:
        self.known = self.present = "ours"
        self.fails = False
        self.asked = 0

    async def recheck(self) -> None:
        self.asked += 1
        if self.fails:
            raise Outage("gone")
        self.known = self.present


class Subject:
    """A node and its store."""

    def __init__(self) -> None:
        self.store = Store()
        self.metrics = Metrics()
        self.nodes = ForeignNodes(lambda: self.store.known, self.store.recheck, self.metrics)

    async def admits(self, epoch: str, node: str = "n") -> bool:
        return await self.nodes.admits(Envelope(node, 1, (), epoch, 0))

    def last_error(self) -> str | None:
        return self.nodes.last_error(trio.current_time())

    @property
    def refused(self) -> int:
        return self.metrics.foreign_envelopes.count


@pytest.fixture
def subject() -> Subject:
    return Subject()


async def test_an_envelope_of_the_same_history_needs_no_store(subject: Subject) -> None:
    assert await subject.admits("ours")
    assert (subject.refused, subject.store.asked, subject.last_error()) == (0, 0, None)


async def test_a_foreign_node_is_refused_counted_and_reported(subject: Subject) -> None:
    with capture_logs() as lines:
        assert not await subject.admits("theirs")
        jump(LINE_SECONDS)
        assert not await subject.admits("theirs")
    assert [(line["event"], line["foreign_node"]) for line in lines] == [
        ("foreign node on the backplane", "n")
    ]
    assert (subject.refused, subject.store.asked) == (2, 1)
    jump(FOREIGN_SECONDS - 1)
    assert subject.last_error() is not None
    jump(1)
    assert subject.last_error() is None


async def test_lines_about_many_foreign_nodes_are_limited(subject: Subject) -> None:
    with capture_logs() as lines:
        for number in range(5):
            await subject.admits("theirs", f"n{number}")
        jump(LINE_SECONDS)
        await subject.admits("theirs", "n4")
    assert [line["foreign_node"] for line in lines] == ["n0", "n4"]


async def test_a_former_history_of_the_own_store_is_not_foreign(subject: Subject) -> None:
    subject.store.present = "newer"
    assert await subject.admits("newer")
    assert not await subject.admits("ours")
    assert (subject.store.asked, subject.last_error()) == (1, None)


async def test_a_history_is_not_foreign_before_the_store_answers(subject: Subject) -> None:
    subject.store.fails = True
    assert not await subject.admits("newer")
    subject.store.fails = False
    subject.store.present = "newer"
    assert not await subject.admits("newer")
    assert (subject.store.asked, subject.last_error()) == (1, None)
    jump(RECHECK_SECONDS)
    assert await subject.admits("newer")


async def test_made_up_histories_cost_few_queries_and_no_memory(subject: Subject) -> None:
    for number in range(1000):
        assert not await subject.admits(f"e{number}", f"n{number}")
        jump(RECHECK_SECONDS / 2000)
    assert subject.store.asked == 1
    assert len(subject.nodes._unknown) <= 100
    jump(RECHECK_SECONDS)
    assert not await subject.admits("e999")
    assert subject.store.asked == 2
    assert subject.last_error() is not None


@pytest.mark.parametrize(("epoch", "node"), [("x" * 65, "n"), ("a b", "n"), ("theirs", "\n")])
async def test_invalid_envelopes_cost_no_query(subject: Subject, epoch: str, node: str) -> None:
    assert not await subject.admits(epoch, node)
    assert (subject.refused, subject.store.asked, subject.last_error()) == (1, 0, None)
