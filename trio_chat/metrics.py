"""The metrics of the server, in the text format of Prometheus."""

import platform
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from trio_chat import __version__
from trio_chat.errors import ErrorCode
from trio_chat.protocol.close_codes import CloseCode

WRITE_TIMEOUT: Final = "write_timeout"
"""The reason of a drop after a write timeout, when the server can send no close frame."""

# `increase()` misses the first event of a label that appears with it: create all at the start.
DROPS: Final = (*(code.name.lower() for code in sorted(CloseCode)), WRITE_TIMEOUT)
REFUSALS: Final = (
    *ErrorCode,
    "method_not_allowed",
    "request_timeout",
    "target_too_long",
    "upgrade_required",
    "head_too_large",
)
HTTP_STATUSES: Final = (101, 200, 304, 400, 401, 403, 404, 405, 408, 414, 426, 429, 431, 503)

# A turn of the hub takes about 50 µs in a small room and some milliseconds in a large one. A turn
# of nearly a second is a problem.
_TURN_BUCKETS_SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0)

# The loop is milliseconds late under load; people notice 250 ms.
_LAG_BUCKETS_SECONDS = (1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

# A commit takes a fraction of a millisecond without waiting for the SSD, and some milliseconds
# with. The last bound is the time limit of the store.
_APPEND_BUCKETS_SECONDS = (
    2.5e-4,
    5e-4,
    1e-3,
    2.5e-3,
    5e-3,
    1e-2,
    2.5e-2,
    5e-2,
    0.1,
    0.25,
    1.0,
    5.0,
)


class Tally(Collector):
    """A counter for one thread, without the lock of the client library.

    Every message increments four of them, so callers add to `count` directly instead of calling a
    method.

    Args:
        name: The metric's name, without ``_total``.
        what: The help text.
    """

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what
        self.count = 0
        """The value."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the value, for the registry."""
        yield CounterMetricFamily(self._name, self._what, value=self.count)

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Yield the same as `collect`."""
        return self.collect()


class Asked(Collector):
    """A counter of another object, read at each scrape.

    Args:
        name: The metric's name, without ``_total``.
        what: The help text.
    """

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what
        self.ask: Callable[[], float] = lambda: 0.0
        """Returns the value."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the value, for the registry."""
        yield CounterMetricFamily(self._name, self._what, value=self.ask())

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Yield the same as `collect`."""
        return self.collect()


class Spread(Collector):
    """A histogram for one thread, for the same reason as `Tally`.

    Args:
        name: The metric's name.
        what: The help text.
        bounds: The upper bounds of its buckets, ascending, in the unit of the metric.
    """

    def __init__(self, name: str, what: str, bounds: tuple[float, ...]) -> None:
        self._name = name
        self._what = what
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Put a value into its bucket."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the buckets, for the registry."""
        bounds = [*map(str, self._bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._name, self._what, buckets=buckets, sum_value=self._sum)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Yield the same as `collect`."""
        return self.collect()


class Metrics:
    """All metrics of one server. Each server has its own registry, so a process may run several."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self.connections = Gauge(
            "trio_chat_connections", "Open WebSocket connections.", registry=self._registry
        )
        self.connects = self._tally("connects", "WebSocket connections accepted.")
        self.received_messages = self._tally(
            "received_messages", "Text messages received from clients."
        )
        self.deliveries = self._tally("deliveries", "Frames delivered to members by the hub.")
        self.received_bytes = self._tally(
            "received_bytes", "Bytes received on WebSocket connections."
        )
        self.sent_bytes = self._tally("sent_bytes", "Bytes delivered to members by the hub.")
        self.drops = self._labelled("drops", "Connections ended by the server.", "reason", DROPS)
        self.refusals = self._labelled(
            "refusals", "Requests and commands refused.", "reason", REFUSALS
        )
        self.http_responses = self._labelled(
            "http_responses",
            "HTTP responses, including upgrades to a WebSocket (101).",
            "status",
            map(str, HTTP_STATUSES),
        )
        self.connection_failures = self._tally(
            "connection_failures", "Connections ended by an unexpected error in the server."
        )
        self.accept_failures = self._tally(
            "accept_failures", "Failures to accept a connection for lack of descriptors or memory."
        )
        self.queue_frames = Gauge(
            "trio_chat_queue_frames", "Frames waiting in all send queues.", registry=self._registry
        )
        self.nodes = Gauge(
            "trio_chat_nodes", "Other nodes known to this node.", registry=self._registry
        )
        self.users = Gauge(
            "trio_chat_users", "Users online, on all nodes together.", registry=self._registry
        )
        self.rooms = Gauge(
            "trio_chat_rooms",
            "Rooms in memory, with (occupied) or without (empty) members on this node.",
            ["state"],
            registry=self._registry,
        )
        self.watch_hub(users=lambda: 0, occupied=lambda: 0, empty=lambda: 0)
        self.loop_lag_seconds = Spread(
            "trio_chat_loop_lag_seconds",
            "Delay of the event loop's wakeups, sampled twice a second.",
            _LAG_BUCKETS_SECONDS,
        )
        self._registry.register(self.loop_lag_seconds)
        self.hub_turn_seconds = Spread(
            "trio_chat_hub_turn_seconds",
            "Time from the first request of a turn to its last delivery. If the commit overlaps "
            "the delivery of the turn before, the time starts after that delivery.",
            _TURN_BUCKETS_SECONDS,
        )
        self._registry.register(self.hub_turn_seconds)
        self.store_append_seconds = Spread(
            "trio_chat_store_append_seconds",
            "Duration of an append to a durable store, including the commit.",
            _APPEND_BUCKETS_SECONDS,
        )
        self._registry.register(self.store_append_seconds)
        self.store_failures = self._tally(
            "store_failures", "Calls of a durable store that failed or timed out."
        )
        self.store_outages = self._tally(
            "store_outages", "Times a durable store became unreachable."
        )
        self.store_bytes = Gauge(
            "trio_chat_store_bytes",
            "Size of the SQLite file or of the PostgreSQL tables.",
            registry=self._registry,
        )
        self.store_wal_bytes = Gauge(
            "trio_chat_store_wal_bytes",
            "Size of SQLite's write-ahead log.",
            registry=self._registry,
        )
        self.store_epoch_changes = self._tally(
            "store_epoch_changes", "Times the store held another history than before."
        )
        self.bad_envelopes = self._tally(
            "bad_envelopes", "Invalid payloads on the channel of the backplane."
        )
        self.foreign_envelopes = self._tally(
            "foreign_envelopes", "Envelopes rejected because their node uses another database."
        )
        self.nodes_unheard = Gauge(
            "trio_chat_nodes_unheard",
            "Nodes that are registered in the database but silent on the backplane.",
            registry=self._registry,
        )
        self.node_clock_difference = Gauge(
            "trio_chat_node_clock_difference_seconds",
            "Largest difference between the clocks of this node and another.",
            registry=self._registry,
        )
        self.backplane_up = Gauge(
            "trio_chat_backplane_up",
            "Whether the backplane is up: 1 or 0; always 1 without other nodes.",
            registry=self._registry,
        )
        self.backplane_up.set(1)
        self.backplane_outages = self._tally(
            "backplane_outages", "Times the backplane became unreachable."
        )
        self.backplane_published = self._tally(
            "backplane_published", "Payloads sent to the other nodes."
        )
        self.backplane_received = self._tally(
            "backplane_received", "Payloads received from other nodes."
        )
        self.backplane_dropped = self._tally(
            "backplane_dropped",
            "Payloads dropped because the backplane was unreachable or a queue was full.",
        )

        self.log_lines_dropped = Asked(
            "trio_chat_log_lines_dropped", "Log lines dropped because stderr was blocked or failed."
        )
        self._registry.register(self.log_lines_dropped)
        self.build_info = Gauge(
            "trio_chat_build_info",
            "Version of the server and of Python; always 1.",
            ["version", "python"],
            registry=self._registry,
        )
        self.build_info.labels(__version__, platform.python_version()).set(1)
        GCCollector(self._registry)

    def _tally(self, name: str, what: str) -> Tally:
        tally = Tally(f"trio_chat_{name}", what)
        self._registry.register(tally)
        return tally

    def _labelled(self, name: str, what: str, label: str, values: Iterable[str]) -> Counter:
        counter = Counter(f"trio_chat_{name}", what, [label], registry=self._registry)
        for value in values:
            counter.labels(value)
        return counter

    def count_response(self, status: int) -> None:
        """Count one HTTP response."""
        self.http_responses.labels(str(status)).inc()

    def include(self, collector: Collector) -> None:
        """Expose the metrics of another collector, too."""
        self._registry.register(collector)

    def watch_queues(self, waiting_frames: Callable[[], float]) -> None:
        """Read the depth of the send queues from this function at each scrape."""
        self.queue_frames.set_function(waiting_frames)

    def watch_nodes(self, known: Callable[[], int]) -> None:
        """Read the number of other nodes from this function at each scrape."""
        self.nodes.set_function(known)

    def watch_hub(
        self,
        *,
        users: Callable[[], int],
        occupied: Callable[[], int],
        empty: Callable[[], int],
    ) -> None:
        """Read the numbers of users and rooms from these functions at each scrape."""
        self.users.set_function(users)
        self.rooms.labels("occupied").set_function(occupied)
        self.rooms.labels("empty").set_function(empty)

    def watch_log_lines(self, dropped: Callable[[], int]) -> None:
        """Read the number of dropped log lines from this function at each scrape."""
        self.log_lines_dropped.ask = dropped

    def watch_unheard(self, unheard: Callable[[], int]) -> None:
        """Read the number of silent nodes from this function at each scrape."""
        self.nodes_unheard.set_function(unheard)

    def watch_clocks(self, largest_difference: Callable[[], float]) -> None:
        """Read the largest difference between clocks from this function at each scrape."""
        self.node_clock_difference.set_function(largest_difference)

    def text(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
