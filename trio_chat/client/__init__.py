"""A client for Trio programs: ``async with open_chat(url, username) as chat: …``.

It reconnects, resumes, repeats unacknowledged commands, and yields each event once, in order. Only
the names in this module are public.
"""

from trio_chat.client.chat import Chat, open_chat
from trio_chat.client.errors import ChatRefusedError, NotEnteredError
from trio_chat.client.events import (
    Connected,
    Deleted,
    Disconnected,
    Edited,
    Event,
    Gap,
    HistoryPage,
    Joined,
    Logged,
    LoggedEvent,
    Message,
    Notice,
    Position,
    PresenceChanged,
    Problem,
    Read,
    RoomView,
    Seen,
    TokenEnds,
    Typing,
)
from trio_chat.client.tokens import Token
from trio_chat.errors import CommandError, ErrorCode

__all__ = [
    "Chat",
    "ChatRefusedError",
    "CommandError",
    "Connected",
    "Deleted",
    "Disconnected",
    "Edited",
    "ErrorCode",
    "Event",
    "Gap",
    "HistoryPage",
    "Joined",
    "Logged",
    "LoggedEvent",
    "Message",
    "NotEnteredError",
    "Notice",
    "Position",
    "PresenceChanged",
    "Problem",
    "Read",
    "RoomView",
    "Seen",
    "Token",
    "TokenEnds",
    "Typing",
    "open_chat",
]
