"""Passwords, rights and certificates of Redis."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from tests.backplane.conftest import failing, node, talk
from tests.contracts.backplanes import DOWN, UP
from tests.support.certificates import authority, certificate_files
from tests.support.ports import HOST, free_port
from tests.support.redis import Redis, running
from trio_chat.settings import Settings

RIGHTS = ("resetchannels", "&chat", "-@all", "+publish", "+subscribe", "+ping")
"""The rights of a node in the guide for operators."""


def with_user(redis: Redis, user: str) -> str:
    return f"redis://{user}@{HOST}:{redis.port}"


@pytest.fixture
def closed_redis() -> Iterator[Redis]:
    with running("--requirepass", "hush", password="hush") as redis:
        yield redis


async def first_failure(url: str) -> str:
    """Return the reason of the first failure; no log line has the password."""
    with capture_logs() as lines:
        async with failing(url) as (one, _):
            why = await one.failure()
    assert "hush" not in repr(lines)
    assert lines[0]["reason"] == why
    return why


async def test_a_node_connects_with_the_password(closed_redis: Redis) -> None:
    url = with_user(closed_redis, ":hush")
    async with node(url) as ann, node(url) as bob:
        await talk(ann, bob, b"hello")


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (":wrong-hush", "invalid username-password pair"),
        ("ann:hush", "invalid username-password pair"),
        ("", "HELLO must be called with"),
    ],
)
async def test_a_wrong_password_is_an_error_without_the_password(
    closed_redis: Redis, user: str, says: str
) -> None:
    assert says in await first_failure(with_user(closed_redis, user))


async def test_a_refusal_during_an_outage_writes_another_line(closed_redis: Redis) -> None:
    with capture_logs() as lines:
        async with node(with_user(closed_redis, ":hush")) as ann:
            closed_redis.run("CONFIG", "SET", "requirepass", "another")
            closed_redis.password = "another"
            closed_redis.run("CLIENT", "KILL", "TYPE", "pubsub")
            await ann.recorder.until(UP, DOWN)
            await ann.backplane.failure("invalid username-password pair")
            closed_redis.run("CONFIG", "SET", "requirepass", "hush")
            await ann.recorder.until(UP, DOWN, UP)
    assert [line["event"] for line in lines] == [
        "backplane reachable",
        "backplane unreachable",
        "backplane refuses this node",
        "backplane reachable again",
    ]
    assert "invalid username-password pair" in lines[2]["reason"]


async def test_a_node_needs_only_the_documented_rights(redis: Redis) -> None:
    password = secrets.token_urlsafe() + "%40"
    redis.run("ACL", "SETUSER", "node", "on", f">{password.replace('%40', '@')}", *RIGHTS)
    url = with_user(redis, f"node:{password}")
    async with node(url) as ann, node(url) as bob:
        await talk(ann, bob, b"hello")
        await ann.backplane.answers(2)  # of a PING, too
        assert ann.recorder.received == [UP, b"hello"]
        assert redis.run("ACL", "LOG") == ""


def test_the_guide_grants_exactly_these_rights() -> None:
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "several-nodes.md"
    rights = " ".join(RIGHTS).replace("&chat", f"&{Settings().backplane_channel}")
    assert f"\nuser chat on >$redis_password {rights}\n" in guide.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("-subscribe", "'subscribe'"),
        ("-publish", "'publish'"),
        ("-ping", "'ping'"),
        ("resetchannels", "one of the channels"),
    ],
)
async def test_an_error_names_the_missing_right(redis: Redis, missing: str, says: str) -> None:
    redis.run("ACL", "SETUSER", "node", "on", ">hush", *RIGHTS)
    redis.run("ACL", "SETUSER", "node", missing)
    async with failing(with_user(redis, "node:hush")) as (one, recorder):
        if missing == "-publish":
            await recorder.until(UP)
            one.publish(b"hello")
        await one.failure(says)


@pytest.fixture(scope="module")
def authority_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return path


def tls_options(folder: Path, port: int, ca: Path, clients: str) -> tuple[str, ...]:
    files = certificate_files(folder)
    return (
        *("--tls-port", str(port), "--tls-auth-clients", clients, "--tls-ca-cert-file", str(ca)),
        *("--tls-cert-file", str(files.cert), "--tls-key-file", str(files.key)),
    )


async def test_nodes_trust_the_authority_in_the_url(tmp_path: Path, authority_file: Path) -> None:
    port = free_port()
    with running(*tls_options(tmp_path, port, authority_file, "no")) as redis:
        url = f"rediss://{HOST}:{port}?ssl_ca_certs={authority_file}"
        async with node(url) as ann, node(url.replace(HOST, "localhost")) as bob:
            await talk(ann, bob, bytes(100_000))
            redis.restart()
            await ann.recorder.until(UP, DOWN, UP)


async def test_a_client_certificate_grants_access(tmp_path: Path, authority_file: Path) -> None:
    port = free_port()
    with running(*tls_options(tmp_path, port, authority_file, "yes")):
        url = f"rediss://{HOST}:{port}?ssl_ca_certs={authority_file}"
        assert await first_failure(url)
        mine = f"ssl_certfile={tmp_path}/cert.pem&ssl_keyfile={tmp_path}/key.pem"
        async with node(f"{url}&{mine}") as ann, node(f"{url}&{mine}") as bob:
            await talk(ann, bob, b"hello")


@pytest.mark.parametrize("trusted", ["system", "another authority", "another name"])
async def test_a_node_refuses_a_certificate_that_it_cannot_verify(
    tmp_path: Path, authority_file: Path, trusted: str
) -> None:
    port = free_port()
    options = tls_options(tmp_path, port, authority_file, "no")
    file = authority_file
    if trusted == "another authority":
        file = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(file)
    elif trusted == "another name":
        made = authority().issue_cert("redis.example")
        made.private_key_pem.write_to_path(tmp_path / "key.pem")
        made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    with running(*options):
        query = "" if trusted == "system" else f"?ssl_ca_certs={file}"
        why = await first_failure(f"rediss://:hush@{HOST}:{port}{query}")
    assert why.startswith("invalid certificate: ")
    assert ("IP address mismatch" in why) is (trusted == "another name")
