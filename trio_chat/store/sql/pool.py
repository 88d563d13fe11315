"""How many connections there are to the database, and for how long."""

from attrs import frozen


@frozen
class Pool:
    """The connections that read. One more appends.

    Attributes:
        size: How many are kept.
        overflow: How many more there may be at a time.
        lifetime_seconds: After this long a connection is replaced.
        pre_ping: Whether a connection is tried before it is used: a round trip for each call, and
            none fails because the database was restarted in between.
    """

    size: int = 5
    overflow: int = 10
    lifetime_seconds: float = 300.0
    pre_ping: bool = True
