"""Messages on their way out: encoded once, and framed at most once in each form."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Final, cast

from attrs import frozen
from orjson import dumps

from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES, deflate
from trio_chat.protocol.encode import FIELDS, encode
from trio_chat.protocol.frames import DEFLATED, TEXT, server_frame
from trio_chat.protocol.messages import Frame


class Form(IntEnum):
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
    def in_version_2(self) -> "Form":
        """The form with the same compression, in version 2."""
        return _IN_VERSION_2[self]

    @property
    def is_version_2(self) -> bool:
        """Whether it is of version 2."""
        return self is _IN_VERSION_2[self]

    @property
    def is_deflated(self) -> bool:
        """Whether its messages are compressed."""
        return self is Form.DEFLATED or self is Form.VERSION_2_DEFLATED


_IN_VERSION_2: Final = {
    Form.PLAIN: Form.VERSION_2,
    Form.DEFLATED: Form.VERSION_2_DEFLATED,
    Form.VERSION_2: Form.VERSION_2,
    Form.VERSION_2_DEFLATED: Form.VERSION_2_DEFLATED,
}

_IN_VERSION_1: Final = {
    Form.VERSION_2: Form.PLAIN,
    Form.VERSION_2_DEFLATED: Form.DEFLATED,
}


@frozen
class Split:
    """What plain connections and those of version 2 are told differently; None is nothing."""

    plain: Frame | None
    version_2: Frame | None


def message_frame(form: Form, opcode: int, payload: bytes) -> bytes:
    """One whole message, text or binary, in a form."""
    if form.is_deflated and len(payload) >= MIN_DEFLATED_BYTES:
        deflated = deflate(payload)
        if len(deflated) < len(payload):
            return server_frame(DEFLATED | opcode, deflated)
    return server_frame(opcode, payload)


_TEXT_FRAMES: Final[dict[Form, Callable[[bytes], bytes]]] = {
    Form.PLAIN: partial(server_frame, TEXT),
    Form.DEFLATED: partial(message_frame, Form.DEFLATED, TEXT),
    Form.VERSION_2: partial(server_frame, TEXT),
    Form.VERSION_2_DEFLATED: partial(message_frame, Form.DEFLATED, TEXT),
}


class Outgoing:
    """Messages to any number of connections: framed in each form once, when it is asked for.

    Args:
        said: The messages, in order. All but a `Split` are the same in both versions, and then
            encoded once for both; if there is no `Split` among them, they are framed once too.
    """

    __slots__ = ("_frames", "_is_split", "_payloads", "said")

    def __init__(self, said: Sequence[Frame | Split]) -> None:
        self.said = said
        self._is_split = Split in map(type, said)
        self._payloads: list[bytes] | None = None
        """What is the same in both versions: all but the `Split`s."""
        self._frames: dict[Form, list[bytes]] = {}

    def frames(self, form: Form) -> Sequence[bytes]:
        """The messages in a form, each a whole frame. There may be none."""
        if not self._is_split:
            form = _IN_VERSION_1.get(form, form)
        frames = self._frames.get(form)
        if frames is None:
            payloads: Sequence[bytes] | None = self._payloads
            if self._is_split:  # hardly ever
                payloads = self._in_version(is_2=form.is_version_2)
            elif payloads is None:
                said = cast("Sequence[Frame]", self.said)
                payloads = self._payloads = [dumps(FIELDS[type(one)](one)) for one in said]
            frames = self._frames[form] = list(map(_TEXT_FRAMES[form], payloads))
        return frames

    def _in_version(self, *, is_2: bool) -> Sequence[bytes]:
        alike = iter(self._alike())
        payloads: list[bytes] = []
        for said in self.said:
            if not isinstance(said, Split):
                payloads.append(next(alike))
                continue
            frame = said.version_2 if is_2 else said.plain
            if frame is not None:
                payloads.append(encode(frame))
        return payloads

    def _alike(self) -> Sequence[bytes]:
        if self._payloads is None:
            self._payloads = [encode(one) for one in self.said if not isinstance(one, Split)]
        return self._payloads
