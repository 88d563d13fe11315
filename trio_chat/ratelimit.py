"""Token buckets, and windows. Time comes in as an argument, in seconds of any monotonic clock.

A bucket suits what people do in bursts: it refills steadily. A window suits a bound on how much
there is of something in a time: it never lets more through, but all of it at once.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from ipaddress import IPv6Address
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)


_HOST_BITS: Final = 64


def counted_address(address: str) -> str:
    """Give what limits count an address as: itself, or the /64 of an IPv6 address.

    Providers give every subscriber a /64 at least (RFC 6177), and so 2**64 addresses to come from.

    Args:
        address: An IP address as text; IPv4 in IPv6 counts as IPv4. Other texts count as they are.
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
        if len(self._buckets) > 1:
            self._forget_idle(now)
        return bucket.take(now)

    def _forget_idle(self, now: float) -> None:
        for _ in range(2):
            key, bucket = next(iter(self._buckets.items()))
            if len(self._buckets) == 1 or not bucket.is_full(now):
                return
            del self._buckets[key]


class KeyedWindows(Generic[K]):
    """Counts events of each key; at most so many in any stretch of time are within the limit.

    Keys without a recent event are forgotten, as in `KeyedBuckets`.

    Args:
        most: Events within the limit in ``seconds``; 0 switches the limit off, and nothing counts.
        seconds: The length of the stretch.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._times: OrderedDict[K, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def wait(self, key: K, now: float) -> float:
        """Return the seconds until one more event is within the limit; 0.0 if it is now."""
        times = self._recent(key, now)
        if not self._most or len(times) < self._most:
            return 0.0
        return times[-self._most] + self._seconds - now

    def add(self, key: K, now: float) -> None:
        """Count an event, whether it is within the limit or not."""
        if not self._most:
            return
        self._times.setdefault(key, []).append(now)
        self._times.move_to_end(key)
        for _ in range(2):
            oldest = next(iter(self._times))
            if self._recent(oldest, now):
                return

    def _recent(self, key: K, now: float) -> list[float]:
        """The times of the events that still count; a key without any is forgotten."""
        times = self._times.get(key)
        if times is None:
            return []
        del times[: bisect_right(times, now - self._seconds)]
        if not times:
            del self._times[key]
        return times
