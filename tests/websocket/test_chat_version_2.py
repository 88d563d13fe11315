"""The chat of a version 2 client: hello, commands, joins and tokens."""

import json

import pytest

from tests.websocket.talk import (
    ADDRESS,
    WALL_MS,
    LostStore,
    Pending,
    Stage,
    Talk,
    command,
    filled,
    hello,
    seqs,
)
from tests.websocket.wire import DEFLATE, FrameReader, texts
from trio_chat.access.tokens import BadToken, Fault, Identity, Verifier
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.hub.requests import Join, Leave, Publish
from trio_chat.protocol import messages as wire
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import LeaveRoom, ReadMarker, Since
from trio_chat.protocol.encode import encode
from trio_chat.protocol.encodings import Encoding, text_frame
from trio_chat.protocol.events import Kind
from trio_chat.protocol.names import Name
from trio_chat.settings import Settings
from trio_chat.websocket.joining import MAX_PENDING

ANN = Identity(Name("Ann", "ann"), ends_at=WALL_MS / 1000 + 60)


UNAVAILABLE = CommandError(ErrorCode.UNAVAILABLE, "No")


async def assert_in_room(talk: Talk) -> None:
    await talk.say(command("message", message="hi"))
    assert talk.take_request() == Publish(talk.conversation, "general", "hi")


async def assert_not_in_room(talk: Talk) -> None:
    await talk.say(command("message", message="hi"))
    assert talk.sent()[-1]["code"] == "not_joined"


async def test_welcome_has_the_limits_and_the_device() -> None:
    with Stage(settings=Settings(max_rooms=7, resume_size=8)).talk() as talk:
        await talk.say(hello(device="d-1", rooms={"general": {"since": 4, "epoch": "k"}, "b": {}}))
        limits = wire.Limits(65536, 4096, 10, 20, rooms=7, resume=8)
        assert talk.sent() == [json.loads(encode(wire.Welcome(2, "ann", "d-1", limits)))]
        name = Name("ann", "ann")
        assert talk.take_request() == Join(
            talk.conversation, "general", name, Since(4, "k"), address=ADDRESS
        )
        assert talk.take_request() == Join(talk.conversation, "b", name, address=ADDRESS)


async def test_welcome_has_the_displayed_form_of_the_name() -> None:
    stage = Stage()
    with stage.talk() as first, stage.talk() as second:
        await first.say("Ann")
        await second.say(hello(username="ANN"))
        assert second.sent()[0]["username"] == "Ann"


async def test_client_without_a_device_receives_a_random_one() -> None:
    devices = set()
    for _ in range(2):
        with Stage().talk() as talk:
            await talk.say(hello())
            devices.add(talk.sent()[0]["device"])
    assert len(devices) == 2
    assert min(map(len, devices)) >= 22  # 128 bits in base64


async def test_author_has_a_digest_of_the_device() -> None:
    authors = []
    for device in ("d-1", "d-1", "d-2"):
        with Stage().talk() as talk:
            await talk.enter(hello(device=device))
            authors.append(talk.conversation.author)
    assert authors[0] == authors[1] != authors[2]
    assert "d-1" not in authors[0].device
    assert (authors[0].user, authors[0].is_proven) == ("ann", False)


async def test_plain_client_owns_only_what_its_token_proves() -> None:
    with Stage().talk() as talk, Stage().talk(identity=ANN) as proven:
        await talk.enter("ann")
        await proven.enter("")
        assert (talk.conversation.author.device, talk.conversation.author.is_proven) == ("", False)
        assert proven.conversation.author.is_proven


@pytest.mark.parametrize(("deflate", "encoding"), [(None, 2), (DEFLATE, 3)])
async def test_encoding_combines_version_and_compression(
    deflate: str | None, encoding: int
) -> None:
    with Stage().talk(deflate=deflate) as talk:
        await talk.enter(hello())
        assert talk.conversation.encoding is Encoding(encoding)


async def test_commands_become_requests_to_the_hub(talk: Talk) -> None:
    await talk.say(
        command("message", message=" hi ", ref="r1"),
        command("edit", id="m1", message=" ho ", ref="r2"),
        command("delete", id="m1", ref="r3"),
        command("read", seq=7),
    )
    member = talk.conversation
    assert [talk.take_request() for _ in range(4)] == [
        Publish(member, "general", "hi", "r1"),
        Publish(member, "general", "ho", "r2", Kind.EDITED, "m1"),
        Publish(member, "general", "", "r3", Kind.DELETED, "m1"),
        ReadMarker(7, "general", member=member),
    ]


