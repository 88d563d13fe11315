"""Encodes and parses the part of the Redis protocol (RESP3) that nodes use, without a socket.

`trio_chat.backplane.redis` sends what this file encodes, and passes it all bytes that arrive.
https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from typing import Final

from attrs import define, field
from hiredis import PushNotification, Reader

from trio_chat.backplane.address import Address
from trio_chat.backplane.incoming import MOST_BYTES_OF_ONE
from trio_chat.errors import Outage

_MORE: Final = object()
"""The parser returns this for an incomplete reply."""

MAX_INCOMPLETE_BYTES: Final = MOST_BYTES_OF_ONE + 128 * 1024
"""Maximum size of an incomplete reply: the largest payload, and one read of 64 KiB on either side.
Redis lets any publisher send 512 MiB."""

_REFUSALS: Final = ("NOAUTH ", "NOPERM ", "WRONGPASS ")


class ErrorReply(Outage):
    """Redis has answered a command with an error.

    Attributes:
        is_refusal: Whether waiting does not help: the operator must correct a password or a right.
    """

    def __init__(self, text: str) -> None:
        # A server that does not know a command repeats its arguments, the password included.
        super().__init__(text.partition(", with args")[0])
        self.is_refusal = text.startswith(_REFUSALS)


def encode(*words: bytes) -> bytes:
    """Encode a command."""
    parts = [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"*%d\r\n%b" % (len(words), b"".join(parts))


PING: Final = encode(b"PING")


GREETINGS: Final = 3
"""The number of commands in `greeting`."""


def greeting(address: Address, channel: bytes) -> bytes:
    """Encode the commands that begin a connection.

    `PING` comes before the subscription, so a user without the right to it never subscribes.
    """
    hello = [b"HELLO", b"3"]
    if address.username or address.password:
        username, password = address.username or "default", address.password or ""
        hello += [b"AUTH", username.encode(), password.encode()]
    return encode(*hello) + PING + encode(b"SUBSCRIBE", channel)


@define
class Received:
    """The content of received bytes.

    Attributes:
        payloads: The payloads of other nodes, in order.
        answers: The number of commands that Redis has answered.
        published: How many of these were `PUBLISH`.
        is_subscribed: Whether one of them was `SUBSCRIBE`; all payloads arrived after it.
    """

    payloads: list[bytes] = field(factory=list)
    answers: int = 0
    published: int = 0
    is_subscribed: bool = False


class Replies:
    """Parses the replies of Redis on one connection.

    Args:
        origin: The first bytes of each payload of this node. Redis sends these payloads back, and
            the parser drops them.
    """

    def __init__(self, origin: bytes) -> None:
        self._origin = origin
        self._reader = Reader(protocolError=Outage, replyError=ErrorReply, notEnoughData=_MORE)
        self._incomplete_bytes = 0
        """Received since the last complete reply; the read that completed it counts as a whole."""

    def take(self, data: bytes) -> Received:
        """Parse received bytes, and keep an incomplete reply for the next call.

        Raises:
            ErrorReply: A command failed.
            Outage: The bytes are no RESP, or a reply exceeds `MAX_INCOMPLETE_BYTES`.
        """
        received = Received()
        reader = self._reader
        self._incomplete_bytes += len(data)
        reader.feed(data)
        while (reply := reader.gets()) is not _MORE:
            self._incomplete_bytes = len(data)
            if type(reply) is PushNotification:
                if reply[0] == b"message":
                    self._receive(reply[2], received)
                    continue
                received.is_subscribed |= reply[0] == b"subscribe"
            elif type(reply) is int:
                received.published += 1
            elif isinstance(reply, ErrorReply):
                raise reply
            received.answers += 1
        if self._incomplete_bytes > MAX_INCOMPLETE_BYTES:
            raise Outage("Redis sent a message that is too large")
        return received

    def _receive(self, payload: bytes, received: Received) -> None:
        if payload.startswith(self._origin):
            return
        origin, blank, rest = payload.partition(b" ")
        received.payloads.append(rest if blank else origin)
