import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.client.fake import FakeServer, until
from trio_chat.client import (
    Chat,
    ChatRefusedError,
    CommandError,
    Connected,
    Disconnected,
    ErrorCode,
    Gap,
    Joined,
    Message,
    Seen,
    open_chat,
)


async def test_messages_are_sent_edited_and_deleted(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        logged = await chat.send("hello")
        assert (logged.seq, logged.room, logged.is_repeat) == (1, "general", False)
        message = await until(chat, Message)
        assert (message.id, message.username, message.text) == (logged.id, "ann", "hello")
        assert (await chat.edit(logged.id, "hello!")).seq == 2
        assert (await chat.delete(logged.id)).seq == 3
    kinds = [event["type"] for event in fake.model.stores["general"]]
    assert kinds == ["message", "edited", "deleted"]


async def test_a_client_without_rooms_resumes_the_default_room(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        assert (chat.home, list(chat.rooms)) == ("general", ["general"])
        await fake.cut()
        fake.send_message("meanwhile")
        assert (await until(chat, Message)).text == "meanwhile"
        assert fake.guests[-1].peer.received[0]["rooms"] == {"general": {"since": 0, "epoch": "e1"}}


async def test_rooms_can_be_joined_and_left(fake: FakeServer, autojump_clock: MockClock) -> None:
    fake.send_message("before", "dev")
    async with open_chat(fake.url, "ann") as chat:
        joined = await chat.join("dev")
        assert [event.seq for event in joined.history] == [1]
        await fake.cut()
        await chat.send("still here", "dev")
        await chat.leave("dev")
        assert list(chat.rooms) == ["general"]
        with pytest.raises(CommandError) as failure:
            await chat.send("gone", "dev")
        assert failure.value.code is ErrorCode.NOT_JOINED
        fake.model.refuses.append({"code": "bad_request"})
        with pytest.raises(CommandError):
            await chat.join("No Room")
        await fake.cut()
        await chat.leave("dev")
        assert list(fake.guests[-1].peer.received[0]["rooms"]) == ["general"]


async def test_the_first_room_is_home(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann", rooms=["dev", "ops"]) as chat:
        assert [(await chat.send("hello", *room)).room for room in ((), ("ops",))] == ["dev", "ops"]


async def test_history_has_pages(fake: FakeServer) -> None:
    for number in range(5):
        fake.send_message(str(number))
    async with open_chat(fake.url, "ann") as chat:
        page = await chat.history(before=4, limit=2)
        assert ([event.seq for event in page.events], page.more) == ([2, 3], True)
        page = await chat.history(after=3, limit=2)
        assert ([event.seq for event in page.events], page.more) == ([4, 5], False)


async def test_the_last_read_marker_is_sent_before_the_close(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    for _ in range(3):
        fake.send_message("read me")
    async with open_chat(fake.url, "ann") as chat:
        chat.mark_read(1)
        await fake.until(lambda: ("ann", "general") in fake.model.marks)
        chat.mark_read(3)
    assert fake.model.marks["ann", "general"] == 3


async def test_the_block_closes_with_1000_and_propagates_exceptions(fake: FakeServer) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_chat(fake.url, "ann"):
            raise ZeroDivisionError
    reason = fake.guests[-1].socket.closed
    assert reason is not None
    assert reason.code == 1000


async def test_closing_takes_less_than_6_seconds(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann"):
        began = trio.current_time()
        fake.freeze()
    assert trio.current_time() - began < 6


async def test_a_later_refusal_cancels_the_block_and_raises(fake: FakeServer) -> None:
    is_cancelled = False

    async def stay() -> None:
        nonlocal is_cancelled
        async with open_chat(fake.url, "ann"):
            await fake.guests[-1].socket.aclose(4500, "go away")
            try:
                await trio.sleep_forever()
            finally:
                is_cancelled = True

    with pytest.raises(ChatRefusedError) as refusal:
        await stay()
    assert (refusal.value.code, str(refusal.value)) == (4500, "go away (4500)")
    assert is_cancelled


async def test_client_leaves_a_silent_server(fake: FakeServer, autojump_clock: MockClock) -> None:
    fake.is_mute = True
    with trio.move_on_after(60):
        async with open_chat(fake.url, "ann", enter_within=None):
            raise AssertionError("a silent server accepted it")
    assert len(fake.guests) > 1


async def test_deferred_messages_are_resent(fake: FakeServer, autojump_clock: MockClock) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.model.refuses.append({"code": "rate_limited", "retryAfterMs": 2500})
        fake.model.refuses.append({"code": "unavailable"})
        began = trio.current_time()
        assert (await chat.send("at last")).seq == 1
        assert 2.5 < trio.current_time() - began < 10


@pytest.mark.parametrize(("text", "refusals"), [("long", 1), ("x" * 70_000, 0)])
async def test_too_large_messages_raise_and_frames_beyond_the_limit_are_never_sent(
    fake: FakeServer, text: str, refusals: int
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.model.refuses += [{"code": "too_large"}] * refusals
        with pytest.raises(CommandError) as failure:
            await chat.send(text)
        assert failure.value.code is ErrorCode.TOO_LARGE
        await chat.send("short")
    assert len(fake.guests) == 1


async def test_a_cancelled_message_is_not_resent(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.model.refuses.append({"code": "unavailable", "retryAfterMs": 1000})
        with trio.move_on_after(0.5):
            await chat.send("never mind")
        await trio.sleep(5)
        assert fake.model.stores["general"] == []


async def test_a_ref_serves_one_command_at_a_time(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat, trio.open_nursery() as nursery:
        fake.is_mute = True
        nursery.start_soon(lambda: chat.send("mine", ref="one"))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ValueError, match="pending"):
            await chat.send("mine", ref="one")
        fake.is_mute = False
        fake.flush()


async def test_a_late_ack_does_not_answer_the_next_command_with_its_ref(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.is_mute = True
        with trio.move_on_after(0.1):
            await chat.send("one", ref="r")
        assert [event["message"] for event in fake.model.stores["general"]] == ["one"]
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def _() -> None:
                with pytest.raises(CommandError) as failure:
                    await chat.send("two", ref="r")
                assert failure.value.code is ErrorCode.CONFLICT

            await trio.testing.wait_all_tasks_blocked()
            fake.is_mute = False
            fake.flush()
        assert (await chat.send("one", ref="r")).is_repeat


async def test_a_late_refusal_does_not_answer_the_next_command(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        for refusal in ({"code": "forbidden"}, {"code": "rate_limited", "retryAfterMs": 9_000}):
            fake.model.refuses.append(refusal)
            fake.is_mute = True
            with trio.move_on_after(1):
                await chat.send("one", ref="r")
            fake.is_mute = False
            fake.flush()
            await trio.testing.wait_all_tasks_blocked(0.01)
            with trio.move_on_after(0):  # never sent, so there is no answer to wait for
                await chat.send("two", ref="r")
        began = trio.current_time()
        assert not (await chat.send("three", ref="r")).is_repeat
        assert trio.current_time() - began >= 8, "it waits for the rate limit"


async def test_send_all_keeps_the_order_and_the_rate(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    texts = [str(number) for number in range(40)]
    async with open_chat(fake.url, "ann") as chat:
        began = trio.current_time()
        fake.model.refuses.append({"code": "unavailable"})
        stored = await chat.send_all(texts, ref="import")
        assert trio.current_time() - began >= 2, "20 at once, then 10 a second"
        assert [logged.seq for logged in stored] == list(range(1, 41))
        assert all(logged.is_repeat for logged in await chat.send_all(texts[:3], ref="import"))
    assert [event["message"] for event in fake.model.stores["general"]] == texts


async def test_send_all_ends_with_the_first_refusal(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        with pytest.raises(CommandError) as failure:
            await chat.send_all(["one", "x" * 70_000, "three"])
    assert failure.value.__notes__ == ["texts[1] of send_all"]
    assert str(failure.value) == "The text is too long (too_large)"
    assert [event["message"] for event in fake.model.stores["general"]] == ["one"]


async def test_from_start_delivers_stored_events_first(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    for number in range(230):
        fake.send_message(f"old {number}")
    fake.send_message("old", "dev")
    async with open_chat(fake.url, "ann", from_start=True) as chat:
        joined = await until(chat, Joined)
        assert (joined.head, joined.history) == (230, ())
        fake.send_message("live")
        seqs = [(await until(chat, Message)).seq for _ in range(100)]
        position = chat.position()
        seqs += [(await until(chat, Message)).seq for _ in range(131)]
        assert seqs == list(range(1, 232))
        await chat.join("dev")
        assert (await until(chat, Message)).text == "old"
    async with open_chat(fake.url, "ann", from_start=True, resume=position) as chat:
        assert (await until(chat, Message)).seq == 101


async def test_a_cancelled_receive_loses_nothing(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        with trio.CancelScope() as scope:
            scope.cancel()
            await chat.receive()
        assert isinstance(await chat.receive(), Joined)


async def test_the_end_of_the_block_wakes_tasks_outside(fake: FakeServer) -> None:
    async def listen(chat: Chat) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await until(chat, Gap)

    async def send(chat: Chat) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await chat.send("too late")

    async with trio.open_nursery() as nursery, open_chat(fake.url, "ann") as chat:
        fake.is_mute = True
        nursery.start_soon(listen, chat)
        nursery.start_soon(send, chat)
        await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.ClosedResourceError):
        await chat.send("much too late")


@pytest.mark.parametrize("sends", [True, False])
async def test_a_slow_consumer_misses_nothing_and_may_send(
    fake: FakeServer, autojump_clock: MockClock, *, sends: bool
) -> None:
    fake.model.limits["ratePerSecond"] = 10_000
    async with open_chat(fake.url, "ann") as chat:
        await until(chat, Connected)
        for number in range(3_000):
            fake.send_message(str(number))
        await trio.testing.wait_all_tasks_blocked(0.01)
        seqs = []
        for _ in range(3_000):
            message = await until(chat, Message)
            seqs.append(message.seq)
            if sends and message.seq % 1_000 == 1:
                await chat.send("still here")
        assert seqs == list(range(1, 3_001))
        assert len(fake.guests) == 1


async def test_closing_does_not_wait_for_a_reconnect(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann"):
        fake.ignores_upgrades = True
        await fake.cut()
        await fake.until(lambda: fake.waiting > 0)
        began = trio.current_time()
    assert trio.current_time() - began < 1


async def test_client_leaves_a_dead_connection(fake: FakeServer, autojump_clock: MockClock) -> None:
    async with open_chat(fake.url, "ann") as chat:
        await until(chat, Connected)
        fake.freeze()
        began = trio.current_time()
        await until(chat, Disconnected)
        assert 60 <= trio.current_time() - began <= 120


async def test_client_keeps_an_idle_connection(fake: FakeServer, autojump_clock: MockClock) -> None:
    async with open_chat(fake.url, "ann") as chat:
        await trio.sleep(1000)
        await chat.send("still here")
    assert len(fake.guests) == 1


async def test_client_reconnects_soon_after_an_announced_restart(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.send(type="reconnect", afterMs=0)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await fake.guests[-1].socket.aclose(1012, "restart")
        gone = await until(chat, Disconnected)
        assert (gone.code, gone.why) == (1012, "restart")
        assert gone.retry_seconds <= 1.0


async def test_a_restarted_program_resumes(fake: FakeServer) -> None:
    async with open_chat(fake.url, "bot", rooms=["general", "dev"]) as chat:
        fake.send_message("seen")
        await until(chat, Message)
        fake.send_message("not seen any more")
        position = chat.position()
    assert position.rooms["general"] == Seen("e1", 1)
    fake.send_message("while away", "dev")
    async with open_chat(fake.url, "bot", resume=position) as chat:
        assert [(await until(chat, Message)).text for _ in range(2)] == [
            "not seen any more",
            "while away",
        ]
    assert fake.guests[0].peer.device == fake.guests[1].peer.device


async def test_client_reconnects_after_a_malformed_message(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.send(type="message", seq="many")
        gone = await until(chat, Disconnected)
        assert "malformed message" in gone.why
        await until(chat, Connected)
