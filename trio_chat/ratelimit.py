"""Rate limits: token buckets and windows. Callers pass the time, in seconds of a monotonic clock.

A bucket suits bursts: it refills steadily. A window bounds the events in any stretch of time, and
allows all of them at once.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from ipaddress import IPv6Address
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)


_HOST_BITS: Final = 64


def counted_address(address: str) -> str:
    """Return the key of an address for limits: itself, or the /64 of an IPv6 address.

    Providers give every subscriber at least a /64 (RFC 6177), which is 2**64 addresses.

    Args:
        address: An IP address as text; IPv4 in IPv6 counts as IPv4. Other text stays unchanged.
    """
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS)}/{128 - _HOST_BITS}"


class TokenBucket:
    """Allows ``burst`` tokens at once, and then ``rate`` a second.

    Args:
        rate: Tokens a second; 0 switches the limit off.
        burst: The maximum number of tokens; the bucket begins full.
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
            0.0 on success; otherwise the seconds until enough tokens are available.
        """
        if not self._rate:
            return 0.0
        tokens = self._tokens + (now - self._at) * self._rate
        if tokens > self._burst:  # noqa: PLR1730 - min() takes twice as long
            tokens = self._burst
        self._at = now
        if tokens >= count:
            self._tokens = tokens - count
            return 0.0
        self._tokens = tokens
        return (count - tokens) / self._rate

    def is_full(self, now: float) -> bool:
        """Return whether the bucket is full, and so equals a new one."""
        return self._tokens + (now - self._at) * self._rate >= self._burst


class KeyedBuckets(Generic[K]):
    """Holds a bucket for each key, and evicts buckets that are full again.

    Every `take` checks the two least recently used buckets. So memory follows the number of keys
    in use, and no single call sweeps them all.

    Args:
        rate: Tokens a second for each key; 0 switches the limit off.
        burst: The maximum number of tokens of each key.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[K, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: K, now: float) -> float:
        """Take one token of this key, and return what `TokenBucket.take` does."""
        if not self._rate:
            return 0.0
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate, self._burst, now)
        else:
            self._buckets.move_to_end(key)
        if len(self._buckets) > 1:
            self._evict_idle(now)
        return bucket.take(now)

    def _evict_idle(self, now: float) -> None:
        for _ in range(2):
            key, bucket = next(iter(self._buckets.items()))
            if len(self._buckets) == 1 or not bucket.is_full(now):
                return
            del self._buckets[key]


class KeyedWindows(Generic[K]):
    """Limits the events of each key in any stretch of time.

    Evicts keys without a recent event, as `KeyedBuckets` does.

    Args:
        most: The maximum number of events in ``seconds``; 0 switches the limit off.
        seconds: The length of the stretch.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._times: OrderedDict[K, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def wait(self, key: K, now: float) -> float:
        """Return the seconds until the limit allows another event; 0.0 if it does now."""
        times = self._recent(key, now)
        if not self._most or len(times) < self._most:
            return 0.0
        return times[-self._most] + self._seconds - now

    def add(self, key: K, now: float) -> None:
        """Count an event, within the limit or not."""
        if not self._most:
            return
        self._times.setdefault(key, []).append(now)
        self._times.move_to_end(key)
        for _ in range(2):
            oldest = next(iter(self._times))
            if self._recent(oldest, now):
                return

    def _recent(self, key: K, now: float) -> list[float]:
        """Return the times of the events that still count; evict a key without any."""
        times = self._times.get(key)
        if times is None:
            return []
        del times[: bisect_right(times, now - self._seconds)]
        if not times:
            del self._times[key]
        return times
