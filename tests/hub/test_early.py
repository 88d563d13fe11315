"""The next commit begins before the last delivery, where that is safe, and order holds."""

from collections.abc import Iterator, Sequence

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.scene import Recorder, Scene, WatchedLog, join, read, say, stops, types
from trio_chat.errors import HistoryReplaced, Outage
from trio_chat.log.base import Commit, Mark
from trio_chat.log.memory import MemoryLog
from trio_chat.protocol.events import Draft
from trio_chat.protocol.membership import Request


@pytest.fixture(autouse=True)
def _two_are_enough() -> Iterator[None]:
    """Let a commit begin early behind a batch of two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trio_chat.hub.hub.LEAST_DRAFTS", 2)
        yield


class SlowLog(MemoryLog):
    """A log that waits for each commit."""

    commit_nowait = None  # type: ignore[assignment]

    async def append(self, drafts: Sequence[Draft], marks: Sequence[Mark] = ()) -> Commit:
        """Append, after a while."""
        await trio.lowlevel.checkpoint()
        return MemoryLog.commit_nowait(self, drafts, marks)


async def begun_at_delivery(
    watched: Scene, log: WatchedLog, member: Recorder, *following: Request
) -> bool:
    """Whether the commit of a following batch has begun when two messages are delivered."""
    log.may_go_on, log.appending = trio.Event(), trio.Event()
    watched.put(say(member, "one"), say(member, "two"))
    await log.appending.wait()
    watched.put(*following)
    log.appending = trio.Event()
    begun: list[bool] = []

    def note() -> None:
        assert member.errors == []  # they come after the delivery
        begun.append(log.appending.is_set())

    member.on_offer = note
    member.forget()
    log.may_go_on.set()
    await trio.testing.wait_all_tasks_blocked()
    return begun[0]


async def test_what_waits_is_committed_while_the_last_batch_is_delivered(
    watched: Scene, log: WatchedLog
) -> None:
    ann = await watched.join("ann")
    following = (types(ann), say(ann, "three"))
    assert await begun_at_delivery(watched, log, ann, *following)
    assert ann.writes == [
        ["2 ann: one", "3 ann: two"],
        ["ann types", "4 ann: three", "ann stops"],
    ]


async def test_a_batch_in_which_somebody_comes_waits_for_the_last_delivery(
    watched: Scene, log: WatchedLog
) -> None:
    ann = await watched.join("ann")
    following = (say(ann, "three"), join(Recorder(), "bob"))
    assert not await begun_at_delivery(watched, log, ann, *following)
    assert ann.got[2] == "4 ann: three"
    assert "* bob has joined" in ann.got[3]


async def test_a_batch_without_a_message_has_a_turn_of_its_own(
    watched: Scene, log: WatchedLog
) -> None:
    ann = await watched.join("ann")
    assert not await begun_at_delivery(watched, log, ann, types(ann))
    assert ann.writes == [["2 ann: one", "3 ann: two"], ["ann types"]]


async def test_a_mark_above_the_head_waits_for_the_last_delivery(
    watched: Scene, log: WatchedLog
) -> None:
    ann = await watched.join("ann")
    assert not await begun_at_delivery(watched, log, ann, say(ann, "three"), read(ann, 3))
    assert ann.errors == []


async def test_behind_a_small_batch_a_commit_waits_for_the_delivery(
    watched: Scene, log: WatchedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_chat.hub.hub.LEAST_DRAFTS", 3)
    ann = await watched.join("ann")
    assert not await begun_at_delivery(watched, log, ann, say(ann, "three"))


class FailingLog(WatchedLog):
    """A watched log that fails to append one text, however often that is tried."""

    failure: Exception

    async def append(self, drafts: Sequence[Draft], marks: Sequence[Mark] = ()) -> Commit:
        """Fail, or append."""
        if any(draft.message == "three" for draft in drafts):
            await trio.lowlevel.checkpoint()
            raise self.failure
        return await super().append(drafts, marks)


@pytest.mark.parametrize("failure", [Outage("gone"), HistoryReplaced("another")])
async def test_an_early_commit_that_fails_is_answered_after_the_last_delivery(
    nursery: trio.Nursery, failure: Exception
) -> None:
    log = FailingLog()
    log.failure = failure
    scene = Scene(log)
    nursery.start_soon(scene.hub.run)
    ann = await scene.join("ann")
    await begun_at_delivery(scene, log, ann, say(ann, "three"))
    assert ann.got == ["2 ann: one", "3 ann: two"]
    assert [code for code, _, _ in ann.errors] == ["unavailable"]


NAMES = ("ann", "bob")
ACTS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["types", "stops", "hi", "ho"])), max_size=9
)


def requests(members: dict[str, Recorder], acts: list[tuple[str, str]]) -> list[Request]:
    return [
        types(members[who])
        if what == "types"
        else stops(members[who])
        if what == "stops"
        else say(members[who], what)
        for who, what in acts
    ]


@given(st.lists(ACTS, max_size=6))
def test_however_long_commits_take_everybody_gets_the_same(
    packets: list[list[tuple[str, str]]],
) -> None:
    async def play(log: MemoryLog) -> list[list[str]]:
        scene = Scene(log)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scene.hub.run)
            members = {name: await scene.join(name) for name in NAMES}
            for acts in packets:
                scene.put(*requests(members, acts))
                await trio.lowlevel.checkpoint()
            await scene.hub.settle()
            nursery.cancel_scope.cancel()
        return [member.got for member in members.values()]

    assert trio.run(play, SlowLog()) == trio.run(play, MemoryLog())
