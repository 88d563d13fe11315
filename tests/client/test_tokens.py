from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.client.fake import FakeServer
from trio_chat.client import CommandError, Token, open_chat
from trio_chat.client.tokens import TokenSource, clean


async def asynchronous() -> str:
    await trio.lowlevel.checkpoint()
    return "a.b.c\n"


@pytest.mark.parametrize(
    "token", ["a.b.c", " a.b.c\r\n", b"a.b.c\n", lambda: "a.b.c ", lambda: b"a.b.c", asynchronous]
)
async def test_tokens_come_from_text_or_functions_stripped(token: Token) -> None:
    assert await TokenSource(token).for_connection() == "a.b.c"


async def test_a_token_file_is_read_at_each_attempt(tmp_path: Path) -> None:
    path = tmp_path / "token"
    source = TokenSource(path)
    for text in ("first", "second"):
        path.write_text(f"{text}\n")
        assert await source.for_connection() == text


@pytest.mark.parametrize("token", ["", " \n", "two words", "a\nb", "a\x00", "caf\xe9", b"\xff"])
def test_an_invalid_token_is_refused_without_a_quote(token: str | bytes) -> None:
    with pytest.raises(ValueError, match="the token") as refusal:
        TokenSource(token)
    assert "words" not in str(refusal.value)


def test_a_token_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="a token is"):
        TokenSource(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a token is"):
        clean(None)


async def test_a_client_without_a_token_sends_none() -> None:
    source = TokenSource(None)
    assert await source.for_connection() is None
    source.expire()
    assert not source.is_renewable


def failing(*outcomes: str | Exception) -> Callable[[], str]:
    left = list(outcomes)

    def take() -> str:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return take


async def test_the_first_failure_of_a_source_propagates() -> None:
    with pytest.raises(KeyError):
        await TokenSource(failing(KeyError())).for_connection()


async def test_after_a_later_failure_the_last_token_serves_until_it_expires() -> None:
    source = TokenSource(failing("first", OSError(), OSError()))
    assert await source.for_connection() == "first"
    assert await source.for_connection() == "first"
    source.expire()
    with pytest.raises(OSError, match=r"^$"):
        await source.for_connection()


async def test_client_retries_to_renew_a_token_on_the_same_connection(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    source = failing("first", OSError("the issuer is away"), "refused", "good")
    async with open_chat(fake.url, "ann", token=source) as chat:
        fake.model.refuses.append({"code": "unauthorized"})
        fake.send(type="auth", expiresInMs=30_000)
        received = fake.guests[0].peer.received
        await fake.until(
            lambda: [each.get("token") for each in received[1:]] == ["refused", "good"]
        )
        await chat.send("still the same connection")
    assert len(fake.guests) == 1


async def test_client_stops_when_the_token_expires(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    calls = 0

    def take() -> str:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise OSError("the issuer is away")
        return "first"

    async def stay() -> None:
        async with open_chat(fake.url, "ann", token=take):
            fake.send(type="auth", expiresInMs=30_000)
            await trio.sleep(30)
            await fake.guests[0].socket.aclose(4010, "the token has ended")
            await trio.sleep_forever()

    with pytest.raises(OSError, match="away"):
        await stay()
    assert 10 < calls < 20


async def test_a_refreshed_token_serves_later_connections(
    fake: FakeServer, autojump_clock: MockClock
) -> None:
    async with open_chat(fake.url, "ann", token="first") as chat:
        await chat.refresh_token(b"second\n")
        fake.model.refuses.append({"code": "unauthorized"})
        with pytest.raises(CommandError):
            await chat.refresh_token("third")
        await fake.cut()
        await chat.send("here again")
    assert fake.guests[-1].headers[b"authorization"] == b"Bearer second"
