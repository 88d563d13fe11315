"""Pending commands: sent in order, and again after a reconnect, until the answer arrives. Pure."""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field

from trio_chat.client.events import HistoryPage, Joined
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.messages import Ack, ErrorAnswer, Limits
from trio_chat.ratelimit import TokenBucket

Answer = Ack | Joined | HistoryPage

_TEMPORARY: Final = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED})
"""Errors after which the client sends the same command again."""

FIRST_RETRY_SECONDS: Final = 0.5
"""First pause after such an error without a wait from the server; each further one doubles it."""

MAX_RETRY_SECONDS: Final = 10.0
"""Maximum of these pauses."""


_MARGIN_SECONDS: Final = 0.001


@define(eq=False)
class Request:
    """A pending command.

    Attributes:
        number: Commands with lower numbers go first.
        ref: Identifies the answer, and a repeat on the server.
        text: The encoded command.
        is_own: A command of the client itself, which ends with the connection.
        on_done: Called once, with the outcome or when none can arrive.
        is_sent: Sent on this connection, and not postponed by the server.
        answer: The answer.
        error: The error, in place of an answer.
    """

    number: int
    ref: str
    text: str = field(repr=False)
    is_own: bool
    on_done: "Callable[[Request], None]"
    is_sent: bool = False
    answer: Answer | None = None
    error: CommandError | None = None


class Requests:
    """All pending commands of a client."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Request]] = []
        self._by_ref: dict[str, Request] = {}
        self._cancelled: dict[str, Request | None] = {}
        """Cancelled commands by ref, whose answer is still due on this connection. The value is the
        next command with this ref, which waits for that answer."""
        self._number = 0
        self._not_before = 0.0
        self._retries = 0
        self._limits: Limits | None = None
        self._bucket = TokenBucket(0, 0, 0)

    def __len__(self) -> int:
        return len(self._by_ref)

    def apply_limits(self, limits: Limits, now: float) -> None:
        """Apply the server's limits; the used part of them stays used."""
        if self._limits != limits:
            self._limits = limits
            self._bucket = TokenBucket(limits.rate_per_second, limits.burst, now)

    def add(
        self, ref: str, text: str, on_done: Callable[[Request], None], *, is_own: bool = False
    ) -> Request:
        """Add a command.

        Raises:
            ValueError: A command with this ref is pending.
        """
        if ref in self._by_ref:
            raise ValueError(f"a command with the ref {ref!r} is pending")
        self._number += 1
        request = Request(self._number, ref, text, is_own, on_done)
        self._by_ref[ref] = request
        self._wait(request)
        return request

    def forget(self, request: Request) -> None:
        """Drop a cancelled command; if it was not sent, it never is."""
        if self._by_ref.get(request.ref) is not request:
            return
        del self._by_ref[request.ref]
        if request.is_sent:
            self._cancelled[request.ref] = None

    def sendable(self, now: float) -> Iterator[str]:
        """Yield the messages that may go out now. Each counts as sent."""
        while self._waiting:
            _, request = self._waiting[0]
            if self._by_ref.get(request.ref) is not request:
                heapq.heappop(self._waiting)
            elif request.ref in self._cancelled:
                heapq.heappop(self._waiting)
                # It would receive the answer to the cancelled command.
                self._cancelled[request.ref] = request
            elif self._limits and len(request.text.encode()) > self._limits.frame_bytes:
                heapq.heappop(self._waiting)
                # The server would close the connection at each repeat.
                self._finish(request, CommandError(ErrorCode.TOO_LARGE, "The text is too long"))
            elif now < self._not_before:
                return
            elif (wait := self._bucket.take(now)) > 0:
                # A margin, since rounding could make it arrive too early again and again.
                self._not_before = now + wait + _MARGIN_SECONDS
                return
            else:
                heapq.heappop(self._waiting)
                request.is_sent = True
                yield request.text

    def due(self) -> float:
        """Return the time of the next message to send, or infinity."""
        return self._not_before if self._waiting else float("inf")

    def answer(self, ref: str | None, answer: Answer) -> None:
        """Process an answer; ignore one without a pending command."""
        if self.release(ref):
            return
        request = None if ref is None else self._by_ref.get(ref)
        if request is not None:
            self._retries = 0
            self._finish(request, answer)

    def fail(self, error: ErrorAnswer, now: float) -> bool:
        """Process an error.

        Returns:
            Whether it answers a pending command.
        """
        is_late = self.release(error.ref)
        request = None if error.ref is None or is_late else self._by_ref.get(error.ref)
        if request is None and not is_late:
            return False
        if error.code in _TEMPORARY:
            self._not_before = now + self._wait_seconds(error)
            if request is not None and request.is_sent:
                self._wait(request)
        elif request is not None:
            self._finish(request, command_error(error))
        return True

    def reconnect(self) -> None:
        """Send all commands again in order, except those of the old connection."""
        for request in [each for each in self._by_ref.values() if each.is_own]:
            self.forget(request)
        self._waiting.clear()
        self._cancelled.clear()
        for request in self._by_ref.values():
            self._wait(request)

    def close(self) -> None:
        """Wake all waiting calls without an answer."""
        for request in list(self._by_ref.values()):
            self.forget(request)
            request.on_done(request)

    def release(self, ref: str | None) -> bool:
        """Return whether this answers a cancelled command; then release the next with its ref."""
        if ref is None or ref not in self._cancelled:
            return False
        following = self._cancelled.pop(ref)
        if following is not None:
            self._wait(following)
        return True

    def _wait(self, request: Request) -> None:
        request.is_sent = False
        heapq.heappush(self._waiting, (request.number, request))

    def _wait_seconds(self, error: ErrorAnswer) -> float:
        if error.retry_after_ms is not None:
            return error.retry_after_ms / 1000
        seconds = min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(self._retries, 10))
        self._retries += 1
        return seconds

    def _finish(self, request: Request, outcome: Answer | CommandError) -> None:
        del self._by_ref[request.ref]
        if isinstance(outcome, CommandError):
            request.error = outcome
        else:
            request.answer = outcome
        request.on_done(request)


def command_error(error: ErrorAnswer) -> CommandError:
    """Return the exception for an ``error``; an unknown code is ``internal``."""
    known = error.code in set(ErrorCode)
    code = ErrorCode(error.code) if known else ErrorCode.INTERNAL
    made = CommandError(code, error.message, retry_after_ms=error.retry_after_ms)
    made.ref, made.room = error.ref, error.room
    return made
