"""Makes the backplane of the settings: a part of the composition root."""

from trio_chat.backplane.address import read_address
from trio_chat.backplane.base import Backplane
from trio_chat.backplane.local import LocalBackplane
from trio_chat.errors import StartError
from trio_chat.metrics import Metrics
from trio_chat.settings import Settings


def make_backplane(settings: Settings, metrics: Metrics) -> Backplane:
    """Make the backplane of the settings; it connects when it runs.

    Raises:
        StartError: The store cannot be shared, the URL is invalid, or the driver is missing. The
            message has no password.
    """
    if settings.backplane == "local:":
        return LocalBackplane()
    if not settings.store.startswith("postgresql:"):
        raise StartError("a backplane on Redis needs a store that nodes can share: postgresql://")
    address = read_address(settings.backplane)
    try:
        # The driver is an extra.
        from trio_chat.backplane.redis import RedisBackplane  # noqa: PLC0415
    except ImportError as error:
        message = "a backplane on Redis needs its driver: pip install 'trio-chat[redis]'"
        raise StartError(message) from error
    return RedisBackplane(address, settings.backplane_channel, metrics)
