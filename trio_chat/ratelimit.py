"""Token buckets. Time comes in as an argument, in seconds of any monotonic clock."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class TokenBucket:
    """Lets ``burst`` through at once and ``rate`` a second after that.

    Args:
        rate: Tokens a second; 0 switches the limit off.
        burst: The most tokens it holds; it begins full.
        now: The time, in seconds.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float, count: int = 1) -> float:
        """Take tokens, all or none.

        Returns:
            0.0 if they were there; otherwise the seconds until they would be, nothing being taken.
        """
        if not self._rate:
            return 0.0
        tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if tokens >= count:
            self._tokens = tokens - count
            return 0.0
        self._tokens = tokens
        return (count - tokens) / self._rate

    def is_full(self, now: float) -> bool:
        """Whether it is as good as new, and so need not be kept."""
        return self._tokens + (now - self._at) * self._rate >= self._burst


class KeyedBuckets(Generic[K]):
    """A bucket for each key; buckets that have filled up again are forgotten.

    Every `take` looks at the two buckets that were used longest ago, so memory follows the number
    of keys in use and no single call has to sweep them all.

    Args:
        rate: Tokens a second for each key; 0 switches the limit off.
        burst: The most tokens of each key.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[K, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: K, now: float) -> float:
        """Take one token of this key; the answer is that of `TokenBucket.take`."""
        if not self._rate:
            return 0.0
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst, now)
        else:
            self._buckets.move_to_end(key)
        self._forget_idle(now)
        return bucket.take(now)

    def _forget_idle(self, now: float) -> None:
        for _ in range(2):
            key, bucket = next(iter(self._buckets.items()))
            if len(self._buckets) == 1 or not bucket.is_full(now):
                return
            del self._buckets[key]
