"""The client with the real server, in one Trio loop."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from tests.support.certificates import certificate_files, client_context
from tests.support.local_server import local_server
from tests.support.tokens import SECRET, for_user
from trio_chat.client import (
    Chat,
    ChatRefusedError,
    CommandError,
    Deleted,
    Disconnected,
    Edited,
    ErrorCode,
    Event,
    Message,
    PresenceChanged,
    Read,
    TokenEnds,
    Typing,
    open_chat,
)

SHORT_SECONDS = 2.0
# The server checks a new connection when its hello is due, and then sends the warning.
TOKENS = {"auth": "token", "token_secret": SECRET, "hello_timeout_seconds": 0.5}


async def until(chat: Chat, fact: Callable[[Event], bool]) -> Event:
    """Return the next event of which this is true."""
    async for event in chat:
        if fact(event):
            return event
    raise AssertionError("the chat has ended")


def of(kind: type[Event]) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, kind)


async def test_two_clients_chat_edit_read_and_type() -> None:
    async with (
        local_server() as home,
        open_chat(home.url, "ann") as ann,
        open_chat(home.url, "bob") as bob,
    ):
        change = await until(ann, of(PresenceChanged))
        assert isinstance(change, PresenceChanged)
        assert (change.online, change.count) == (("bob",), 2)
        bob.set_typing(True)
        assert await until(ann, of(Typing)) == Typing("general", "bob", is_typing=True)
        logged = await bob.send("hello")
        message = await until(ann, of(Message))
        assert isinstance(message, Message)
        assert (message.id, message.seq, message.text) == (logged.id, logged.seq, "hello")
        ann.mark_read(message.seq)
        assert await until(bob, of(Read)) == Read("general", "ann", message.seq)
        await bob.edit(logged.id, "hello, ann")
        edited = await until(ann, of(Edited))
        assert isinstance(edited, Edited)
        assert (edited.target, edited.text) == (logged.id, "hello, ann")
        with pytest.raises(CommandError) as failure:
            await ann.delete(logged.id)
        assert failure.value.code is ErrorCode.FORBIDDEN
        await bob.delete(logged.id)
        deleted = await until(ann, of(Deleted))
        assert isinstance(deleted, Deleted)
        assert deleted.target == logged.id


async def test_tls_needs_a_trusted_certificate(tmp_path: Path) -> None:
    files = certificate_files(tmp_path)
    async with local_server(tls_cert=str(files.cert), tls_key=str(files.key)) as home:
        async with open_chat(home.url, "ann", ssl_context=client_context()) as chat:
            assert (await chat.send("hello")).room == "general"
        with pytest.raises(ChatRefusedError, match="certificate"):
            async with open_chat(home.url, "ann"):
                raise AssertionError("it trusted an unknown certificate")


async def test_a_token_is_renewed_on_the_same_connection() -> None:
    given: list[str] = []

    async def fresh() -> str:
        await trio.lowlevel.checkpoint()
        given.append(for_user("ann", time.time() + (SHORT_SECONDS if not given else 3600)))
        return given[-1]

    async with local_server(**TOKENS) as home:
        async with open_chat(home.url, "ann", token=fresh) as chat:
            # The server warns 30 s before the end: of this one, at once.
            with trio.move_on_after(SHORT_SECONDS + 1):
                await until(chat, of(Disconnected))
                raise AssertionError("it ended with its first token")
            await chat.send("still the same connection")
        assert len(given) == 2


async def test_without_a_source_of_tokens_the_user_is_warned() -> None:
    async with local_server(**TOKENS) as home:
        short = for_user("ann", time.time() + 25)
        async with open_chat(home.url, "ann", token=short) as chat:
            warning = await until(chat, of(TokenEnds))
            assert isinstance(warning, TokenEnds)
            assert 0 < warning.seconds <= 30
            with pytest.raises(CommandError) as failure:
                await chat.refresh_token(for_user("bob", time.time() + 3600))
            assert failure.value.code is ErrorCode.FORBIDDEN
            await chat.refresh_token(for_user("ann", time.time() + 3600))
