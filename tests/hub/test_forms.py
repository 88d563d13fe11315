"""Members of two forms in a room: each gets its own frames, made once a turn for all of them."""

import pytest
import trio

import trio_chat.protocol.encodings as outgoing_module
from tests.hub.scene import Recorder, Scene, forget, join, leave, say
from tests.support.frames import RSV1, take_frame
from trio_chat.hub.deliver import MEMBERS_BETWEEN_CHECKPOINTS
from trio_chat.protocol.deflate import deflate
from trio_chat.protocol.encodings import Encoding

FORMS = (Encoding.PLAIN, Encoding.DEFLATED)
LONG = "a long text" * 40


class Counted:
    """A deflate that remembers what it was given."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def __call__(self, payload: bytes) -> bytes:
        """Note it, and deflate it."""
        self.payloads.append(payload)
        return deflate(payload)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    counted = Counted()
    monkeypatch.setattr(outgoing_module, "deflate", counted)
    return counted


def are_deflated(member: Recorder) -> list[bool]:
    """For each frame a member got, whether it says that it is deflated."""
    taken = [take_frame(bytearray(frame)) for frame in member.frames]
    return [frame is not None and frame.rsv == RSV1 for frame in taken]


def sent_bytes(scene: Scene) -> float:
    return scene.metrics._registry.get_sample_value("trio_chat_sent_bytes_total") or 0.0


async def test_each_member_receives_frames_in_its_own_encoding(scene: Scene) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", encoding=Encoding.DEFLATED)
    forget(ann, bob)
    await scene.ask(say(ann, LONG), say(bob, "short"))
    assert ann.writes == bob.writes == [[f"3 ann: {LONG}", "4 bob: short"]]
    assert are_deflated(ann) == [False, False]
    assert are_deflated(bob) == [True, False]


async def test_hub_compresses_a_message_once_for_all_members(
    scene: Scene, counted: Counted
) -> None:
    ann = await scene.join("ann")
    others = [Recorder(Encoding.DEFLATED) for _ in range(20)]
    held = [Recorder(Encoding.DEFLATED, waits=True) for _ in range(3)]
    await scene.ask(*(join(member, "bob") for member in (*others, *held)))
    counted.payloads.clear()
    await scene.ask(say(ann, LONG))
    assert len(counted.payloads) == 1
    assert all(member.got[-1] == f"3 ann: {LONG}" for member in others)


async def test_hub_compresses_nothing_without_deflated_members(
    scene: Scene, counted: Counted
) -> None:
    ann, bob = await scene.join("ann"), await scene.join("bob", encoding=Encoding.DEFLATED)
    await scene.join("cid", room="elsewhere", encoding=Encoding.DEFLATED)
    await scene.ask(leave(bob))
    await scene.ask(say(ann, LONG))
    assert counted.payloads == []


async def test_backlog_keeps_frames_in_the_encoding_of_the_member(scene: Scene) -> None:
    ann = await scene.join("ann")
    bob = await scene.join("bob", encoding=Encoding.DEFLATED, waits=True)
    await scene.ask(say(ann, LONG))
    bob.activate()
    assert bob.got == ["2 * bob has joined the chat", f"3 ann: {LONG}", "[ann bob] 2"]
    assert are_deflated(bob) == [False, True, False]


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
    before = sent_bytes(scene)
    await scene.ask(say(members[0], LONG))
    assert sent_bytes(scene) - before == sum(
        len(frame) for member in members for frame in member.frames
    )


class Steps(trio.abc.Instrument):
    """Counts the offers in each step of any task: from one checkpoint to the next."""

    def __init__(self) -> None:
        self.offers = [0]

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - it may be any
        """Begin to count anew."""
        self.offers.append(0)

    def count(self) -> None:
        """There was an offer."""
        self.offers[-1] += 1


async def test_slices_count_members_of_all_encodings(scene: Scene) -> None:
    half = MEMBERS_BETWEEN_CHECKPOINTS // 2 + 1
    members = [Recorder(encoding) for encoding in FORMS for _ in range(half)]
    for member in members:
        await scene.ask(join(member, "ann"))
    steps = Steps()
    for member in members:
        member.on_offer = steps.count
    trio.lowlevel.add_instrument(steps)
    await scene.ask(say(members[0], LONG))
    trio.lowlevel.remove_instrument(steps)
    assert [count for count in steps.offers if count] == [half, half]
