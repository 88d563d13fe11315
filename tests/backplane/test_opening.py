"""The choice of the backplane by the settings."""

import sys

import pytest
import trio

from tests.contracts.backplanes import Recorder
from tests.support.local_server import local_server
from tests.support.postgres import Cluster
from tests.support.redis import Redis
from trio_chat.backplane.local import LocalBackplane
from trio_chat.backplane.opening import make_backplane
from trio_chat.backplane.redis import RedisBackplane
from trio_chat.errors import StartError
from trio_chat.metrics import Metrics
from trio_chat.settings import Settings

POSTGRES = "postgresql://db.example/chat"
REDIS = "redis://ann:hush@redis.example"


async def test_the_local_backplane_does_nothing() -> None:
    metrics = Metrics()
    backplane = make_backplane(Settings(), metrics)
    assert isinstance(backplane, LocalBackplane)
    assert not backplane.is_shared
    assert backplane.last_error is None
    assert metrics.backplane_up._value.get() == 1
    backplane.publish(b"hello?")
    await backplane.flush()
    recorder = Recorder()
    with trio.move_on_after(0.01) as scope:
        await backplane.run(recorder)
    assert scope.cancelled_caught
    assert not recorder.received


def test_a_redis_backplane_has_its_settings_and_is_down_until_it_runs() -> None:
    metrics = Metrics()
    settings = Settings(store=POSTGRES, backplane=REDIS, backplane_channel="chat-2")
    backplane = make_backplane(settings, metrics)
    assert isinstance(backplane, RedisBackplane)
    assert backplane.is_shared
    assert backplane._channel == b"chat-2"
    assert backplane.last_error == "not connected yet"
    assert metrics.backplane_up._value.get() == 0


@pytest.mark.parametrize("store", ["memory:", "sqlite:chat.db"])
def test_redis_without_a_shared_store_is_refused(store: str) -> None:
    with pytest.raises(StartError, match="needs a store that nodes can share: postgresql://") as no:
        make_backplane(Settings(store=store, backplane=REDIS), Metrics())
    assert "hush" not in str(no.value)


def test_a_missing_driver_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hiredis", None)
    for name in ("redis", "outgoing", "resp"):
        monkeypatch.delitem(sys.modules, f"trio_chat.backplane.{name}", raising=False)
        monkeypatch.delattr(f"trio_chat.backplane.{name}", raising=False)
    with pytest.raises(StartError, match=r"pip install 'trio-chat\[redis\]'"):
        make_backplane(Settings(store=POSTGRES, backplane=REDIS), Metrics())


async def test_a_server_without_its_redis_is_ready_but_degraded(
    cluster: Cluster, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_up, note_up = trio.Event(), RedisBackplane._note_up
    monkeypatch.setattr(RedisBackplane, "_note_up", lambda *it: (note_up(*it), is_up.set()))
    redis.stop()
    try:
        async with local_server(store=cluster.emptied_url(), backplane=redis.url) as home:
            assert await home.get("/readyz") == (200, "ready, degraded: backplane")
            redis.start()
            await is_up.wait()
            assert await home.get("/readyz") == (200, "ready")
            assert "trio_chat_backplane_up 1.0" in (await home.get("/metrics"))[1]
    finally:
        if not redis.is_running:
            redis.start()