async def test_refusal_of_the_hub_is_sent_as_an_error(talk: Talk) -> None:
    error = CommandError(ErrorCode.CONFLICT, "No", retry_after_ms=5)
    error.ref, error.room = "r1", "general"
    talk.conversation.refuse(error)
    answer = wire.ErrorAnswer("conflict", "No", 5, "r1", "general")
    assert talk.sent() == [json.loads(encode(answer))]


async def test_page_of_history_is_read_in_the_background() -> None:
    with Stage(store=await filled(60)).talk() as talk:
        await talk.enter(hello(), cut=60)
        talk.sent()
        await talk.say(
            command("history", before=11, limit=2, ref="r1"),
            command("history", after=58),
            command("history", limit=1),
        )
        assert talk.sent() == []
        await talk.run_jobs()
        pages = [(seqs(page["history"]), page["more"], page.get("ref")) for page in talk.sent()]
        assert pages == [([9, 10], True, "r1"), ([59, 60], False, None), ([60], True, None)]


async def test_too_many_pending_requests_are_refused() -> None:
    with Stage(settings=Settings(message_rate=0)).talk() as talk:
        await talk.enter(hello())
        talk.sent()
        await talk.say(*[command("history")] * MAX_PENDING)
        assert talk.sent() == []
        await talk.say(command("history", ref="r1"), command("join", room="dev", ref="r2"))
        errors = [(frame["code"], frame["ref"]) for frame in talk.sent()]
        assert errors == [("limit_exceeded", "r1"), ("limit_exceeded", "r2")]
        await talk.run_jobs()
        assert [frame["type"] for frame in talk.sent()] == ["history"] * MAX_PENDING


async def test_client_leaves_a_room_that_cannot_be_read() -> None:
    with Stage(store=LostStore()).talk() as talk:
        pending = await talk.enter(hello())
        assert pending.is_discarded
        assert pending.activated == []
        answer = talk.sent()[1]
        assert (answer["code"], answer["room"]) == ("unavailable", "general")
        assert answer["retryAfterMs"] > 0
        assert talk.take_request() == LeaveRoom("general", member=talk.conversation)
        await assert_not_in_room(talk)


async def test_client_that_left_is_not_taken_out_again() -> None:
    with Stage(store=LostStore()).talk() as talk:
        await talk.say(hello(), command("leave", room="general"))
        pending = await talk.be_admitted()
        assert pending.is_discarded
        assert talk.take_request() == LeaveRoom("general", member=talk.conversation)
        assert talk.requests_left() == 0


async def test_client_stays_in_a_room_that_cannot_be_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    with stage.talk() as talk:
        await talk.enter(hello(), cut=3)
        await talk.say(command("join", room="general", ref="r1"))
        monkeypatch.setattr(stage.store, "read_before", LostStore().read_before)
        pending = await talk.be_admitted(cut=3)
        assert (pending.activated, pending.is_discarded) == ([()], False)
        assert [frame.get("code") for frame in talk.sent()] == [None, None, "unavailable"]
        await assert_in_room(talk)


async def test_client_with_a_refused_and_a_pending_join_is_in_the_room() -> None:
    with Stage(store=LostStore()).talk() as talk:
        await talk.say(hello(), command("join", room="general", ref="r1"))
        await talk.be_admitted()
        second = talk.take_join()
        assert talk.take_request() == LeaveRoom("general", member=talk.conversation)
        talk.conversation.admit(Pending(second))
        await assert_in_room(talk)


