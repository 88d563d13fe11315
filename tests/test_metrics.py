import platform
import re

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from trio_chat import __version__
from trio_chat.errors import ErrorCode
from trio_chat.http import response
from trio_chat.metrics import WRITE_TIMEOUT, Metrics
from trio_chat.procfs import ProcessCollector
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.handshake import Refusal

KINDS = {
    "counter": """
        accept_failures backplane_dropped backplane_outages backplane_published backplane_received
        bad_envelopes connection_failures connects deliveries drops foreign_envelopes
        http_responses log_lines_dropped received_bytes received_messages refusals sent_bytes
        store_epoch_changes store_failures store_outages
    """,
    "gauge": """
        backplane_up build_info connections node_clock_difference_seconds nodes nodes_unheard
        queue_frames rooms store_bytes store_wal_bytes users
    """,
    "histogram": "hub_turn_seconds store_append_seconds loop_lag_seconds",
}
LABELLED = {"drops", "refusals", "http_responses", "log_lines_dropped"}

_STANDARD = """
    process_cpu_seconds process_max_fds process_open_fds process_resident_memory_bytes
    process_start_time_seconds process_virtual_memory_bytes python_gc_collections
    python_gc_objects_collected python_gc_objects_uncollectable
"""
STANDARD = set(_STANDARD.split())
"""Metrics with the standard names of the client library."""


def families(metrics: Metrics) -> list[Metric]:
    """Return the metrics as another parser reads them, without the creation times."""
    read = text_string_to_metric_families(metrics.text().decode())
    return [family for family in read if not family.name.endswith("_created")]


def samples(metrics: Metrics) -> dict[tuple[str, str], float]:
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in families(metrics)
        for sample in family.samples
    }


def test_every_metric_has_a_type_and_a_help_text() -> None:
    ours = [family for family in families(Metrics()) if family.name not in STANDARD]
    kinds = {family.name.removeprefix("trio_chat_"): family.type for family in ours}
    assert kinds == {name: kind for kind, names in KINDS.items() for name in names.split()}
    assert all(family.name.startswith("trio_chat_") for family in ours)
    assert all(re.fullmatch(r"[A-Z].+\.", family.documentation) for family in ours)


def test_standard_metrics_of_process_and_python_exist() -> None:
    metrics = Metrics()
    metrics.include(ProcessCollector())
    names = {family.name for family in families(metrics)}
    # Linux before 6.2 does not count the descriptors.
    assert STANDARD - names <= {"process_open_fds"}


def test_every_label_exists_from_the_start() -> None:
    shown = samples(Metrics())
    for code in CloseCode:
        assert shown["trio_chat_drops_total", code.name.lower()] == 0
    assert shown["trio_chat_drops_total", WRITE_TIMEOUT] == 0
    of_http = [one for one in vars(response).values() if isinstance(one, Refusal)]
    for reason in {*ErrorCode, *(one.code for one in of_http)}:
        assert shown["trio_chat_refusals_total", reason] == 0
    for status in {101, 200, 304, 401, 429, 503, *(one.status for one in of_http)}:
        assert shown["trio_chat_http_responses_total", str(status)] == 0


def test_build_info_names_the_versions() -> None:
    assert (
        f'trio_chat_build_info{{python="{platform.python_version()}",version="{__version__}"}}'
        in (Metrics().text().decode())
    )


def test_watched_values_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    value = 0
    metrics.watch_hub(users=lambda: value, occupied=lambda: value, empty=lambda: value + 1)
    metrics.watch_queues(lambda: value)
    metrics.watch_log_lines(lambda: value)
    for value in (0, 7):
        shown = samples(metrics)
        assert shown["trio_chat_users", ""] == value
        assert shown["trio_chat_rooms", "occupied"] == value
        assert shown["trio_chat_rooms", "empty"] == value + 1
        assert shown["trio_chat_queue_frames", ""] == value
        assert shown["trio_chat_log_lines_dropped_total", ""] == value


@pytest.mark.parametrize("name", sorted({*KINDS["counter"].split()} - LABELLED))
def test_a_counter_counts(name: str) -> None:
    metrics = Metrics()
    getattr(metrics, name).count += 3
    assert samples(metrics)[f"trio_chat_{name}_total", ""] == 3


def test_a_turn_is_counted_in_its_bucket() -> None:
    metrics = Metrics()
    metrics.hub_turn_seconds.observe(0.003)
    text = metrics.text().decode()
    assert 'trio_chat_hub_turn_seconds_bucket{le="0.0025"} 0.0' in text
    assert 'trio_chat_hub_turn_seconds_bucket{le="0.005"} 1.0' in text
    assert 'trio_chat_hub_turn_seconds_bucket{le="1.0"} 1.0' in text


def test_two_servers_have_separate_metrics() -> None:
    one, other = Metrics(), Metrics()
    one.received_messages.count += 1
    assert samples(other)["trio_chat_received_messages_total", ""] == 0
