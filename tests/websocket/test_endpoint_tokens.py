"""The endpoint of a server that requires tokens."""

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.support.tokens import SECRET, for_user
from tests.websocket.test_endpoint import ECHO, Gate, gate, refusal_of
from tests.websocket.wire import code_of, text, upgrade
from trio_chat.access.tokens import Key, Verifier
from trio_chat.hub.requests import Join
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.handshake import Identity, Upgrade
from trio_chat.protocol.names import Name

NOW = 1_800_000_000
VERIFIER = Verifier([Key("HS256", SECRET.encode())])
GOOD = for_user("Ann", NOW + 60)
ANN = Identity(Name("Ann", "ann"), NOW + 60)


def wall_ms() -> int:
    return NOW * 1000


async def admitted(scene: Gate, request: Upgrade, token: str = GOOD) -> Upgrade:
    outcome = scene.endpoint.admit(request, token)
    assert isinstance(outcome, Upgrade)
    await trio.lowlevel.checkpoint()
    return outcome


@pytest.mark.parametrize("request_", [upgrade(), ECHO], ids=["chat", "echo"])
async def test_valid_token_identifies_the_client(request_: Upgrade) -> None:
    async with gate(verifier=VERIFIER, wall_ms=wall_ms) as scene:
        assert (await admitted(scene, request_)).identity == ANN


async def test_server_without_tokens_identifies_nobody() -> None:
    async with gate() as scene:
        assert (await admitted(scene, upgrade())).identity is None


EXPIRED = for_user("Ann", NOW)
INVALID = ["", "x", GOOD + "x", for_user("", NOW + 60), GOOD[:-1]]


async def test_missing_token_receives_401() -> None:
    async with gate(verifier=VERIFIER, wall_ms=wall_ms) as scene:
        refusal = scene.admit(upgrade(), None)
        assert refusal_of(refusal) == (401, "unauthorized", {b"WWW-Authenticate": b"Bearer"})


@pytest.mark.parametrize("token", [EXPIRED, *INVALID])
async def test_only_an_expired_token_receives_the_reason(token: str) -> None:
    message = "The token has expired" if token == EXPIRED else "Invalid token"
    challenge = f'Bearer error="invalid_token", error_description="{message}"'.encode()
    async with gate(verifier=VERIFIER, wall_ms=wall_ms) as scene:
        refusal = scene.admit(upgrade(), token)
        assert refusal_of(refusal) == (401, "unauthorized", {b"WWW-Authenticate": challenge})
        assert refusal is not None
        assert refusal.message == message


async def test_tokens_are_verified_last() -> None:
    limits = {"upgrade_rate": 0.001, "upgrade_burst": 1, "max_connections": 1}
    async with gate(verifier=VERIFIER, wall_ms=wall_ms, **limits) as scene:
        assert refusal_of(scene.admit(upgrade(), "bad"))[0] == 401
        # The address has spent its rate on trying.
        assert refusal_of(scene.admit(upgrade(), "bad"))[0] == 429
        elsewhere = upgrade(address="192.0.2.8")
        await scene.connect(await admitted(scene, elsewhere))
        assert refusal_of(scene.admit(upgrade(), "bad"))[0] == 503


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        (None, "no token"),
        ("a.b.c", "malformed"),
        (for_user("Mallory", NOW - 1), "expired"),
        (for_user("Mallory", NOW + 60, nbf=NOW + 1), "not valid yet"),
    ],
)
async def test_fault_of_a_token_is_only_logged(token: str | None, fault: str) -> None:
    async with gate(verifier=VERIFIER, wall_ms=wall_ms) as scene:
        refusal = scene.admit(upgrade(), token)
        assert refusal is not None
        assert refusal.fault == fault
        assert token is None or token not in repr(refusal)
        answer = refusal.message.encode() + repr(refusal.headers).encode()
        assert fault == "expired" or fault.encode() not in answer


async def test_every_log_line_has_the_user_of_the_token() -> None:
    with capture_logs() as lines:
        async with gate(verifier=VERIFIER, wall_ms=wall_ms) as scene:
            request = await admitted(scene, upgrade(origin="https://chat.test"))
            client, _ = await scene.connect(request)
            await client.send(text(""))
            await scene.requests.receive()
            await client.close()
            await scene.endpoint.drain()
    assert [(line["event"], line.get("user"), line.get("origin")) for line in lines] == [
        ("connected", "Ann", "https://chat.test"),
        ("joined", "Ann", None),
        ("disconnected", "Ann", None),
    ]


@pytest.mark.parametrize("path", ["/ws", "/ws/echo"])
async def test_connection_ends_with_its_token(path: str, patient_clock: MockClock) -> None:
    began = patient_clock.current_time()

    def wall_clock() -> int:
        return int(1000 * (NOW + 55 + patient_clock.current_time() - began))

    async with gate(verifier=VERIFIER, wall_ms=wall_clock) as scene:
        client, _ = await scene.connect(await admitted(scene, upgrade(path=path)))
        if path == "/ws":
            await client.send(text(""))
            join = await scene.requests.receive()
            assert isinstance(join, Join)
            assert join.name == ANN.name
        assert code_of(await client.receive()) == CloseCode.TOKEN_ENDED
        assert patient_clock.current_time() - began == pytest.approx(5, abs=1)
