"""The endpoint of a server that requires tokens."""

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from tests.support.tokens import SECRET, for_user
from tests.websocket.test_endpoint import ECHO, Gate, gate, refusal_of
from tests.websocket.wire import code_of, text, upgrade
from trio_chat.access.tokens import Identity, Key, Verifier
from trio_chat.hub.requests import Join
from trio_chat.protocol.close_codes import CloseCode
from trio_chat.protocol.handshake import Upgrade
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


EXPIRED = for_user("Mallory", NOW - 1)


@pytest.mark.parametrize(
    ("token", "fault"),
    [
        (None, "no token"),
        ("", "malformed"),
        ("a.b.c", "malformed"),
        (EXPIRED, "expired"),
        (for_user("Mallory", NOW + 60, nbf=NOW + 1), "not valid yet"),
        (GOOD + "x", None),
        (for_user("", NOW + 60), None),
    ],
)
async def test_refused_client_receives_only_that_its_token_has_expired(
    token: str | None, fault: str | None
) -> None:
    challenge = "Bearer"
    async with gate(verifier=VERIFIER, wall_ms=wall_ms) as scene:
        refusal = scene.admit(upgrade(), token)
        assert refusal is not None
        if token is not None:
            message = "The token has expired" if token == EXPIRED else "Invalid token"
            challenge = f'Bearer error="invalid_token", error_description="{message}"'
            assert refusal.message == message
        headers = {b"WWW-Authenticate": challenge.encode()}
        assert refusal_of(refusal) == (401, "unauthorized", headers)
        assert fault in {None, refusal.fault}
        assert not token or token not in repr(refusal)


async def test_tokens_are_verified_last() -> None:
    limits = {"upgrade_rate": 0.001, "upgrade_burst": 1, "max_connections": 1}
    async with gate(verifier=VERIFIER, wall_ms=wall_ms, **limits) as scene:
        assert refusal_of(scene.admit(upgrade(), "bad"))[0] == 401
        # The address has spent its rate on trying.
        assert refusal_of(scene.admit(upgrade(), "bad"))[0] == 429
        elsewhere = upgrade(address="192.0.2.8")
        await scene.connect(await admitted(scene, elsewhere))
        assert refusal_of(scene.admit(upgrade(), "bad"))[0] == 503


@pytest.mark.parametrize("path", ["/ws", "/ws/echo"])
async def test_connection_ends_with_its_token(path: str, patient_clock: MockClock) -> None:
    began = patient_clock.current_time()

    def wall_clock() -> int:
        return int(1000 * (NOW + 55 + patient_clock.current_time() - began))

    with capture_logs() as lines:
        async with gate(verifier=VERIFIER, wall_ms=wall_clock) as scene:
            request = await admitted(scene, upgrade(path=path, origin="https://chat.test"))
            client, _ = await scene.connect(request)
            if path == "/ws":
                await client.send(text(""))
                join = await scene.requests.receive()
                assert isinstance(join, Join)
                assert join.name == ANN.name
            assert code_of(await client.receive()) == CloseCode.TOKEN_ENDED
            assert patient_clock.current_time() - began == pytest.approx(5, abs=1)
    known = [(line["event"], line.get("user"), line.get("origin")) for line in lines]
    assert known[0] == ("connected", "Ann", "https://chat.test")
