"""What Redis adds to one message, as a probe."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench.figures import Figures, Results, Timing
from tests.bench.hearing import WAY
from tests.bench.nodes import way_over_redis
from tests.bench.starting import NotHereError, Probe, Scratch
from tests.support import redis

WINDOWS: Final = 2
"""The difference of two servers is small beside the noise, so it is watched for longer."""


def title(part: str) -> str:
    """Return the title of one part of the way."""
    return f"over Redis: {part}"


def _over_redis(scratch: Scratch, checkout: Path) -> Callable[[Timing], Results]:
    cluster = scratch.cluster
    try:
        hub = scratch.stack.enter_context(redis.running())
    except AssertionError as error:
        raise NotHereError(str(error)) from error

    def measured(timing: Timing) -> Results:
        way = way_over_redis(checkout, cluster, hub, timing.window * WINDOWS)
        return {title(part): Figures(cpu_us=of(way)) for part, of in WAY.items()}

    return measured


OVER_REDIS: Final = Probe(
    "redis", "trio_chat, Redis", frozenset({"REDIS"}), _over_redis, is_ours=True
)
