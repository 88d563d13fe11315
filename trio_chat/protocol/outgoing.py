"""Messages on their way out: encoded once, and framed at most once in each form."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Final

from trio_chat.protocol.deflate import MIN_DEFLATED_BYTES, deflate
from trio_chat.protocol.frames import DEFLATED, TEXT, server_frame


class Form(IntEnum):
    """How messages are framed on a connection: agreed in the handshake, the same to its end."""

    PLAIN = 0
    """As they are."""

    DEFLATED = 1
    """Compressed, where that makes them shorter; else as they are, which is always allowed."""


def message_frame(form: Form, opcode: int, payload: bytes) -> bytes:
    """One whole message, text or binary, in a form."""
    if form is Form.DEFLATED and len(payload) >= MIN_DEFLATED_BYTES:
        deflated = deflate(payload)
        if len(deflated) < len(payload):
            return server_frame(DEFLATED | opcode, deflated)
    return server_frame(opcode, payload)


_TEXT_FRAMES: Final[dict[Form, Callable[[bytes], bytes]]] = {
    Form.PLAIN: partial(server_frame, TEXT),
    Form.DEFLATED: partial(message_frame, Form.DEFLATED, TEXT),
}


class Outgoing:
    """Text messages to any number of connections: framed in each form once, when it is asked for.

    Args:
        payloads: The texts, as UTF-8, in order.
    """

    __slots__ = ("_frames", "_payloads")

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self._payloads = payloads
        self._frames: dict[Form, list[bytes]] = {}

    def frames(self, form: Form) -> Sequence[bytes]:
        """The messages in a form, each a whole frame."""
        frames = self._frames.get(form)
        if frames is None:
            frames = self._frames[form] = list(map(_TEXT_FRAMES[form], self._payloads))
        return frames
