"""wsproto alone, and wsproto behind the scanner."""

from collections.abc import Iterator, Sequence

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from trio_chat.errors import Disconnect
from trio_chat.websocket.frames import FrameScanner, Item, PassOn

Outcome = tuple[str, object]


class Library:
    """A wsproto connection, and all its outcomes in order."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.is_over = False
        self._connection = Connection(ConnectionType.SERVER)
        self._text = ""
        self._binary = b""

    def feed(self, data: bytes) -> int:
        """Feed bytes, and return the number of data messages that ended in them."""
        ended = 0
        self._connection.receive_data(data)
        for event in self._connection.events():
            match event:
                case TextMessage():
                    self._text += event.data
                    if event.message_finished:
                        ended += 1
                        self.outcomes.append(("text", self._text))
                        self._text = ""
                case BytesMessage():
                    self._binary += event.data
                    if event.message_finished:
                        ended += 1
                        self.outcomes.append(("binary", self._binary))
                        self._binary = b""
                case Ping():
                    self.outcomes.append(("ping", bytes(event.payload)))
                case Pong():
                    pass  # no outcome, with the scanner or without
                case CloseConnection():
                    is_refusal = self._connection.state is ConnectionState.OPEN
                    self.outcomes.append(("refused" if is_refusal else "closed", event.code))
                    self.is_over = True
                    break
        return ended


def alone(parts: Sequence[bytes]) -> list[Outcome]:
    """Return the outcomes of wsproto alone."""
    library = Library()
    for part in parts:
        if not library.is_over:
            library.feed(part)
    return library.outcomes


def scanned(scanner: FrameScanner, part: bytes) -> Iterator[Item]:
    """Yield all items of a scanner for one part."""
    yield from scanner.receive(part)
    while scanner.has_more:
        yield from scanner.receive(b"")


def behind_scanner(scanner: FrameScanner, parts: Sequence[bytes]) -> list[Outcome]:
    """Return the outcomes of the scanner and of wsproto behind it, as in a connection."""
    library = Library()
    for item in (item for part in parts for item in scanned(scanner, part)):
        match item:
            case str():
                library.outcomes.append(("text", item))
            case PassOn(data, messages):
                ended = library.feed(data)
                assert library.is_over or ended == messages
            case Disconnect(code=code):
                library.outcomes.append(("refused", CloseReason(code)))
                library.is_over = True
        if library.is_over:
            break
    return library.outcomes
