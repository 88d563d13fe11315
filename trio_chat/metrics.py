"""What the server counts, in the text format of Prometheus."""

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
"""The reason of a drop for which no close frame can be sent: a write took too long."""

# A label that appears with its first event is no increase to `increase()`: all are there at once.
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

# A turn of the hub takes some 50 µs in a small room and some milliseconds in a big one; what comes
# near a second is trouble.
_TURN_BUCKETS_SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1.0)

# The loop is milliseconds late under load; people notice a quarter of a second.
_LAG_BUCKETS_SECONDS = (1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

# A commit takes a fraction of a millisecond on an SSD without waiting for it, some with; the last
# bound is where it is given up.
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
    """A counter that one thread counts, and so without the library's lock.

    Four of them are on the way of every message, so there is not even a call: who counts adds to
    `count`.

    Args:
        name: The metric's name, without ``_total``.
        what: What is counted.
    """

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what
        self.count = 0
        """What has been counted."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Say what has been counted, to the registry."""
        yield CounterMetricFamily(self._name, self._what, value=self.count)

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Say what would be collected."""
        return self.collect()


class Asked(Collector):
    """A counter that another object keeps; it is read whenever the metrics are.

    Args:
        name: The metric's name, without ``_total``.
        what: What is counted.
    """

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        self._what = what
        self.ask: Callable[[], float] = lambda: 0.0
        """Gives the count."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Ask, for the registry."""
        yield CounterMetricFamily(self._name, self._what, value=self.ask())

    def describe(self) -> Iterator[CounterMetricFamily]:
        """Say what would be collected."""
        return self.collect()


class Spread(Collector):
    """A histogram that one thread fills, for the same reason as `Tally`.

    Args:
        name: The metric's name.
        what: What is observed.
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
        """Say what has been observed, to the registry."""
        bounds = [*map(str, self._bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._name, self._what, buckets=buckets, sum_value=self._sum)

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Say what would be collected."""
        return self.collect()


class Metrics:
    """All counters of one server. Each has a registry of its own, so several fit in one process."""

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
        self.deliveries = self._tally("deliveries", "Frames given to members by the hub.")
        self.received_bytes = self._tally(
            "received_bytes", "Bytes received on WebSocket connections."
        )
        self.sent_bytes = self._tally("sent_bytes", "Bytes given to members by the hub.")
        self.drops = self._labelled("drops", "Connections ended by the server.", "reason", DROPS)
        self.refusals = self._labelled(
            "refusals", "Requests and commands refused.", "reason", REFUSALS
        )
        self.http_responses = self._labelled(
            "http_responses",
            "HTTP responses, upgrades to a WebSocket (101) among them.",
            "status",
            map(str, HTTP_STATUSES),
        )
        self.connection_failures = self._tally(
            "connection_failures", "Connections ended by an unexpected error in the server."
        )
        self.accept_failures = self._tally(
            "accept_failures", "Times no connection could be accepted: no descriptors, no memory."
        )
        self.queue_frames = Gauge(
            "trio_chat_queue_frames", "Frames waiting in all send queues.", registry=self._registry
        )
        self.nodes = Gauge(
            "trio_chat_nodes", "Other nodes that are known.", registry=self._registry
        )
        self.users = Gauge(
            "trio_chat_users", "Users online, on all nodes together.", registry=self._registry
        )
        self.rooms = Gauge(
            "trio_chat_rooms",
            "Rooms in memory: with members here, or without.",
            ["state"],
            registry=self._registry,
        )
        self.watch_hub(users=lambda: 0, occupied=lambda: 0, empty=lambda: 0)
        self.loop_lag_seconds = Spread(
            "trio_chat_loop_lag_seconds",
            "How much later than planned the event loop woke up, twice a second.",
            _LAG_BUCKETS_SECONDS,
        )
        self._registry.register(self.loop_lag_seconds)
        self.hub_turn_seconds = Spread(
            "trio_chat_hub_turn_seconds",
            "Time from taking requests out of the inbox to the last delivery; for a batch whose "
            "commit begins during the delivery before, from the end of that delivery.",
            _TURN_BUCKETS_SECONDS,
        )
        self._registry.register(self.hub_turn_seconds)
        self.store_append_seconds = Spread(
            "trio_chat_store_append_seconds",
            "Time of an append to a durable store, until it was committed.",
            _APPEND_BUCKETS_SECONDS,
        )
        self._registry.register(self.store_append_seconds)
        self.store_failures = self._tally(
            "store_failures", "Calls of a durable store that failed or took too long."
        )
        self.store_outages = self._tally(
            "store_outages", "Times a durable store went out of reach."
        )
        self.store_bytes = Gauge(
            "trio_chat_store_bytes",
            "Size of a durable store: of the SQLite file, or of the tables in PostgreSQL.",
            registry=self._registry,
        )
        self.store_wal_bytes = Gauge(
            "trio_chat_store_wal_bytes",
            "Size of SQLite's write-ahead log beside the file.",
            registry=self._registry,
        )
        self.store_epoch_changes = self._tally(
            "store_epoch_changes", "Times the store turned out to hold another history."
        )
        self.bad_envelopes = self._tally(
            "bad_envelopes", "Payloads on the backplane's channel that are no node's of this chat."
        )
        self.foreign_envelopes = self._tally(
            "foreign_envelopes", "Envelopes refused because they come from another database."
        )
        self.nodes_unheard = Gauge(
            "trio_chat_nodes_unheard",
            "Nodes that are registered in the database and not heard on the backplane.",
            registry=self._registry,
        )
        self.node_clock_difference = Gauge(
            "trio_chat_node_clock_difference_seconds",
            "Largest difference between this node's clock and another node's.",
            registry=self._registry,
        )
        self.backplane_up = Gauge(
            "trio_chat_backplane_up",
            "Whether other nodes can be heard and told: 1 or 0; 1 also where there are none.",
            registry=self._registry,
        )
        self.backplane_up.set(1)
        self.backplane_outages = self._tally(
            "backplane_outages", "Times the backplane went out of reach."
        )
        self.backplane_published = self._tally(
            "backplane_published", "Payloads sent to the other nodes."
        )
        self.backplane_received = self._tally(
            "backplane_received", "Payloads heard from other nodes."
        )
        self.backplane_dropped = self._tally(
            "backplane_dropped",
            "Payloads to or from other nodes that were thrown away: out of reach, or too many.",
        )

        self.log_lines_dropped = Asked(
            "trio_chat_log_lines_dropped", "Log lines that could not be written to stderr."
        )
        self._registry.register(self.log_lines_dropped)
        self.build_info = Gauge(
            "trio_chat_build_info",
            "The version that runs; always 1.",
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
        """Show what another collector finds, too."""
        self._registry.register(collector)

    def watch_queues(self, waiting_frames: Callable[[], float]) -> None:
        """Ask this function for the depth of the queues whenever the metrics are read."""
        self.queue_frames.set_function(waiting_frames)

    def watch_nodes(self, known: Callable[[], int]) -> None:
        """Ask this function how many other nodes there are, whenever the metrics are read."""
        self.nodes.set_function(known)

    def watch_hub(
        self,
        *,
        users: Callable[[], int],
        occupied: Callable[[], int],
        empty: Callable[[], int],
    ) -> None:
        """Ask these functions for users and rooms whenever the metrics are read."""
        self.users.set_function(users)
        self.rooms.labels("occupied").set_function(occupied)
        self.rooms.labels("empty").set_function(empty)

    def watch_log_lines(self, dropped: Callable[[], int]) -> None:
        """Ask this function how many log lines were dropped, whenever the metrics are read."""
        self.log_lines_dropped.ask = dropped

    def watch_unheard(self, unheard: Callable[[], int]) -> None:
        """Ask this function how many nodes are not heard, whenever the metrics are read."""
        self.nodes_unheard.set_function(unheard)

    def watch_clocks(self, largest_difference: Callable[[], float]) -> None:
        """Ask this function how far the clocks of nodes differ, whenever the metrics are read."""
        self.node_clock_difference.set_function(largest_difference)

    def text(self) -> bytes:
        """All of it, as ``/metrics`` shows it."""
        return generate_latest(self._registry)
