import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.ratelimit import KeyedBuckets, KeyedWindows, TokenBucket, counted_address

RATE, BURST = 10.0, 5.0

GAPS = st.lists(st.floats(0.0, 2.0) | st.sampled_from([0.0, 0.1]), max_size=60)


def test_a_new_bucket_allows_its_burst() -> None:
    bucket = TokenBucket(RATE, BURST, 0.0)
    assert [bucket.take(0.0) for _ in range(6)] == [0, 0, 0, 0, 0, 0.1]


def test_a_retry_after_the_returned_wait_succeeds() -> None:
    bucket = TokenBucket(RATE, BURST, 100.0)
    bucket.take(100.0, 5)
    wait = bucket.take(100.0, 2)
    assert wait == pytest.approx(0.2)
    assert bucket.take(100.0 + wait - 0.01, 2) == pytest.approx(0.01)
    assert bucket.take(100.0 + wait + 1e-9, 2) == 0.0


def test_a_rate_of_zero_is_no_limit() -> None:
    bucket = TokenBucket(0, 1, 0.0)
    assert all(bucket.take(0.0, 100) == 0.0 for _ in range(100))
    assert bucket.is_full(0.0)


def test_a_bucket_refills_completely() -> None:
    bucket = TokenBucket(RATE, BURST, 0.0)
    assert bucket.is_full(0.0)
    bucket.take(0.0, 2)
    assert not bucket.is_full(0.19)
    assert bucket.is_full(0.21)


@given(gaps=GAPS)
def test_no_stretch_of_time_exceeds_burst_and_rate(
    gaps: list[float],
) -> None:
    bucket = TokenBucket(RATE, BURST, 0.0)
    now, passed = 0.0, []
    for gap in gaps:
        now += gap
        if not bucket.take(now):
            passed.append(now)
    for first, begin in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= BURST + RATE * (end - begin) + 1e-6


@given(gaps=GAPS)
def test_a_steady_rate_is_never_refused(gaps: list[float]) -> None:
    bucket = TokenBucket(RATE, BURST, 0.0)
    now = 0.0
    for gap in gaps:
        now += gap + 1 / RATE + 1e-9
        assert bucket.take(now) == 0.0


def test_full_buckets_are_evicted() -> None:
    buckets = KeyedBuckets[int](RATE, BURST)
    for key in range(1000):
        buckets.take(key, 0.0)
    assert len(buckets) == 1000
    for _ in range(500):
        buckets.take(-1, 10.0)
    assert len(buckets) == 1


def test_one_call_evicts_at_most_two_buckets() -> None:
    buckets = KeyedBuckets[int](RATE, BURST)
    for key in range(10):
        buckets.take(key, 0.0)
    buckets.take(10, 10.0)
    assert len(buckets) == 9


def test_a_bucket_that_is_not_full_stops_the_eviction() -> None:
    buckets = KeyedBuckets[str](1.0, 1.0)
    buckets.take("ann", 0.0)
    buckets.take("bob", 0.5)
    buckets.take("cid", 0.9)
    assert len(buckets) == 3
    buckets.take("cid", 1.2)
    assert len(buckets) == 2


def test_without_a_limit_no_key_is_kept() -> None:
    buckets = KeyedBuckets[int](0, 1)
    assert all(buckets.take(key, 0.0) == 0.0 for key in [1, 1, 2])
    assert len(buckets) == 0


@given(
    takes=st.lists(
        st.tuples(st.sampled_from("abcde"), st.floats(0.0, 1.0) | st.just(0.0)), max_size=60
    )
)
def test_eviction_does_not_change_results(takes: list[tuple[str, float]]) -> None:
    buckets = KeyedBuckets[str](RATE, BURST)
    kept: dict[str, TokenBucket] = {}
    now = 0.0
    for key, gap in takes:
        now += gap
        expected = kept.setdefault(key, TokenBucket(RATE, BURST, now)).take(now)
        assert buckets.take(key, now) == pytest.approx(expected, abs=1e-6)


@given(gaps=GAPS, most=st.integers(1, 5))
def test_a_window_allows_exactly_its_events(gaps: list[float], most: int) -> None:
    windows = KeyedWindows[str](most, 3.0)
    now = 0.0
    let_in: list[float] = []
    for gap in gaps:
        now += gap
        recent = [time for time in let_in if time > now - 3.0]
        wait = windows.wait("a", now)
        assert (wait == 0.0) == (len(recent) < most)
        if wait:
            assert wait == pytest.approx(recent[0] + 3.0 - now)
        else:
            windows.add("a", now)
            let_in.append(now)


def test_events_beyond_the_limit_lengthen_the_wait() -> None:
    windows = KeyedWindows[str](1, 10.0)
    windows.add("a", 0.0)
    windows.add("a", 4.0)
    assert windows.wait("a", 5.0) == 9.0
    assert windows.wait("b", 5.0) == 0.0


def test_a_window_of_zero_is_no_limit() -> None:
    windows = KeyedWindows[str](0, 10.0)
    windows.add("a", 0.0)
    assert windows.wait("a", 0.0) == 0.0
    assert len(windows) == 0


def test_keys_without_a_recent_event_are_evicted() -> None:
    windows = KeyedWindows[int](1, 10.0)
    for number in range(100):
        windows.add(number, float(number))
    assert len(windows) <= 11
    assert windows.wait(99, 200.0) == 0.0
    windows.add(1, 200.0)
    windows.add(2, 200.0)
    windows.add(3, 200.0)
    assert len(windows) < 11


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket: another family", "a socket: another family"),
    ],
)
def test_limits_count_the_64_of_an_ipv6_address(address: str, counted: str) -> None:
    assert counted_address(address) == counted
