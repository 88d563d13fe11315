"""Commands under way: sent in order, and again after a reconnect, until the answer comes. Pure."""

import heapq
from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field

from trio_chat.client.events import HistoryPage, Joined
from trio_chat.errors import CommandError, ErrorCode
from trio_chat.protocol.messages import Ack, ErrorAnswer, Limits
from trio_chat.ratelimit import TokenBucket

Answer = Ack | Joined | HistoryPage

_PASSING: Final = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED})
"""After these the same command is sent again."""

FIRST_AGAIN_SECONDS: Final = 0.5
"""How long to wait after the first of them in a row where the server does not say; then doubled."""

LONGEST_AGAIN_SECONDS: Final = 10.0
"""No such wait is longer."""


_MARGIN_SECONDS: Final = 0.001


@define(eq=False)
class Request:
    """A command under way.

    Attributes:
        number: Those with lower numbers are sent first.
        ref: By which its answer is known, and a repeat on the server.
        text: The frame.
        is_own: The client itself has asked, about this connection: it ends with it.
        on_done: Called once, when there is an outcome, or never will be.
        is_sent: Whether it has gone out on this connection, and not been put off.
        answer: What came.
        error: What came instead.
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
    """All of them."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Request]] = []
        self._by_ref: dict[str, Request] = {}
        self._given_up: dict[str, Request | None] = {}
        """By ref, cancelled commands whose answer has not arrived on this connection yet. The value
        is the next command with this ref, which waits for that answer."""
        self._number = 0
        self._not_before = 0.0
        self._again = 0
        self._limits: Limits | None = None
        self._bucket = TokenBucket(0, 0, 0)

    def __len__(self) -> int:
        return len(self._by_ref)

    def heed(self, limits: Limits, now: float) -> None:
        """Keep to what the server lets this user do; what has been used of it stays used."""
        if self._limits != limits:
            self._limits = limits
            self._bucket = TokenBucket(limits.rate_per_second, limits.burst, now)

    def add(
        self, ref: str, text: str, on_done: Callable[[Request], None], *, is_own: bool = False
    ) -> Request:
        """Put one in line.

        Raises:
            ValueError: There is one with this ref.
        """
        if ref in self._by_ref:
            raise ValueError(f"there is a command under way with the ref {ref!r}")
        self._number += 1
        request = Request(self._number, ref, text, is_own, on_done)
        self._by_ref[ref] = request
        self._wait(request)
        return request

    def forget(self, request: Request) -> None:
        """Nobody waits for it any more; if it has not been sent, it never is."""
        if self._by_ref.get(request.ref) is not request:
            return
        del self._by_ref[request.ref]
        if request.is_sent:
            self._given_up[request.ref] = None

    def sendable(self, now: float) -> Iterator[str]:
        """The frames that may go out now. Each counts as sent when it is given."""
        while self._waiting:
            _, request = self._waiting[0]
            if self._by_ref.get(request.ref) is not request:
                heapq.heappop(self._waiting)
            elif request.ref in self._given_up:
                heapq.heappop(self._waiting)
                # The answer to the one before would be taken for its own.
                self._given_up[request.ref] = request
            elif self._limits and len(request.text.encode()) > self._limits.frame_bytes:
                heapq.heappop(self._waiting)
                # It would end the connection, and again at each repeat.
                self._settle(request, CommandError(ErrorCode.TOO_LARGE, "The text is too long"))
            elif now < self._not_before:
                return
            elif (wait := self._bucket.take(now)) > 0:
                # A little more, or rounding could make it come too early, again and again.
                self._not_before = now + wait + _MARGIN_SECONDS
                return
            else:
                heapq.heappop(self._waiting)
                request.is_sent = True
                yield request.text

    def due(self) -> float:
        """When there is something to send again: the time in seconds, or infinity."""
        return self._not_before if self._waiting else float("inf")

    def answer(self, ref: str | None, answer: Answer) -> None:
        """Take an answer. One that nobody waits for is let go."""
        if self.let_go(ref):
            return
        request = None if ref is None else self._by_ref.get(ref)
        if request is not None:
            self._again = 0
            self._settle(request, answer)

    def fail(self, error: ErrorAnswer, now: float) -> bool:
        """Take an error.

        Returns:
            Whether it was an answer to one of them.
        """
        is_late = self.let_go(error.ref)
        request = None if error.ref is None or is_late else self._by_ref.get(error.ref)
        if request is None and not is_late:
            return False
        if error.code in _PASSING:
            self._not_before = now + self._wait_seconds(error)
            if request is not None and request.is_sent:
                self._wait(request)
        elif request is not None:
            self._settle(request, command_error(error))
        return True

    def reconnect(self) -> None:
        """Send all again, in their order, but what was about the connection that is over."""
        for request in [each for each in self._by_ref.values() if each.is_own]:
            self.forget(request)
        self._waiting.clear()
        self._given_up.clear()
        for request in self._by_ref.values():
            self._wait(request)

    def close(self) -> None:
        """Wake all who wait; there will be no answer."""
        for request in list(self._by_ref.values()):
            self.forget(request)
            request.on_done(request)

    def let_go(self, ref: str | None) -> bool:
        """Whether this answers a command that was given up; the next one with its ref may go."""
        if ref is None or ref not in self._given_up:
            return False
        following = self._given_up.pop(ref)
        if following is not None:
            self._wait(following)
        return True

    def _wait(self, request: Request) -> None:
        request.is_sent = False
        heapq.heappush(self._waiting, (request.number, request))

    def _wait_seconds(self, error: ErrorAnswer) -> float:
        if error.retry_after_ms is not None:
            return error.retry_after_ms / 1000
        seconds = min(LONGEST_AGAIN_SECONDS, FIRST_AGAIN_SECONDS * 2.0 ** min(self._again, 10))
        self._again += 1
        return seconds

    def _settle(self, request: Request, outcome: Answer | CommandError) -> None:
        del self._by_ref[request.ref]
        if isinstance(outcome, CommandError):
            request.error = outcome
        else:
            request.answer = outcome
        request.on_done(request)


def command_error(error: ErrorAnswer) -> CommandError:
    """The exception that an ``error`` is to who waits; a code that is not known is ``internal``."""
    known = error.code in set(ErrorCode)
    code = ErrorCode(error.code) if known else ErrorCode.INTERNAL
    made = CommandError(code, error.message, retry_after_ms=error.retry_after_ms)
    made.ref, made.room = error.ref, error.room
    return made
