"""Members of several encodings in a room: the hub makes the frames of each once a turn."""

import pytest
import trio

from tests.hub.scene import Recorder, Scene, forget, join, leave, say
from tests.support.frames import RSV1, take_frame
from trio_chat.hub.deliver import MEMBERS_BETWEEN_CHECKPOINTS
from trio_chat.protocol import encodings
from trio_chat.protocol.deflate import deflate
from trio_chat.protocol.encodings import Encoding

LONG = "a long text" * 40


@pytest.fixture
def compressed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    payloads: list[bytes] = []

    def counted(payload: bytes) -> bytes:
        payloads.append(payload)
        return deflate(payload)

    monkeypatch.setattr(encodings, "deflate", counted)
    return payloads


def are_deflated(member: Recorder) -> list[bool]:
    taken = [take_frame(bytearray(frame)) for frame in member.frames]
    return [frame is not None and frame.rsv == RSV1 for frame in taken]


async def test_each_member_receives_frames_in_its_own_encoding(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", encoding=Encoding.DEFLATED)
    forget(ann, bob)
    await scene.ask(say(ann, LONG), say(bob, "short"))
    assert ann.writes == bob.writes == [[f"3 ann: {LONG}", "4 bob: short"]]
    assert are_deflated(ann) == [False, False]
    assert are_deflated(bob) == [True, False]


async def test_hub_compresses_a_message_once(scene: Scene, compressed: list[bytes]) -> None:
    ann = await scene.join("ann")
    others = [Recorder(Encoding.DEFLATED) for _ in range(20)]
    held = [Recorder(Encoding.DEFLATED, waits=True) for _ in range(3)]
    await scene.ask(*(join(member, "bob") for member in (*others, *held)))
    compressed.clear()
    await scene.ask(say(ann, LONG))
    assert len(compressed) == 1
    assert all(member.got[-1] == f"3 ann: {LONG}" for member in others)
    held[0].activate()
    assert held[0].got == ["2 * bob has joined the chat", f"3 ann: {LONG}", "[ann bob] 2"]
    assert are_deflated(held[0]) == [False, True, False]


async def test_hub_compresses_for_deflated_members_only(
    scene: Scene, compressed: list[bytes]
) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", encoding=Encoding.DEFLATED)
    await scene.join("cid", room="elsewhere", encoding=Encoding.DEFLATED)
    await scene.ask(leave(bob))
    await scene.ask(say(ann, LONG))
    assert compressed == []


async def test_a_message_to_one_member_has_its_encoding(scene: Scene) -> None:
    names = [f"{'n' * 25}{number:03}" for number in range(20)]
    for name in names:
        await scene.join(name)
    plain = await scene.join(names[0])
    deflated = await scene.join(names[0], encoding=Encoding.DEFLATED)
    assert plain.got == deflated.got == [f"[{' '.join(names)}] 20"]
    assert (are_deflated(plain), are_deflated(deflated)) == ([False], [True])


async def test_metric_counts_the_bytes_offered_in_each_encoding(scene: Scene) -> None:
    members = [await scene.join(encoding.name, encoding=encoding) for encoding in Encoding]
    forget(*members)
    before = scene.metrics.sent_bytes.count
    await scene.ask(say(members[0], LONG))
    assert scene.metrics.sent_bytes.count - before == sum(
        len(frame) for member in members for frame in member.frames
    )


class Steps(trio.abc.Instrument):
    """Counts the offers in each step of any task, from one checkpoint to the next."""

    def __init__(self) -> None:
        self.offers = [0]

    def before_task_step(self, _task: trio.lowlevel.Task) -> None:
        self.offers.append(0)

    def count(self) -> None:
        self.offers[-1] += 1


async def test_slices_count_members_of_all_encodings(scene: Scene) -> None:
    half = MEMBERS_BETWEEN_CHECKPOINTS // 2 + 1
    members = [
        Recorder(encoding) for encoding in (Encoding.PLAIN, Encoding.DEFLATED) for _ in range(half)
    ]
    for member in members:
        await scene.ask(join(member, "ann"))
    steps = Steps()
    for member in members:
        member.on_offer = steps.count
    trio.lowlevel.add_instrument(steps)
    await scene.ask(say(members[0], LONG))
    trio.lowlevel.remove_instrument(steps)
    assert [count for count in steps.offers if count] == [half, half]
