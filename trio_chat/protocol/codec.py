"""JSON in and JSON out: the only place that knows the names on the wire."""

from trio_chat.protocol.decode import decode
from trio_chat.protocol.encode import MAX_HISTORY_BYTES, encode, fits, plain_events

__all__ = ["MAX_HISTORY_BYTES", "decode", "encode", "fits", "plain_events"]
