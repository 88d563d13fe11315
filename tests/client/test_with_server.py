"""The client with the real server, in one Trio loop."""

import time
from pathlib import Path

import pytest

from tests.client.fake import until
from tests.support.certificates import certificate_files, client_context
from tests.support.local_server import local_server
from tests.support.tokens import SECRET, for_user
from trio_chat.client import (
    ChatRefusedError,
    CommandError,
    Deleted,
    Edited,
    ErrorCode,
    Message,
    PresenceChanged,
    Read,
    TokenEnds,
    Typing,
    open_chat,
)

# The server checks a new connection when its hello is due, and then sends the warning.
TOKENS = {"auth": "token", "token_secret": SECRET, "hello_timeout_seconds": 0.5}


async def test_two_clients_chat_edit_read_and_type() -> None:
    async with (
        local_server() as home,
        open_chat(home.url, "ann") as ann,
        open_chat(home.url, "bob") as bob,
    ):
        change = await until(ann, PresenceChanged)
        assert (change.online, change.count) == (("bob",), 2)
        bob.set_typing(True)
        assert await until(ann, Typing) == Typing("general", "bob", is_typing=True)
        logged = await bob.send("hello")
        message = await until(ann, Message)
        assert (message.id, message.seq, message.text) == (logged.id, logged.seq, "hello")
        ann.mark_read(message.seq)
        assert await until(bob, Read) == Read("general", "ann", message.seq)
        await bob.edit(logged.id, "hello, ann")
        edited = await until(ann, Edited)
        assert (edited.target, edited.text) == (logged.id, "hello, ann")
        with pytest.raises(CommandError) as failure:
            await ann.delete(logged.id)
        assert failure.value.code is ErrorCode.FORBIDDEN
        await bob.delete(logged.id)
        deleted = await until(ann, Deleted)
        assert deleted.target == logged.id


async def test_tls_needs_a_trusted_certificate(tmp_path: Path) -> None:
    files = certificate_files(tmp_path)
    async with local_server(tls_cert=str(files.cert), tls_key=str(files.key)) as home:
        async with open_chat(home.url, "ann", ssl_context=client_context()) as chat:
            assert (await chat.send("hello")).room == "general"
        with pytest.raises(ChatRefusedError, match="certificate"):
            async with open_chat(home.url, "ann"):
                raise AssertionError("it trusted an unknown certificate")


async def test_without_a_source_of_tokens_the_user_is_warned() -> None:
    async with local_server(**TOKENS) as home:
        short = for_user("ann", time.time() + 25)
        async with open_chat(home.url, "ann", token=short) as chat:
            warning = await until(chat, TokenEnds)
            assert 0 < warning.seconds <= 30
            with pytest.raises(CommandError) as failure:
                await chat.refresh_token(for_user("bob", time.time() + 3600))
            assert failure.value.code is ErrorCode.FORBIDDEN
            await chat.refresh_token(for_user("ann", time.time() + 3600))
