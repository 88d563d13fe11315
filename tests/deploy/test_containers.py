"""The contents of the container file and the compose file; no engine runs here."""

import re
import subprocess
import sys
import tomllib
from typing import Any

import yaml

from tests.support.nginx import SHIPPED, nodes_file
from tests.support.server import ChatServer
from trio_chat.settings import Settings

from .node import variables_of

CONTAINERFILE = (SHIPPED / "Containerfile").read_text()
CHECKOUT = SHIPPED.parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((SHIPPED / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
NODES = {name: service for name, service in SERVICES.items() if name.startswith("node")}
PORT = variables_of(CONTAINERFILE)["TRIO_CHAT_PORT"]


def address(service: dict[str, Any]) -> str:
    """Return the fixed address of a service."""
    found = service["networks"]["chat"]["ipv4_address"]
    assert isinstance(found, str)
    return found


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_three_nodes_differ_only_in_their_address() -> None:
    assert len(NODES) == 3
    rest = [{key: node[key] for key in node if key != "networks"} for node in NODES.values()]
    assert rest[0] == rest[1] == rest[2]
    assert len({address(node) for node in NODES.values()}) == 3


def test_nginx_lists_the_address_of_each_node() -> None:
    (source,) = SERVICES["nginx"]["configs"]
    assert source["target"] == "/etc/nginx/trio-chat/nodes.conf"
    said = COMPOSE["configs"][source["source"]]["content"].splitlines()
    file = nodes_file((address(node), int(PORT)) for node in NODES.values()).splitlines()
    assert said == [line for line in file if line and not line.lstrip().startswith("#")]


def test_nginx_uses_the_shipped_files_and_nodes_trust_only_nginx() -> None:
    nginx = SERVICES["nginx"]
    mounts = dict(volume.split(":")[:2] for volume in nginx["volumes"])
    assert mounts["./nginx-main.conf"] == "/etc/nginx/nginx.conf"
    assert mounts["./nginx.conf"].startswith("/etc/nginx/conf.d/")
    for node in NODES.values():
        assert node["environment"]["TRIO_CHAT_TRUSTED_PROXY"] == address(nginx)


def test_the_server_starts_with_the_environment_of_a_node() -> None:
    given = {**variables_of(CONTAINERFILE), **NODES["node1"]["environment"]}
    # Compose replaces the variable of the password.
    store = re.sub(r"\$\{POSTGRES_PASSWORD:.*?\}", "secret", given.pop("TRIO_CHAT_STORE"))
    Settings(store=store, backplane=given.pop("TRIO_CHAT_BACKPLANE"))
    assert given.pop("TRIO_CHAT_PORT") == PORT
    flags = ("--host", "127.0.0.1", "--store", "memory:", "--backplane", "local:")
    with ChatServer(*flags, extra=given):
        pass


def test_the_database_and_redis_are_services_with_these_names() -> None:
    for node in NODES.values():
        store, backplane = (
            node["environment"][f"TRIO_CHAT_{key}"] for key in ("STORE", "BACKPLANE")
        )
        postgres = SERVICES["postgres"]["environment"]
        user, database = postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]
        assert store == f"postgresql://{user}:{postgres['POSTGRES_PASSWORD']}@postgres/{database}"
        assert backplane == "redis://redis:6379"
        assert set(node["depends_on"]) == {"postgres", "redis"}


def test_a_node_is_healthy_when_it_is_ready() -> None:
    word, python, *arguments = NODES["node1"]["healthcheck"]["test"]
    assert (word, python) == ("CMD", "/opt/trio-chat/bin/python")
    asked = f"http://127.0.0.1:{PORT}/readyz"
    assert asked in arguments[-1]

    def status(there: str) -> int:
        command = [sys.executable, arguments[0], arguments[1].replace(asked, there)]
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode

    with ChatServer() as node:
        url = node.page("/readyz")
        assert status(url) == 0
        assert status(f"{url}-not") == 1


def test_a_node_runs_unprivileged_and_has_time_to_drain() -> None:
    last = CONTAINERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)
    assert int(user)
    for node in NODES.values():
        assert node["read_only"]
        assert node["cap_drop"] == ["ALL"]
        assert seconds(node["stop_grace_period"]) > Settings().shutdown_grace_seconds
        assert node["ulimits"]["nofile"] > Settings().max_connections


def test_images_are_named_without_a_host_and_with_a_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
    assert len(images) == 5
    for image in images:
        assert re.fullmatch(r"[a-z]+:\d+(\.\d+)*[a-z-]*", image), image


def test_every_copied_and_installed_file_exists() -> None:
    for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.MULTILINE):
        for source in sources.split():
            assert (CHECKOUT / source).exists(), source
    installed = CONTAINERFILE.replace(" \\\n", "")
    for command in re.findall(r"/bin/pip install (.*?)(?:&&|\n)", installed):
        # Packages with hashes, or our own wheel.
        assert command.startswith(("--require-hashes ", "--no-deps --no-index ")), command
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    (program,) = re.findall(
        r'^ENTRYPOINT \["/opt/trio-chat/bin/(.*)"\]$', CONTAINERFILE, re.MULTILINE
    )
    assert program in project["scripts"]


def test_all_nodes_together_fit_into_the_connections_of_a_database() -> None:
    usual = 100 - 3  # the default of PostgreSQL, less those for its superuser
    of_one = Settings().store_pool_size + Settings().store_pool_overflow + 1
    assert len(NODES) * of_one < usual
