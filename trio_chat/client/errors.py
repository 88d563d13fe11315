"""Errors that end a chat. A failed command is a `CommandError`."""


class ChatRefusedError(Exception):
    """The server refuses this client for good.

    Args:
        code: A close code (docs/reference/wire.md, "Close codes") or an HTTP status. None without
            such an answer: the host does not exist, TLS failed, or the server is no chat.
        reason: The reason, for people.
    """

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return self.reason if self.code is None else f"{self.reason} ({self.code})"


class NotEnteredError(TimeoutError):
    """The client did not enter the chat within the given time.

    Args:
        seconds: That time.
        reason: The failure of the last attempt, for people.
        code: The close code or HTTP status of the last attempt, if any.
    """

    def __init__(self, seconds: float, reason: str, code: int | None = None) -> None:
        super().__init__(seconds, reason, code)
        self.seconds = seconds
        self.reason = reason
        self.code = code

    def __str__(self) -> str:
        words = self.reason if self.code is None else f"{self.reason} ({self.code})"
        return f"not in the chat within {self.seconds:g} s: {words}"


class WireError(Exception):
    """The server sent a message that no version 2 server sends; the connection is useless.

    Args:
        message: The problem.
        is_mistake: The URL must be wrong: another attempt would fail too.
    """

    def __init__(self, message: str, *, is_mistake: bool = False) -> None:
        super().__init__(message)
        self.is_mistake = is_mistake
