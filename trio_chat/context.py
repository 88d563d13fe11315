"""What every part of a server needs: settings, metrics, the clock and ids."""

from collections.abc import Callable

from attrs import frozen

from trio_chat.metrics import Metrics
from trio_chat.settings import Settings


@frozen
class Context:
    """What every part of a server needs.

    Attributes:
        settings: All settings.
        metrics: All parts count here.
        wall_ms: Returns milliseconds since 1970 UTC.
        new_id: Returns an id that is unique for ever.
    """

    settings: Settings
    metrics: Metrics
    wall_ms: Callable[[], int]
    new_id: Callable[[], str]
