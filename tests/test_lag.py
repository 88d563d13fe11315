"""How late the loop is, as seen from within."""

import trio
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from trio.testing import MockClock

from trio_chat.lag import INTERVAL_SECONDS, watch_lag
from trio_chat.metrics import Metrics


def lags(metrics: Metrics) -> tuple[float, float]:
    """Give the number of samples and their sum."""
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }
    name = "trio_chat_loop_lag_seconds"
    return values[f"{name}_count"], values[f"{name}_sum"]


async def test_a_stalled_loop_is_measured_and_logged(
    autojump_clock: MockClock,
) -> None:
    metrics = Metrics()
    late = 0.0
    with capture_logs() as lines, trio.move_on_after(3.75 * INTERVAL_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_lag, metrics, lambda: autojump_clock.current_time() + late)
            await trio.sleep(1.5 * INTERVAL_SECONDS)
            late = 7.0
    assert lags(metrics) == (3, 7)
    assert lines == [{"event": "event loop stalled", "seconds": 7.0, "log_level": "warning"}]
