"""The way of an envelope from the backplane to the hub."""

from functools import partial

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from tests.cluster.nodes import Pair, Published
from tests.hub.scene import Scene
from trio_chat.cluster.envelope import Envelope, pack, unpack
from trio_chat.cluster.heads import UNCONNECTED_SECONDS
from trio_chat.hub.requests import InTurn


async def test_the_receiver_skips_invalid_payloads(pair: Pair) -> None:
    receiver = pair.scene.receiver()
    one, two = pair.stores("one"), pair.stores("two")
    with capture_logs() as lines:
        await receiver.receive([pack(pair.envelope(()))])
        await pair.ask()
        assert "warning" not in {line["log_level"] for line in lines}
        receiver.receive_nowait([b"garbage"])  # the hub receives no empty request
        receiver.receive_nowait([b"{}", pack(pair.envelope(one))])
        await receiver.receive([b"garbage", pack(pair.envelope(two))])
        await pair.ask()
    assert [line["log_level"] for line in lines].count("warning") == 1
    assert pair.got == ["2 eve: one", "3 eve: two"]
    assert pair.scene.metrics.bad_envelopes.count == 3


async def test_the_hub_receives_the_next_envelopes_after_it_has_applied_the_last(
    pair: Pair, nursery: trio.Nursery
) -> None:
    scene = Scene(pair.store, backplane=Published())  # its hub does not run
    receiver = scene.receiver()
    payloads = [pack(pair.envelope(())) for _ in range(2)]

    async def receive() -> None:
        for payload in payloads:
            await receiver.receive([payload])

    async def take() -> list[Envelope]:
        (request,) = await scene.hub.inbox.take()
        assert isinstance(request, InTurn)
        assert isinstance(request.decide, partial)
        envelopes, done = request.decide.args
        done()
        await trio.testing.wait_all_tasks_blocked()
        return list(envelopes)

    nursery.start_soon(receive)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(trio.WouldBlock):
        receiver.receive_nowait(payloads)
    assert [await take(), await take()] == [[unpack(payload)] for payload in payloads]


async def test_the_receiver_refuses_another_history(pair: Pair) -> None:
    metrics, envelope = pair.scene.metrics, pair.envelope(pair.stores("one"))
    envelope.epoch = "theirs"
    receiver = pair.scene.receiver()
    with pytest.raises(trio.WouldBlock):
        receiver.receive_nowait([b"garbage", pack(envelope)])
    assert metrics.bad_envelopes.count == metrics.foreign_envelopes.count == 0
    await receiver.receive([pack(envelope)])
    await pair.ask()
    assert (pair.got, len(pair.scene.cluster.peers)) == ([], 0)
    assert metrics.foreign_envelopes.count == 1


async def test_the_receiver_reports_outages_of_the_backplane(pair: Pair) -> None:
    receiver, peers = pair.scene.receiver(), pair.scene.cluster.peers
    await receiver.down()
    pair.stores("one")
    await pair.wait(UNCONNECTED_SECONDS)
    assert [peers.listens_since] == [None]
    assert pair.got == ["2 eve: one"]
    pair.stores("two")
    await receiver.up()
    await pair.wait(0)
    assert peers.listens_since is not None
    assert pair.got == ["2 eve: one", "3 eve: two"]
