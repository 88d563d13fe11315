"""A client session: runs one connection after another, and wakes the calls that wait."""

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import trio

from trio_chat.client.address import Address
from trio_chat.client.client_protocol import ClientProtocol
from trio_chat.client.connection import CLOSING_SECONDS, Connection
from trio_chat.client.errors import NotEnteredError
from trio_chat.client.events import Disconnected, Event, TokenEnds
from trio_chat.client.requests import Answer
from trio_chat.client.retry import Ending, Retry
from trio_chat.client.tokens import NoTokenError, TokenSource, TokenText, clean
from trio_chat.errors import CommandError
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.commands import Command, RefreshToken

RENEW_RETRY_SECONDS: Final = 2.0
"""Pause after a failed renewal of the token: some attempts fit into its last 30 s."""

_logger: Final = logging.getLogger("trio_chat.client")


class ChatSession:
    """A client session.

    Args:
        client_protocol: The protocol, which the connection and the calls share.
        address: The server.
        tokens: The source of tokens.
        nursery: Runs tasks of the session.
    """

    def __init__(
        self,
        client_protocol: ClientProtocol,
        address: Address,
        tokens: TokenSource,
        nursery: trio.Nursery,
    ) -> None:
        self._protocol = client_protocol
        self._address = address
        self._tokens = tokens
        self._nursery = nursery
        self._ending: Ending | None = None
        """The end of the last connection."""
        self._work = trio.lowlevel.ParkingLot()
        self._consumers = trio.lowlevel.ParkingLot()
        self._entered = trio.Event()
        self._leaving = trio.Event()
        self._left = trio.Event()
        self._is_in = self._is_closed = False

    async def run(self) -> None:
        """Connect, and reconnect after each end, until `leave`.

        Raises:
            ChatRefusedError: Another attempt would fail too.
            Exception: From the source of tokens, without an earlier token that the server accepts.
        """
        retry = Retry(has_fresh_tokens=self._tokens.is_renewable)
        random = secrets.SystemRandom()
        while not self._leaving.is_set():
            link = Connection(self._protocol, self._work, self._on_message)
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
            self._protocol.disconnected(Disconnected(ending.why, ending.number, seconds))
            self._consumers.unpark_all()
            with trio.move_on_after(seconds):
                await self._leaving.wait()
        self._left.set()

    async def enter(self, within: float) -> None:
        """Wait until the client has joined all rooms for the first time.

        Args:
            within: Maximum time in seconds.

        Raises:
            NotEnteredError: It took longer.
        """
        with trio.move_on_after(within):
            await self._entered.wait()
        if not self._entered.is_set():
            ending = self._ending or Ending("The server has not answered yet")
            raise NotEnteredError(within, ending.why, ending.number)

    async def leave(self) -> None:
        """Send everything that waits, and close, within 5 seconds."""
        self._protocol.is_leaving = True
        self._leaving.set()
        self.wake()
        if self._protocol.is_ready:
            with trio.move_on_after(CLOSING_SECONDS):
                await self._left.wait()

    def close(self) -> None:
        """Wake all calls that wait."""
        self._is_closed = True
        self._protocol.close()
        self._consumers.unpark_all()

    def wake(self) -> None:
        """Wake the writer."""
        self._work.unpark_all()

    async def receive(self) -> Event:
        """Wait for the next event. A cancelled call takes none.

        Raises:
            trio.ClosedResourceError: The session is closed.
        """
        await trio.lowlevel.checkpoint()
        while not self._protocol.has_events() and not self._is_closed:
            await self._consumers.park()
        self._check_open()
        event = self._protocol.take()
        if self._protocol.is_behind():
            self.wake()
        return event

    async def ask(self, command: Command, ref: str) -> Answer:
        """Send a command and return its answer. After a cancellation, no repeat follows.

        Args:
            command: The command, with its ref.
            ref: The ref.

        Raises:
            CommandError: The server refused the command.
            ValueError: A command with this ref is in progress.
            trio.ClosedResourceError: The session is closed.
        """
        self._check_open()
        done = trio.Event()
        request = self._protocol.ask(command, ref, lambda _: done.set())
        self.wake()
        try:
            await done.wait()
        finally:
            self._protocol.forget(request)
        if request.error is not None:
            raise request.error
        if request.answer is None:
            self._check_open()
        assert request.answer is not None  # noqa: S101 - otherwise it is closed
        return request.answer

    async def use_token(self, token: TokenText) -> None:
        """Send the server another token, and use it until the source has a fresher one.

        Raises:
            CommandError: The server refused the token.
            trio.ClosedResourceError: The session is closed.
            ValueError: The token is malformed.
        """
        token, ref = clean(token), self._protocol.new_ref()
        await self.ask(RefreshToken(token, ref), ref)
        self._tokens.replace(token)

    def _check_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("the chat has been left")

    def _on_message(self) -> None:
        if self._protocol.is_ready and not self._is_in:
            self._is_in = True
            _logger.info("connected to %s as %s", self._address.authority, self._protocol.username)
            self._entered.set()
        seconds = self._protocol.take_token_warning()
        if seconds is not None and self._tokens.is_renewable:
            self._nursery.start_soon(self._renew_token, seconds)
        elif seconds is not None:
            self._protocol.report(TokenEnds(seconds))
        if self._protocol.has_events():
            self._consumers.unpark_all()
        self.wake()

    async def _renew_token(self, seconds: float) -> None:
        """Send the server a fresh token; retry until the old one expires."""
        with trio.move_on_after(seconds):
            while True:
                try:
                    await self.use_token(await self._tokens.renew())
                except (NoTokenError, CommandError) as error:
                    _logger.warning("token refresh failed: %s", error)
                else:
                    return
                await trio.sleep(RENEW_RETRY_SECONDS)


@asynccontextmanager
async def plain_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery that ends with its block and raises exceptions unwrapped.

    Exceptions of the block bypass the nursery. A single exception of a task leaves it without its
    group.
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
