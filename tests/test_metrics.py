import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from trio_chat.metrics import Metrics

COUNTERS = {
    "backplane_outages",
    "backplane_published",
    "backplane_received",
    "backplane_thrown_away",
    "bad_envelopes",
    "connects",
    "messages_in",
    "deliveries",
    "bytes_in",
    "bytes_out",
    "drops",
    "foreign_envelopes",
    "refusals",
    "accept_failures",
    "connection_failures",
    "log_failures",
    "log_lines_dropped",
    "log_outages",
    "store_epoch_changes",
}
GAUGES = {
    "backplane_in_reach",
    "connections",
    "node_clock_difference_seconds",
    "nodes",
    "queue_frames",
}


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    """What another reader of the format finds: name and reason, and the value."""
    return {
        (sample.name, sample.labels.get("reason", "")): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_each_kind_of_figure_is_there_with_its_type_and_a_help() -> None:
    read = text_string_to_metric_families(Metrics().text().decode())
    # The library adds the time at which each counter began.
    families = [family for family in read if not family.name.endswith("_created")]
    kinds = {family.name.removeprefix("trio_chat_"): family.type for family in families}
    assert kinds == {
        **dict.fromkeys(COUNTERS, "counter"),
        **dict.fromkeys(GAUGES, "gauge"),
        "hub_turn_seconds": "histogram",
        "log_append_seconds": "histogram",
    }
    assert all(family.name.startswith("trio_chat_") for family in families)
    assert all(re.fullmatch(r"[A-Z].+\.", family.documentation) for family in families)


@pytest.mark.parametrize("name", sorted(COUNTERS - {"drops", "refusals", "log_lines_dropped"}))
def test_a_counter_counts(name: str) -> None:
    metrics = Metrics()
    getattr(metrics, name).count += 3
    assert samples(metrics)[f"trio_chat_{name}_total", ""] == 3


@pytest.mark.parametrize("name", ["drops", "refusals"])
def test_what_has_a_reason_is_counted_by_it(name: str) -> None:
    metrics = Metrics()
    counter = getattr(metrics, name)
    counter.labels(reason="too_slow").inc()
    counter.labels(reason="no_pong").inc(2)
    read = samples(metrics)
    assert read[f"trio_chat_{name}_total", "too_slow"] == 1
    assert read[f"trio_chat_{name}_total", "no_pong"] == 2


def test_the_queues_are_asked_whenever_the_metrics_are_read() -> None:
    metrics = Metrics()
    waiting = 0.0
    metrics.watch_queues(lambda: waiting)
    assert samples(metrics)["trio_chat_queue_frames", ""] == 0
    waiting = 7.0
    assert samples(metrics)["trio_chat_queue_frames", ""] == 7


def test_the_count_of_dropped_lines_is_asked_for_whenever_the_metrics_are_read() -> None:
    metrics = Metrics()
    assert samples(metrics)["trio_chat_log_lines_dropped_total", ""] == 0
    metrics.watch_log_lines(lambda: 3)
    assert samples(metrics)["trio_chat_log_lines_dropped_total", ""] == 3


def test_connections_go_up_and_down() -> None:
    metrics = Metrics()
    metrics.connections.inc()
    metrics.connections.inc()
    metrics.connections.dec()
    assert samples(metrics)["trio_chat_connections", ""] == 1


def test_a_turn_falls_into_the_bucket_of_its_time() -> None:
    metrics = Metrics()
    metrics.hub_turn_seconds.observe(0.003)
    text = metrics.text().decode()
    assert 'trio_chat_hub_turn_seconds_bucket{le="0.0025"} 0.0' in text
    assert 'trio_chat_hub_turn_seconds_bucket{le="0.005"} 1.0' in text
    assert 'trio_chat_hub_turn_seconds_bucket{le="1.0"} 1.0' in text


def test_two_servers_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.messages_in.count += 1
    assert samples(other)["trio_chat_messages_in_total", ""] == 0


def test_the_content_type_is_that_of_the_text_format() -> None:
    assert Metrics.content_type.startswith("text/plain; version=0.0.4")
