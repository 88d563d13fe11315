"""A stay in a chat: runs one connection after the other, and wakes whoever waits for something."""

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import trio

from trio_chat.client.address import Address
from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.errors import NotEnteredError
from trio_chat.client.events import Disconnected, Event, TokenEnds
from trio_chat.client.link import CLOSING_SECONDS, Link
from trio_chat.client.requests import Answer
from trio_chat.client.retry import Ending, Retry
from trio_chat.client.tokens import NoTokenError, TokenSource, TokenText, clean
from trio_chat.errors import CommandError
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import Command, RefreshToken

RENEW_AGAIN_SECONDS: Final = 2.0
"""How long to wait after a token could not be renewed: in the 30 s that are left, some tries."""

_logger: Final = logging.getLogger("trio_chat.client")


class Stay:
    """A stay in a chat.

    Args:
        dialogue: What is said; the task that runs it and its callers take turns at it.
        address: Where the server is.
        tokens: Where tokens for the server come from.
        nursery: For tasks of its own.
    """

    def __init__(
        self,
        client_protocol: ClientProtocol,
        address: Address,
        tokens: TokenSource,
        nursery: trio.Nursery,
    ) -> None:
        self._dialogue = client_protocol
        self._address = address
        self._tokens = tokens
        self._nursery = nursery
        self._ending: Ending | None = None
        """Of the last connection."""
        self._work = trio.lowlevel.ParkingLot()
        self._consumers = trio.lowlevel.ParkingLot()
        self._entered = trio.Event()
        self._leaving = trio.Event()
        self._left = trio.Event()
        self._is_in = self._is_closed = False

    async def run(self) -> None:
        """Connect, and again after each ending, until the chat is left.

        Raises:
            ChatRefusedError: There is no use in coming back.
            Exception: What the source of tokens raises, where the server takes no earlier token.
        """
        retry = Retry(has_fresh_tokens=self._tokens.is_renewable)
        random = secrets.SystemRandom()
        while not self._leaving.is_set():
            link = Link(self._dialogue, self._work, self._heard)
            ending = await link.run(self._address, await self._tokens.for_connection())
            if self._leaving.is_set():
                break
            self._ending, self._is_in = ending, False
            if ending.status == HTTPStatus.UNAUTHORIZED or ending.code == CloseCode.TOKEN_ENDED:
                self._tokens.expire()
            seconds = retry.wait_seconds(ending, random.random())
            _logger.warning(
                "not connected to %s: %s; next try in %.1f s",
                self._address.authority,
                ending,
                seconds,
            )
            self._dialogue.disconnected(Disconnected(ending.why, ending.number, seconds))
            self._consumers.unpark_all()
            with trio.move_on_after(seconds):
                await self._leaving.wait()
        self._left.set()

    async def enter(self, within: float) -> None:
        """Wait until all rooms are joined for the first time.

        Args:
            within: The most seconds that this may take.

        Raises:
            NotEnteredError: It has taken longer.
        """
        with trio.move_on_after(within):
            await self._entered.wait()
        if not self._entered.is_set():
            ending = self._ending or Ending("The server has not answered yet")
            raise NotEnteredError(within, ending.why, ending.number)

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

    async def use_token(self, token: TokenText) -> None:
        """Give the server another token, and use it from then on unless there are fresher ones.

        Raises:
            CommandError: The server has refused it.
            trio.ClosedResourceError: The chat has been left.
            ValueError: It cannot be a token.
        """
        token, ref = clean(token), self._dialogue.new_ref()
        await self.ask(RefreshToken(token, ref), ref)
        self._tokens.replace(token)

    def _check_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("the chat has been left")

    def _heard(self) -> None:
        if self._dialogue.is_ready and not self._is_in:
            self._is_in = True
            _logger.info("connected to %s as %s", self._address.authority, self._dialogue.username)
            self._entered.set()
        seconds = self._dialogue.take_token_warning()
        if seconds is not None and self._tokens.is_renewable:
            self._nursery.start_soon(self._renew_token, seconds)
        elif seconds is not None:
            self._dialogue.say(TokenEnds(seconds))
        if self._dialogue.has_events():
            self._consumers.unpark_all()
        self.wake()

    async def _renew_token(self, seconds: float) -> None:
        """Hand the server a fresh token before the old one ends; try until then."""
        with trio.move_on_after(seconds):
            while True:
                try:
                    await self.use_token(await self._tokens.renew())
                except (NoTokenError, CommandError) as error:
                    _logger.warning("token refresh failed: %s", error)
                else:
                    return
                await trio.sleep(RENEW_AGAIN_SECONDS)


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
