"""The source of the client's token: a text, a file, or a function of the program."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from os import PathLike
from typing import Final

import trio

TokenText = str | bytes

Token = TokenText | PathLike[str] | Callable[[], TokenText | Awaitable[TokenText]]
"""A token; the path of a file with one; or a function, async or not, that returns one."""

_logger: Final = logging.getLogger("trio_chat.client")


class NoTokenError(Exception):
    """The file or the function returned no token; see the cause."""


class TokenSource:
    """Gives the token for each connection.

    Args:
        token: The token, or its source; None for a server without tokens.

    Attributes:
        is_renewable: The source can return another token later.

    Raises:
        TypeError: The token has another type.
        ValueError: The text is malformed.
    """

    def __init__(self, token: Token | None) -> None:
        self._take: Callable[[], TokenText | Awaitable[TokenText]] | None = None
        self._last: str | None = None
        if isinstance(token, str | bytes):
            self._last = clean(token)
        elif isinstance(token, PathLike):
            self._take = trio.Path(token).read_text
        elif callable(token):
            self._take = token
        elif token is not None:
            raise TypeError(f"a token is a str, bytes, a path or a function, not {token!r}")
        self.is_renewable: bool = self._take is not None

    async def renew(self) -> str:
        """Return a fresh token from the file or the function.

        Raises:
            NoTokenError: The source failed, or returned no token.
        """
        assert self._take is not None  # noqa: S101 - the caller checks `is_renewable`
        try:
            taken = self._take()
            self._last = clean(await taken if inspect.isawaitable(taken) else taken)
        except Exception as error:
            # The program's function may raise anything.
            raise NoTokenError(repr(error)) from error
        return self._last

    async def for_connection(self) -> str | None:
        """Return the token for the next connection.

        After a failure of the source, this is the previous token while the server accepts it.

        Raises:
            Exception: From the file or the function, without such a token.
        """
        if not self.is_renewable:
            return self._last
        try:
            return await self.renew()
        except NoTokenError as failure:
            if self._last is None and failure.__cause__ is not None:
                raise failure.__cause__ from None
            _logger.warning("token refresh failed: %s; the last token is used again", failure)
            return self._last

    def replace(self, token: str) -> None:
        """Use this token until the source has a fresher one."""
        self._last = token

    def expire(self) -> None:
        """Drop the last token, which the server no longer accepts: the source must give another."""
        if self.is_renewable:
            self._last = None


def clean(token: object) -> str:
    """Return a token as text, without the blanks around it, such as the line end of a file.

    Raises:
        TypeError: The token is neither str nor bytes.
        ValueError: No HTTP header can carry the token. The message does not quote it.
    """
    if isinstance(token, bytes):
        token = token.decode("latin-1")
    if not isinstance(token, str):
        raise TypeError(f"a token is a str or bytes, not {type(token).__name__}")
    token = token.strip()
    if not token:
        raise ValueError("the token is empty")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("the token has a blank, a line end or a character beyond ASCII in it")
    return token
