"""systemd accepts the unit, and the server accepts its flags and environment."""

import re
import shutil
import subprocess
from pathlib import Path

import attrs
import pytest

from tests.support.nginx import SHIPPED
from tests.support.server import ChatServer
from trio_chat.settings import Settings, flag_name
from trio_chat.store.breaker import LIMIT_SECONDS

from .node import variables_of

UNIT = (SHIPPED / "trio-chat@.service").read_text()
ENVIRONMENT = (SHIPPED / "trio-chat.env").read_text()
PROGRAM = "/opt/trio-chat/bin/trio-chat"


def value(name: str) -> str:
    """Return the value of the only line with this name."""
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)
    assert isinstance(found, str)
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The file of an instance, with a program of this machine."""
    path = tmp_path / "trio-chat@8081.service"
    path.write_text(UNIT.replace(PROGRAM, "/bin/true"))
    return path


def analyze(*words: str) -> None:
    """Run systemd-analyze, which must report nothing."""
    program = shutil.which("systemd-analyze")
    assert program, "no systemd-analyze here; on Debian: apt-get install systemd"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr


def test_systemd_accepts_the_unit(unit: Path) -> None:
    analyze("verify", "--man=no", str(unit))


def test_systemd_rates_the_unit_as_little_exposed(unit: Path) -> None:
    analyze("security", "--offline=true", "--threshold=20", str(unit))


def test_the_unit_s_flags_are_settings() -> None:
    program, *words = value("ExecStart").split()
    assert program == PROGRAM
    flags = {f"--{flag_name(field.name)}" for field in attrs.fields(Settings)}
    assert {word for word in words if word.startswith("--")} <= flags
    assert words[words.index("--port") + 1] == "%i"


def test_a_node_has_time_to_drain_and_gets_one_signal() -> None:
    assert value("KillSignal") == "SIGTERM"
    assert int(value("TimeoutStopSec").removesuffix("s")) > Settings().shutdown_grace_seconds


def test_a_node_has_a_descriptor_for_each_connection() -> None:
    store = Settings().store_pool_size + Settings().store_pool_overflow + 1
    redis = 1
    most = Settings().max_connections + store + redis
    assert int(value("LimitNOFILE")) > most + 100


def test_systemd_waits_for_the_server_to_be_ready_and_watches_it() -> None:
    assert value("Type") == "notify"
    assert value("NotifyAccess") == "main"
    assert value("ExecReload") == "/bin/kill -HUP $MAINPID"
    # A turn waits for the store at most twice before the breaker opens.
    assert float(value("WatchdogSec").removesuffix("s")) / 2 > 2 * LIMIT_SECONDS


def test_systemd_retries_a_failed_start_without_limit() -> None:
    assert value("Restart") == "on-failure"
    assert value("StartLimitIntervalSec") == "0"
    assert "RestartPreventExitStatus" not in UNIT


def test_the_unit_names_the_nodes_of_nginx() -> None:
    named = set(re.findall(r"trio-chat@(\d+)", UNIT))
    nodes = re.findall(
        r"^ *server (\S+):(\d+) ", (SHIPPED / "nginx-nodes.conf").read_text(), re.MULTILINE
    )
    assert {port for _, port in nodes} == named
    assert {host for host, _ in nodes} == set(Settings().host)


def test_the_server_starts_with_the_environment_given() -> None:
    file = value("EnvironmentFile").removeprefix("-")
    assert file in ENVIRONMENT
    variables = variables_of(ENVIRONMENT)
    assert "TRIO_CHAT_AUTH" in variables  # in a comment
    # No database and no Redis are at these addresses.
    Settings(store=variables.pop("TRIO_CHAT_STORE"), backplane=variables.pop("TRIO_CHAT_BACKPLANE"))
    with ChatServer("--store", "memory:", "--backplane", "local:", extra=variables):
        pass
