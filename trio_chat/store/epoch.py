"""Random epochs: each names one history of a store."""

import secrets
from typing import Final

# 96 random bits: two histories never share an epoch.
_EPOCH_BYTES: Final = 12


def random_epoch() -> str:
    """Return a new, unique epoch in visible ASCII."""
    return secrets.token_urlsafe(_EPOCH_BYTES)
