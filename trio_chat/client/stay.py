"""A stay in a chat: runs one connection after the other, and wakes whoever waits for something."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from trio_chat.client.address import Address
from trio_chat.client.dialogue import Dialogue
from trio_chat.client.events import Disconnected, Event, TokenEnds
from trio_chat.client.link import CLOSING_SECONDS, Link
from trio_chat.client.requests import Answer
from trio_chat.client.retry import Retry
from trio_chat.protocol.commands import Command, RefreshToken

Token = str | Callable[[], Awaitable[str]]
"""A token, or an async function that gives a fresh one."""


class Stay:
    """A stay in a chat.

    Args:
        dialogue: What is said; the task that runs it and its callers take turns at it.
        address: Where the server is.
        token: For the server; None if it asks for none.
        nursery: For tasks of its own.
    """

    def __init__(
        self, dialogue: Dialogue, address: Address, token: Token | None, nursery: trio.Nursery
    ) -> None:
        self._dialogue = dialogue
        self._address = address
        self._token = token
        self._nursery = nursery
        self._work = trio.lowlevel.ParkingLot()
        self._consumers = trio.lowlevel.ParkingLot()
        self._entered = trio.Event()
        self._leaving = trio.Event()
        self._left = trio.Event()
        self._is_closed = False

    async def run(self) -> None:
        """Connect, and again after each ending, until the chat is left.

        Raises:
            ChatRefusedError: There is no use in coming back.
        """
        retry = Retry(has_fresh_tokens=callable(self._token))
        random = secrets.SystemRandom()
        while not self._leaving.is_set():
            link = Link(self._dialogue, self._work, self._heard)
            ending = await link.run(self._address, await self._fresh_token())
            if self._leaving.is_set():
                break
            seconds = retry.wait_seconds(ending, random.random())
            code = ending.code if ending.status is None else ending.status
            self._dialogue.disconnected(Disconnected(ending.why, code, seconds))
            self._consumers.unpark_all()
            with trio.move_on_after(seconds):
                await self._leaving.wait()
        self._left.set()

    async def enter(self) -> None:
        """Wait until all rooms are joined for the first time."""
        await self._entered.wait()

    async def leave(self) -> None:
        """Say what is left to say, and good-bye; it takes 5 seconds at most."""
        self._dialogue.is_leaving = True
        self._leaving.set()
        self.wake()
        if self._dialogue.is_ready:
            with trio.move_on_after(CLOSING_SECONDS):
                await self._left.wait()

    def close(self) -> None:
        """Wake whoever waits, wherever they are."""
        self._is_closed = True
        self._dialogue.close()
        self._consumers.unpark_all()

    def wake(self) -> None:
        """Something may have to be said."""
        self._work.unpark_all()

    async def receive(self) -> Event:
        """Wait for the next event. A cancelled call has taken none.

        Raises:
            trio.ClosedResourceError: The chat has been left.
        """
        await trio.lowlevel.checkpoint()
        while not self._dialogue.has_events() and not self._is_closed:
            await self._consumers.park()
        self._check_open()
        event = self._dialogue.take()
        if self._dialogue.has_lag():
            self.wake()
        return event

    async def ask(self, command: Command, ref: str) -> Answer:
        """Have a command done. Cancelled, it is not sent again.

        Args:
            command: Has the ref in it.
            ref: Its name.

        Raises:
            CommandError: The server has refused it.
            ValueError: A command with this ref is under way.
            trio.ClosedResourceError: The chat has been left.
        """
        self._check_open()
        done = trio.Event()
        request = self._dialogue.ask(command, ref, lambda _: done.set())
        self.wake()
        try:
            await done.wait()
        finally:
            self._dialogue.forget(request)
        if request.error is not None:
            raise request.error
        if request.answer is None:
            self._check_open()
        assert request.answer is not None  # noqa: S101 - else it has been closed
        return request.answer

    async def use_token(self, token: str) -> None:
        """Give the server another token, and use it from then on unless there are fresher ones.

        Raises:
            CommandError: The server has refused it.
            trio.ClosedResourceError: The chat has been left.
        """
        ref = self._dialogue.new_ref()
        await self.ask(RefreshToken(token, ref), ref)
        if not callable(self._token):
            self._token = token

    def _check_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("the chat has been left")

    def _heard(self) -> None:
        if self._dialogue.is_ready:
            self._entered.set()
        seconds = self._dialogue.take_token_warning()
        if seconds is not None and callable(self._token):
            self._nursery.start_soon(self._renew_token)
        elif seconds is not None:
            self._dialogue.say(TokenEnds(seconds))
        if self._dialogue.has_events():
            self._consumers.unpark_all()
        self.wake()

    async def _fresh_token(self) -> str | None:
        return await self._token() if callable(self._token) else self._token

    async def _renew_token(self) -> None:
        token = await self._fresh_token()
        assert token is not None  # noqa: S101 - a function has given it
        await self.use_token(token)


@asynccontextmanager
async def plain_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery that ends with its block, and does not wrap what is raised.

    What the block raises does not pass through it at all; of its tasks, the one exception there is
    comes out as it is.
    """
    manager = trio.open_nursery()
    nursery = await manager.__aenter__()
    try:
        yield nursery
    finally:
        nursery.cancel_scope.cancel()
        try:
            await manager.__aexit__(None, None, None)
        except BaseExceptionGroup as group:
            if len(group.exceptions) > 1:
                raise
            raise group.exceptions[0] from group.exceptions[0].__cause__
