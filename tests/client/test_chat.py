from typing import TypeVar

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.client.fake import FakeServer
from trio_chat.client import (
    Chat,
    ChatRefusedError,
    CommandError,
    Connected,
    Disconnected,
    ErrorCode,
    Event,
    Gap,
    Joined,
    Message,
    Seen,
    Typing,
    open_chat,
)

E = TypeVar("E", bound=Event)


async def until(chat: Chat, kind: type[E]) -> E:
    """The next event of this kind."""
    async for event in chat:
        if isinstance(event, kind):
            return event
    raise AssertionError("it goes on for ever")


async def test_what_is_said_is_acknowledged_and_comes_back(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        logged = await chat.send("hello")
        assert (logged.seq, logged.room, logged.is_repeat) == (1, "general", False)
        message = await until(chat, Message)
        assert (message.id, message.username, message.text) == (logged.id, "ann", "hello")


async def test_a_message_can_be_edited_and_deleted(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        logged = await chat.send("helo")
        assert (await chat.edit(logged.id, "hello")).seq == 2
        assert (await chat.delete(logged.id)).seq == 3
        assert [each["type"] for each in fake.model.stores["general"]] == [
            "message",
            "edited",
            "deleted",
        ]


async def test_without_rooms_it_is_in_the_default_one_and_stays_there(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        assert (chat.home, list(chat.rooms)) == ("general", ["general"])
        await fake.cut()
        fake.say("meanwhile")
        assert (await until(chat, Message)).text == "meanwhile"
        assert fake.guests[-1].peer.received[0]["rooms"] == {"general": {"since": 0, "epoch": "e1"}}


async def test_the_first_of_several_rooms_is_home(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann", rooms=["dev", "ops"]) as chat:
        assert (await chat.send("hello")).room == "dev"
        assert (await chat.send("hello", "ops")).room == "ops"


async def test_a_room_can_be_joined_and_left(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    fake.say("before", "dev")
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
        await fake.cut()
        await chat.leave("dev")
        assert list(fake.guests[-1].peer.received[0]["rooms"]) == ["general"]


async def test_a_room_that_is_refused_is_no_room(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.model.refuses.append({"code": "bad_request"})
        with pytest.raises(CommandError):
            await chat.join("No Room")
        await fake.cut()
        await chat.send("here")
        assert list(fake.guests[-1].peer.received[0]["rooms"]) == ["general"]


async def test_history_is_read_by_page(fake: FakeServer) -> None:
    for number in range(5):
        fake.say(str(number))
    async with open_chat(fake.url, "ann") as chat:
        page = await chat.history(before=4, limit=2)
        assert ([event.seq for event in page.events], page.more) == ([2, 3], True)
        page = await chat.history(after=3, limit=2)
        assert ([event.seq for event in page.events], page.more) == ([4, 5], False)


async def test_reading_and_typing_are_told(fake: FakeServer) -> None:
    fake.say("read me")
    async with open_chat(fake.url, "ann") as chat:
        assert chat.rooms["general"].unread == 1
        chat.mark_read(1)
        chat.mark_read(1)
        chat.set_typing(True)
        chat.set_typing(True)
        chat.set_typing(False)
        assert chat.rooms["general"].unread == 0
        await fake.until(lambda: ("ann", "general") in fake.model.marks)
    told = [each for each in fake.guests[-1].peer.received if each["type"] in {"typing", "read"}]
    assert [each["type"] for each in told] == ["typing", "read"]


async def test_a_mark_that_is_set_last_goes_out_before_the_good_bye(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    for _ in range(3):
        fake.say("read me")
    async with open_chat(fake.url, "ann") as chat:
        chat.mark_read(1)
        await fake.until(lambda: ("ann", "general") in fake.model.marks)
        chat.mark_read(3)
    assert fake.model.marks["ann", "general"] == 3


async def test_what_others_do_comes_as_events(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.tell(type="presence", room="general", online=["bob"], offline=[], count=2)
        fake.tell(type="read", room="general", username="bob", seq=0)
        fake.tell(type="typing", room="general", username="bob", isTyping=True)
        assert await until(chat, Typing) == Typing("general", "bob", is_typing=True)
        view = chat.rooms["general"]
        assert (view.users, view.count, view.reads) == (("ann", "bob"), 2, {"bob": 0})


async def test_leaving_the_block_says_good_bye(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann"):
        pass
    reason = fake.guests[-1].socket.closed
    assert reason is not None
    assert reason.code == 1000


async def test_leaving_takes_no_longer_than_the_server_would_wait(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann"):
        began = trio.current_time()
        fake.freeze()
    assert trio.current_time() - began < 6


async def test_what_the_block_raises_comes_out_as_it_is(fake: FakeServer) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_chat(fake.url, "ann"):
            raise ZeroDivisionError


async def test_a_refused_upgrade_is_raised_where_the_block_begins(fake: FakeServer) -> None:
    fake.rejects.append((403, []))
    with pytest.raises(ChatRefusedError) as refusal:
        async with open_chat(fake.url, "ann"):
            raise AssertionError("it was let in")
    assert refusal.value.code == 403


async def test_a_refusal_in_the_middle_cancels_the_block_and_is_raised_at_its_end(
    fake: FakeServer,
) -> None:
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


async def test_it_waits_for_a_server_that_is_full(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    fake.rejects.append((503, [(b"Retry-After", b"40")]))
    began = trio.current_time()
    async with open_chat(fake.url, "ann", enter_within=None) as chat:
        assert trio.current_time() - began >= 40
        gone = await chat.receive()
        assert isinstance(gone, Disconnected)
        assert gone.code == 503


async def test_a_server_that_says_nothing_is_left_again(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    fake.is_mute = True
    with trio.move_on_after(60):
        async with open_chat(fake.url, "ann", enter_within=None):
            raise AssertionError("it was not let in")
    assert len(fake.guests) > 1


async def test_what_was_not_acknowledged_is_sent_again_and_logged_once(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.is_mute = True

        async def cut_after_the_message() -> None:
            await fake.until(lambda: bool(fake.model.stores["general"]))
            await fake.cut()
            fake.is_mute = False

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cut_after_the_message)
            logged = await chat.send("once")
        assert logged.is_repeat
        assert [each["message"] for each in fake.model.stores["general"]] == ["once"]
        assert (await until(chat, Message)).text == "once"


async def test_what_is_put_off_is_sent_again(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.model.refuses.append({"code": "rate_limited", "retryAfterMs": 2500})
        fake.model.refuses.append({"code": "unavailable"})
        began = trio.current_time()
        assert (await chat.send("at last")).seq == 1
        assert 2.5 < trio.current_time() - began < 10


async def test_many_messages_at_once_keep_to_the_rate(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(chat.send, str(number))
        assert 3.0 <= trio.current_time() - began < 4.0
        assert len(fake.model.stores["general"]) == 50


async def test_a_refused_command_is_raised_to_who_waits(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.model.refuses.append({"code": "too_large"})
        with pytest.raises(CommandError) as failure:
            await chat.send("long")
        assert failure.value.code is ErrorCode.TOO_LARGE


async def test_what_would_end_the_connection_is_never_sent(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        with pytest.raises(CommandError) as failure:
            await chat.send("x" * 70_000)
        assert failure.value.code is ErrorCode.TOO_LARGE
        await chat.send("short")
    assert len(fake.guests) == 1


async def test_a_cancelled_message_is_not_sent_again(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.model.refuses.append({"code": "unavailable", "retryAfterMs": 1000})
        with trio.move_on_after(0.5):
            await chat.send("never mind")
        await trio.sleep(5)
        assert fake.model.stores["general"] == []


async def test_a_ref_can_be_used_by_one_command_at_a_time(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat, trio.open_nursery() as nursery:
        fake.is_mute = True
        nursery.start_soon(lambda: chat.send("mine", ref="one"))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ValueError, match="under way"):
            await chat.send("mine", ref="one")
        fake.is_mute = False
        fake.flush()


async def test_a_late_answer_to_a_cancelled_command_is_not_taken_for_the_next_with_its_ref(
    fake: FakeServer,
) -> None:
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


async def test_a_late_refusal_of_a_cancelled_command_is_nobody_s(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
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
        assert trio.current_time() - began >= 8, "it was held back all the same"


async def test_a_ref_without_a_character_is_none(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        with pytest.raises(ValueError, match="a ref must be"):
            await chat.send("hello", ref="")


async def test_several_messages_keep_their_order_and_the_limits(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
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


async def test_the_first_of_several_messages_that_is_refused_ends_them(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        with pytest.raises(CommandError) as failure:
            await chat.send_all(["one", "x" * 70_000, "three"])
    assert failure.value.__notes__ == ["texts[1] of send_all"]
    assert str(failure.value) == "The text is too long (too_large)"
    assert [event["message"] for event in fake.model.stores["general"]] == ["one"]


async def test_from_the_start_all_that_is_stored_comes_before_what_is_live(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    for number in range(230):
        fake.say(f"old {number}")
    fake.say("old", "dev")
    async with open_chat(fake.url, "ann", from_start=True) as chat:
        joined = await until(chat, Joined)
        assert (joined.head, joined.history) == (230, ())
        fake.say("live")
        seqs = [(await until(chat, Message)).seq for _ in range(100)]
        position = chat.position()
        seqs += [(await until(chat, Message)).seq for _ in range(131)]
        assert seqs == list(range(1, 232))
        await chat.join("dev")
        assert (await until(chat, Message)).text == "old"
    async with open_chat(fake.url, "ann", from_start=True, resume=position) as chat:
        assert (await until(chat, Message)).seq == 101


async def test_a_cancelled_receive_has_taken_nothing(fake: FakeServer) -> None:
    async with open_chat(fake.url, "ann") as chat:
        with trio.CancelScope() as scope:
            scope.cancel()
            await chat.receive()
        assert isinstance(await chat.receive(), Joined)


async def test_whoever_waits_outside_the_block_is_woken_when_it_ends(fake: FakeServer) -> None:
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


@pytest.mark.parametrize("is_talkative", [True, False])
async def test_a_slow_consumer_misses_nothing_and_may_send_in_between(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
    *,
    is_talkative: bool,
) -> None:
    fake.model.limits["ratePerSecond"] = 10_000
    async with open_chat(fake.url, "ann") as chat:
        await until(chat, Connected)
        for number in range(3_000):
            fake.say(str(number))
        await trio.testing.wait_all_tasks_blocked(0.01)
        seqs = []
        for _ in range(3_000):
            message = await until(chat, Message)
            seqs.append(message.seq)
            if is_talkative and message.seq % 1_000 == 1:
                await chat.send("still here")
        assert seqs == list(range(1, 3_001))
        assert len(fake.guests) == 1


async def test_leaving_does_not_wait_for_a_server_that_does_not_answer(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann"):
        fake.is_deaf = True
        await fake.cut()
        await fake.until(lambda: fake.waiting > 0)
        began = trio.current_time()
    assert trio.current_time() - began < 1


async def test_who_never_listens_takes_no_memory(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        for _ in range(30):
            for number in range(100):
                fake.say(str(number))
            await fake.cut()
            await chat.send("I only talk")
        assert len(chat._protocol._inbox) <= 1_100


async def test_a_connection_without_a_sign_of_life_is_given_up(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        await until(chat, Connected)
        fake.freeze()
        began = trio.current_time()
        await until(chat, Disconnected)
        assert 60 <= trio.current_time() - began <= 120


async def test_a_connection_on_which_nothing_is_said_is_kept(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        await trio.sleep(1000)
        await chat.send("still here")
    assert len(fake.guests) == 1


async def test_a_restart_that_is_announced_brings_it_back_soon(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.tell(type="reconnect", afterMs=0)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await fake.guests[-1].socket.aclose(1012, "restart")
        gone = await until(chat, Disconnected)
        assert (gone.code, gone.why) == (1012, "restart")
        assert gone.retry_seconds <= 1.0


async def test_a_program_that_restarts_goes_on_where_it_was(fake: FakeServer) -> None:
    async with open_chat(fake.url, "bot", rooms=["general", "dev"]) as chat:
        fake.say("seen")
        await until(chat, Message)
        fake.say("not seen any more")
        position = chat.position()
    assert position.rooms["general"] == Seen("e1", 1)
    fake.say("while away", "dev")
    async with open_chat(fake.url, "bot", resume=position) as chat:
        assert [(await until(chat, Message)).text for _ in range(2)] == [
            "not seen any more",
            "while away",
        ]
    assert fake.guests[0].peer.device == fake.guests[1].peer.device


async def test_a_log_that_begins_anew_is_told(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    fake.say("old")
    async with open_chat(fake.url, "ann") as chat:
        await until(chat, Connected)
        await fake.cut()
        fake.model.begin_anew()
        fake.say("new")
        assert await until(chat, Gap) == Gap("general", 1)
        joined = await chat.receive()
        assert isinstance(joined, Joined)
        assert (joined.is_resumed, [event.seq for event in joined.history]) == (False, [1])


async def test_a_log_that_has_forgotten_what_was_missed_is_told(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        await until(chat, Connected)
        fake.model.keep, fake.model.resume = 5, 0
        await fake.cut()
        for number in range(8):
            fake.say(str(number))
        assert await until(chat, Gap) == Gap("general", 0, 4)
        assert (await until(chat, Message)).seq == 4


async def test_a_server_that_talks_nonsense_is_left_and_come_back_to(
    fake: FakeServer,
    autojump_clock: MockClock,  # noqa: ARG001
) -> None:
    async with open_chat(fake.url, "ann") as chat:
        fake.tell(type="message", seq="many")
        gone = await until(chat, Disconnected)
        assert "malformed message" in gone.why
        await until(chat, Connected)
