"""Makes the backplane that the settings name: a part of the composition root."""

from trio_chat.backplane.address import read_address
from trio_chat.backplane.base import Backplane
from trio_chat.backplane.local import LocalBackplane
from trio_chat.errors import StartError
from trio_chat.metrics import Metrics
from trio_chat.settings import Settings


def make_backplane(settings: Settings, metrics: Metrics) -> Backplane:
    """Make a backplane; whether anybody is there shows when it runs, and does not matter before.

    Raises:
        StartError: It does not go with the store, or something of its own is missing; the message
            has no password in it.
    """
    if settings.backplane == "local:":
        return LocalBackplane()
    if not settings.store.startswith("postgresql:"):
        raise StartError("a backplane on Redis needs a store that nodes can share: postgresql://")
    address = read_address(settings.backplane)
    try:
        # Its driver is an extra.
        from trio_chat.backplane.redis import RedisBackplane  # noqa: PLC0415
    except ImportError as error:
        message = "a backplane on Redis needs its driver: pip install 'trio-chat[redis]'"
        raise StartError(message) from error
    return RedisBackplane(address, settings.backplane_channel, metrics)
