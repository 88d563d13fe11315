"""How a stay in a chat can fail for good; a command that fails is a `CommandError`."""


class ChatRefusedError(Exception):
    """The server does not let this client in, and would not the next time.

    Args:
        code: A close code (docs/reference/wire.md, "Close codes") or an HTTP status; None where no
            server has answered so: the host does not exist, TLS does not work, or it is no chat.
        reason: Why, in words for people.
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
        reason: Why the last try failed, in words for people.
        code: The close code or HTTP status of the last try; None if it had none.
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
    """The server sent something that no version 2 server sends; the connection is of no use.

    Args:
        message: Describes it.
        is_mistake: Whether the URL must be wrong: another try would not help.
    """

    def __init__(self, message: str, *, is_mistake: bool = False) -> None:
        super().__init__(message)
        self.is_mistake = is_mistake