@pytest.mark.parametrize("is_refused", [True, False])
async def test_plain_client_without_its_room_is_closed_with_1013(
    is_refused: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    with Stage(store=LostStore()).talk() as talk:
        await talk.say("ann")
        if is_refused:
            talk.conversation.turn_away(talk.take_join(), UNAVAILABLE)
        else:
            pending = await talk.be_admitted()
            assert pending.activated == []
        assert talk.ending() is CloseCode.TRY_AGAIN_LATER


async def test_refused_client_is_not_in_the_room() -> None:
    with Stage().talk() as talk:
        await talk.say(hello())
        talk.conversation.turn_away(talk.take_join(), UNAVAILABLE)
        assert talk.sent()[-1]["code"] == "unavailable"
        await assert_not_in_room(talk)


async def test_refused_join_leaves_the_client_in_its_room(talk: Talk) -> None:
    await talk.say(command("join", room="general"))
    talk.conversation.turn_away(talk.take_join(), UNAVAILABLE)
    await assert_in_room(talk)


async def test_refused_join_keeps_another_pending_join() -> None:
    with Stage().talk() as talk:
        await talk.say(hello(), command("join", room="general"))
        talk.conversation.turn_away(talk.take_join(), UNAVAILABLE)
        await talk.be_admitted()
        await assert_in_room(talk)


async def test_late_answer_to_a_join_does_not_count() -> None:
    with Stage().talk() as talk:
        await talk.say(hello(), command("leave", room="general"), command("join", room="general"))
        first, left, second = (talk.take_request() for _ in range(3))
        assert isinstance(first, Join)
        assert isinstance(left, LeaveRoom)
        assert isinstance(second, Join)
        talk.conversation.admit(Pending(first, cut=1))
        talk.conversation.turn_away(second, UNAVAILABLE)
        await assert_not_in_room(talk)


async def test_heartbeat_has_the_head_of_each_room() -> None:
    with Stage().talk() as talk:
        pending = await talk.enter(hello(rooms={"general": {}, "dev": {}}))
        await talk.be_admitted()
        pending.sent = 7
        (beat,) = texts(FrameReader().feed(talk.conversation.heartbeat()))
        assert json.loads(beat) == {"type": "heartbeat", "time": WALL_MS, "heads": {"general": 7}}


async def test_only_version_2_receives_announcements(talk: Talk, plain: Talk) -> None:
    news = wire.TokenEnds(30_000)
    assert talk.conversation.announce(news) == text_frame(encode(news))
    assert plain.conversation.announce(news) is None


@pytest.mark.parametrize(
    ("first", "code", "may_return"),
    [
        *((hello(), code, True) for code in (1001, 1006, 4002)),
        (hello(), 1000, False),
        ("ann", 1000, False),
        ("ann", 1006, False),
    ],
)
async def test_only_a_lost_client_of_version_2_may_return(
    first: str,
    code: int,
    may_return: bool,  # noqa: FBT001 - a row of the table
) -> None:
    with Stage().talk() as talk:
        await talk.enter(first)
        await talk.leave(code)
        assert talk.take_request() == Leave(talk.conversation, may_return)


class FakeVerifier(Verifier):
    """Accepts two tokens."""

    def __init__(self) -> None:
        super().__init__([])

    def verify(self, token: str, now: float) -> Identity:
        match token:
            case "good":
                return Identity(Name("ANN", "ann"), now + 100)
            case "bob's":
                return Identity(Name("bob", "bob"), now + 100)
            case _:
                raise BadToken(Fault.EXPIRED)


@pytest.mark.parametrize(
    ("token", "code"), [("good", None), ("bad", "unauthorized"), ("bob's", "forbidden")]
)
async def test_only_a_valid_token_extends_the_connection(token: str, code: str | None) -> None:
    with Stage().talk(identity=ANN, verifier=FakeVerifier()) as talk:
        await talk.enter(hello())
        talk.sent()
        before = talk.connection._health._token_ends
        await talk.say(command("auth", token=token, ref="r1"))
        (answer,) = talk.sent()
        assert (answer["type"], answer["ref"]) == ("error" if code else "ack", "r1")
        assert answer.get("code") == code
        assert (talk.connection._health._token_ends == before) is (code is not None)


async def test_new_token_without_a_ref_is_not_acknowledged() -> None:
    with Stage().talk(identity=ANN, verifier=FakeVerifier()) as talk:
        await talk.enter(hello())
        talk.sent()
        await talk.say(command("auth", token="good"))
        assert talk.sent() == []


async def test_server_without_tokens_refuses_a_token(talk: Talk) -> None:
    await talk.say(command("auth", token="good", ref="r1"))
    answer = talk.sent()[-1]
    assert (answer["code"], answer["ref"]) == ("bad_request", "r1")
