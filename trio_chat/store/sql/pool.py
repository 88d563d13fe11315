"""The pool of connections to the database."""

from attrs import frozen

from trio_chat.settings import Settings

_DEFAULTS = Settings()


@frozen
class Pool:
    """The connections that read the store. One more connection appends.

    The defaults are those of the settings.

    Attributes:
        size: Connections that stay open.
        overflow: Additional connections under load.
        lifetime_seconds: Maximum age of a connection.
        pre_ping: Test a connection before use: one round trip for each read, and no read fails
            because the database restarted in between.
    """

    size: int = _DEFAULTS.store_pool_size
    overflow: int = _DEFAULTS.store_pool_overflow
    lifetime_seconds: float = _DEFAULTS.store_pool_lifetime_seconds
    pre_ping: bool = _DEFAULTS.store_pool_pre_ping == "on"
