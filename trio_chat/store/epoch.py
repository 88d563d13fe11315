"""The name of the life of a store."""

import secrets
from typing import Final

# 96 random bits: no two lives are ever taken for one.
_EPOCH_BYTES: Final = 12


def random_epoch() -> str:
    """Make an epoch: visible ASCII, unlike every other one."""
    return secrets.token_urlsafe(_EPOCH_BYTES)
