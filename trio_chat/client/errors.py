"""How a stay in a chat can fail for good; a command that fails is a `CommandError`."""


class ChatRefusedError(Exception):
    """The server does not let this client in, and would not the next time.

    Args:
        code: A close code (PROTOCOL.md section 7) or an HTTP status; None where it is the server's
            certificate that is no good.
        reason: Why, in words for people.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return self.reason if self.code is None else f"{self.reason} ({self.code})"


class WireError(Exception):
    """The server has said what no version 2 server says; the connection is of no use."""
