"""When a connection pings, sends a heartbeat, warns of the end of a token, and ends.

This file knows no socket and no event loop: `trio_chat.websocket.connection` asks it what is due.
"""

import math
from typing import Final

from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.messages import TokenEnds
from trio_chat.settings import Settings
from trio_chat.websocket.conversation import Conversation
from trio_chat.websocket.frames import PING_FRAME
from trio_chat.websocket.timers import QUARTER_SECONDS

TOKEN_WARNING_SECONDS: Final = 30.0
"""How long before the end of its token a client is told (docs/reference/wire.md)."""


class Health:
    """The deadlines of one connection. All times are in seconds, on the clock of the event loop.

    Args:
        settings: Intervals and time limits.
        now: When the connection began.
        seconds_to_live: When the token of the client ends; infinity without a token.
    """

    def __init__(self, settings: Settings, now: float, seconds_to_live: float) -> None:
        self.last_heard = now
        """When the last byte of the client came."""
        self._settings = settings
        self._next_ping = now + settings.ping_interval_seconds
        self._next_heartbeat = now + settings.heartbeat_interval_seconds
        self._hello_due = now + settings.hello_timeout_seconds
        self.live_for(now, seconds_to_live)

    def live_for(self, now: float, seconds: float) -> None:
        """Set when the token ends, and warn of that end once."""
        self._token_ends = now + seconds
        self._token_warning_due = self._token_ends - TOKEN_WARNING_SECONDS

    def ends_with(self, now: float, *, has_begun: bool) -> CloseCode | None:
        """Return the close code if the connection has missed a deadline.

        Args:
            now: The time.
            has_begun: Whether the first frame of the client has come.
        """
        if now >= self._pong_due:
            return CloseCode.NO_PONG
        if now >= self._token_ends:
            return CloseCode.TOKEN_ENDED
        if now >= self._hello_due and not has_begun:
            return CloseCode.NO_FIRST_FRAME
        return None

    def frames(self, now: float, conversation: Conversation) -> list[bytes]:
        """Return the frames that are due, and set when the next ones are."""
        frames: list[bytes | None] = []
        if now >= self._next_ping:
            frames.append(PING_FRAME)
            self._next_ping = now + self._settings.ping_interval_seconds
        if now >= self._next_heartbeat:
            frames.append(conversation.heartbeat())
            self._next_heartbeat = now + self._settings.heartbeat_interval_seconds
        if now >= self._token_warning_due and conversation.has_begun:
            left_ms = max(0, round((self._token_ends - now) * 1000))
            frames.append(conversation.announce(TokenEnds(left_ms)))
            self._token_warning_due = math.inf
        return [frame for frame in frames if frame is not None]

    def due(self, now: float, *, has_begun: bool) -> float:
        """Return when the next deadline is."""
        due = min(self._pong_due, self._next_ping, self._next_heartbeat, self._token_ends)
        if has_begun:
            return min(due, self._token_warning_due)
        # The first frame decides whether to warn, and it may come at any time.
        return min(due, self._hello_due, max(self._token_warning_due, now + QUARTER_SECONDS))

    @property
    def _pong_due(self) -> float:
        return self.last_heard + self._settings.pong_timeout_seconds
