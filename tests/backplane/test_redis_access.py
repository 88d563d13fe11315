"""Who is let in by a Redis, and which Redis is believed."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trustme
from structlog.testing import capture_logs

from tests.backplane.conftest import backplane, last_error, node, talk
from tests.contracts.backplanes import IN, OUT, Ear
from tests.support.certificates import authority, certificate_files
from tests.support.ports import HOST, free_port
from tests.support.redis import Redis, running
from trio_chat.backplane.redis import RedisBackplane
from trio_chat.settings import Settings

RIGHTS = ("resetchannels", "&chat", "-@all", "+publish", "+subscribe", "+ping")
"""All that a node needs, as the guide for operators has it."""


def with_user(redis: Redis, user: str, *, host: str = HOST) -> str:
    """Its URL for a user."""
    return f"redis://{user}@{host}:{redis.port}"


@pytest.fixture
def closed_redis() -> Iterator[Redis]:
    """One that wants a password."""
    with running("--requirepass", "hush", password="hush") as redis:
        yield redis


async def one_try(one: RedisBackplane) -> str:
    """Let it try once to come in reach, and give what the store says; the password is not in it."""
    with capture_logs() as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run, Ear())
            while not lines:  # noqa: ASYNC110 - the test has a time limit
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert "hush" not in repr(lines)
    return str(lines[0].get("reason", ""))


async def test_a_password_lets_in(closed_redis: Redis) -> None:
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
async def test_a_wrong_password_is_trouble_that_is_told_without_it(
    closed_redis: Redis, user: str, says: str
) -> None:
    assert says in await one_try(backplane(with_user(closed_redis, user)))


async def test_a_redis_that_comes_back_without_our_user_is_one_more_line(
    closed_redis: Redis,
) -> None:
    with capture_logs() as lines:
        async with node(with_user(closed_redis, ":hush")) as ann:
            closed_redis.run("CONFIG", "SET", "requirepass", "another")
            closed_redis.password = "another"
            closed_redis.run("CLIENT", "KILL", "TYPE", "pubsub")
            await last_error(ann.backplane, "invalid username-password pair")
    assert [line["event"] for line in lines] == [
        "backplane reachable",
        "backplane unreachable",
        "backplane refuses this node",
    ]
    assert "invalid username-password pair" in lines[2]["reason"]


async def test_it_comes_in_when_the_password_has_been_set(closed_redis: Redis) -> None:
    one, ear = backplane(with_user(closed_redis, ":new-hush")), Ear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, ear)
        await last_error(one, "invalid username-password pair")
        closed_redis.run("CONFIG", "SET", "requirepass", "new-hush")
        await ear.until(IN)
        nursery.cancel_scope.cancel()


async def test_a_user_with_the_least_rights_is_enough(redis: Redis) -> None:
    password = secrets.token_urlsafe() + "%40"
    redis.run("ACL", "SETUSER", "node", "on", f">{password.replace('%40', '@')}", *RIGHTS)
    url = with_user(redis, f"node:{password}")
    async with node(url) as ann, node(url) as bob:
        await talk(ann, bob, b"hello")
        # Long enough to be asked whether it is there.
        await trio.sleep(1.5)
        assert ann.ear.told == [IN, b"hello"]
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
async def test_without_one_of_the_rights_it_says_what_is_missing(
    redis: Redis, missing: str, says: str
) -> None:
    redis.run("ACL", "SETUSER", "node", "on", ">hush", *RIGHTS)
    redis.run("ACL", "SETUSER", "node", missing)
    one, ear = backplane(with_user(redis, "node:hush")), Ear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, ear)
        if missing == "-publish":
            await ear.until(IN)
            one.publish(b"hello")
        await last_error(one, says)
        nursery.cancel_scope.cancel()


async def test_a_user_whose_rights_are_taken_is_out_of_reach(redis: Redis) -> None:
    redis.run("ACL", "SETUSER", "node", "on", ">hush", *RIGHTS)
    async with node(with_user(redis, "node:hush")) as ann:
        redis.run("ACL", "DELUSER", "node")
        await ann.ear.until(IN, OUT)
        await last_error(ann.backplane, "invalid username-password pair")


@pytest.fixture(scope="module")
def authority_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of who signs those of the tests."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return path


def tls_options(folder: Path, port: int, ca: Path, clients: str) -> tuple[str, ...]:
    files = certificate_files(folder)
    return (
        *("--tls-port", str(port), "--tls-auth-clients", clients, "--tls-ca-cert-file", str(ca)),
        *("--tls-cert-file", str(files.cert), "--tls-key-file", str(files.key)),
    )


async def test_over_tls_a_private_authority_is_named_in_the_url(
    tmp_path: Path, authority_file: Path
) -> None:
    port = free_port()
    with running(*tls_options(tmp_path, port, authority_file, "no")) as redis:
        url = f"rediss://{HOST}:{port}?ssl_ca_certs={authority_file}"
        async with node(url) as ann, node(url.replace(HOST, "localhost")) as bob:
            await talk(ann, bob, bytes(100_000))
            redis.restart()
            await ann.ear.until(IN, OUT, IN)


async def test_over_tls_a_client_s_certificate_lets_in(
    tmp_path: Path, authority_file: Path
) -> None:
    port = free_port()
    with running(*tls_options(tmp_path, port, authority_file, "yes")):
        url = f"rediss://{HOST}:{port}?ssl_ca_certs={authority_file}"
        assert await one_try(backplane(url))
        mine = f"ssl_certfile={tmp_path}/cert.pem&ssl_keyfile={tmp_path}/key.pem"
        async with node(f"{url}&{mine}") as ann, node(f"{url}&{mine}") as bob:
            await talk(ann, bob, b"hello")


async def test_over_tls_nobody_else_is_believed(tmp_path: Path, authority_file: Path) -> None:
    port = free_port()
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with running(*tls_options(tmp_path, port, authority_file, "no")):
        for trusted in ("", f"?ssl_ca_certs={other}"):
            why = await one_try(backplane(f"rediss://:hush@{HOST}:{port}{trusted}"))
            assert why.startswith("its certificate is no good: "), why


async def test_over_tls_a_certificate_for_another_name_is_not_believed(
    tmp_path: Path, authority_file: Path
) -> None:
    port = free_port()
    options = tls_options(tmp_path, port, authority_file, "no")
    made = authority().issue_cert("redis.example")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    made.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    with running(*options):
        url = f"rediss://:hush@{HOST}:{port}?ssl_ca_certs={authority_file}"
        why = await one_try(backplane(url))
        assert why.startswith("its certificate is no good: IP address mismatch")
