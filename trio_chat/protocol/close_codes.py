"""The close codes that the server sends, as a table (docs/reference/wire.md, "Close codes")."""

from enum import IntEnum
from typing import Final


class CloseCode(IntEnum):
    """A WebSocket close code: below 4000 from RFC 6455 and IANA, the others are our own."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_PAYLOAD = 1007
    TOO_BIG = 1009
    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    TOO_SLOW = 4002
    NO_PONG = 4003
    TOO_MUCH = 4005
    TOKEN_ENDED = 4010
    UNAUTHORIZED = 4500
    BAD_FIRST_FRAME = 4501
    NO_FIRST_FRAME = 4504
    TOO_MANY_CONNECTIONS = 4505


MEANING: Final[dict[CloseCode, str]] = {
    CloseCode.NORMAL: "done",
    CloseCode.GOING_AWAY: "the server is going away",
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.UNSUPPORTED_DATA: "binary messages are not supported here",
    CloseCode.INVALID_PAYLOAD: "invalid UTF-8",
    CloseCode.TOO_BIG: "message too big",
    CloseCode.RESTART: "the server is restarting",
    CloseCode.TRY_AGAIN_LATER: "try again later",
    CloseCode.TOO_SLOW: "too slow: the send queue is full",
    CloseCode.NO_PONG: "the client has stopped responding",
    CloseCode.TOO_MUCH: "too many messages, too fast",
    CloseCode.TOKEN_ENDED: "the token has expired",
    CloseCode.UNAUTHORIZED: "unauthorized",
    CloseCode.BAD_FIRST_FRAME: "invalid first message",
    CloseCode.NO_FIRST_FRAME: "no first message in time",
    CloseCode.TOO_MANY_CONNECTIONS: "too many connections of this user",
}
"""The default reason for each code."""

DO_NOT_COME_BACK: Final = frozenset(
    {CloseCode.UNAUTHORIZED, CloseCode.BAD_FIRST_FRAME, CloseCode.NO_FIRST_FRAME}
)
"""After these codes, the server would only refuse the client again."""
