"""Messages on their way out: encoded once, and framed at most once in each encoding."""

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Final, cast

from attrs import frozen
from orjson import dumps

from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES, deflate
from trio_chat.protocol.encode import FIELDS, encode
from trio_chat.protocol.messages import ServerMessage

FIN: Final = 0x80
RESERVED: Final = 0x70
DEFLATED: Final = 0x40  # the reserved bit that RFC 7692 section 6 gives a meaning
OPCODE: Final = 0x0F
MASKED: Final = 0x80

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

MAX_CONTROL_BYTES: Final = 125
"""The most payload of a control frame; also the longest length that needs no extension."""

SHORT: Final = 126  # the length is in the next 2 bytes
LONG: Final = 127  # the length is in the next 8 bytes
MAX_SHORT: Final = 0xFFFF

_pack_head: Final = struct.Struct("!BB").pack
_pack_short_head: Final = struct.Struct("!BBH").pack


def server_frame(opcode: int, payload: bytes) -> bytes:
    """One final, unmasked frame; the opcode may come with `DEFLATED`."""
    size = len(payload)
    if size <= MAX_CONTROL_BYTES:
        return _pack_head(FIN | opcode, size) + payload
    if size <= MAX_SHORT:
        return _pack_short_head(FIN | opcode, SHORT, size) + payload
    return struct.pack("!BBQ", FIN | opcode, LONG, size) + payload


text_frame: Final = partial(server_frame, TEXT)
"""Makes one whole text message of a payload in UTF-8."""


class Encoding(IntEnum):
    """What messages are like on a connection: the same to its end.

    Compression is agreed in the handshake, the version by the first frame; until that, and where
    there are no versions, it is the first one. Compressed means: where that makes a message
    shorter; else it is sent as it is, which is always allowed.
    """

    PLAIN = 0
    DEFLATED = 1
    VERSION_2 = 2
    VERSION_2_DEFLATED = 3

    @property
    def in_version_2(self) -> "Encoding":
        """The encoding with the same compression, in version 2."""
        return _IN_VERSION_2[self]

    @property
    def is_version_2(self) -> bool:
        """Whether it is of version 2."""
        return self is _IN_VERSION_2[self]

    @property
    def is_deflated(self) -> bool:
        """Whether its messages are compressed."""
        return self is Encoding.DEFLATED or self is Encoding.VERSION_2_DEFLATED


_IN_VERSION_2: Final = {
    Encoding.PLAIN: Encoding.VERSION_2,
    Encoding.DEFLATED: Encoding.VERSION_2_DEFLATED,
    Encoding.VERSION_2: Encoding.VERSION_2,
    Encoding.VERSION_2_DEFLATED: Encoding.VERSION_2_DEFLATED,
}

_IN_VERSION_1: Final = {
    Encoding.VERSION_2: Encoding.PLAIN,
    Encoding.VERSION_2_DEFLATED: Encoding.DEFLATED,
}


@frozen
class PerVersion:
    """What plain connections and those of version 2 are told differently; None is nothing."""

    plain: ServerMessage | None
    version_2: ServerMessage | None


def message_frame(encoding: Encoding, opcode: int, payload: bytes) -> bytes:
    """One whole message, text or binary, in an encoding."""
    if encoding.is_deflated and len(payload) >= MIN_DEFLATED_BYTES:
        deflated = deflate(payload)
        if len(deflated) < len(payload):
            return server_frame(DEFLATED | opcode, deflated)
    return server_frame(opcode, payload)


_TEXT_FRAMES: Final[dict[Encoding, Callable[[bytes], bytes]]] = {
    Encoding.PLAIN: partial(server_frame, TEXT),
    Encoding.DEFLATED: partial(message_frame, Encoding.DEFLATED, TEXT),
    Encoding.VERSION_2: partial(server_frame, TEXT),
    Encoding.VERSION_2_DEFLATED: partial(message_frame, Encoding.DEFLATED, TEXT),
}


class Outgoing:
    """Messages to any number of connections: framed in each encoding once, when it is asked for.

    Args:
        said: The messages, in order. All but a `PerVersion` are the same in both versions, and then
            encoded once for both; if there is no `PerVersion` among them, they are framed once too.
    """

    __slots__ = ("_frames", "_is_split", "_payloads", "said")

    def __init__(self, said: Sequence[ServerMessage | PerVersion]) -> None:
        self.said = said
        self._is_split = PerVersion in map(type, said)
        self._payloads: list[bytes] | None = None
        """What is the same in both versions: all but the `PerVersion`s."""
        self._frames: dict[Encoding, list[bytes]] = {}

    def frames(self, encoding: Encoding) -> Sequence[bytes]:
        """The messages in an encoding, each a whole frame. There may be none."""
        if not self._is_split:
            encoding = _IN_VERSION_1.get(encoding, encoding)
        frames = self._frames.get(encoding)
        if frames is None:
            payloads: Sequence[bytes] | None = self._payloads
            if self._is_split:  # hardly ever
                payloads = self._in_version(is_2=encoding.is_version_2)
            elif payloads is None:
                said = cast("Sequence[ServerMessage]", self.said)
                payloads = self._payloads = [dumps(FIELDS[type(one)](one)) for one in said]
            frames = self._frames[encoding] = list(map(_TEXT_FRAMES[encoding], payloads))
        return frames

    def _in_version(self, *, is_2: bool) -> Sequence[bytes]:
        alike = iter(self._alike())
        payloads: list[bytes] = []
        for said in self.said:
            if not isinstance(said, PerVersion):
                payloads.append(next(alike))
                continue
            frame = said.version_2 if is_2 else said.plain
            if frame is not None:
                payloads.append(encode(frame))
        return payloads

    def _alike(self) -> Sequence[bytes]:
        if self._payloads is None:
            self._payloads = [encode(one) for one in self.said if not isinstance(one, PerVersion)]
        return self._payloads
