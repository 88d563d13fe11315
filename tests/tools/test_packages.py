"""The installer of system packages, with programs that only record how they are called."""

from pathlib import Path

import pytest

from tools import packages


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in the PATH; empty."""
    monkeypatch.setattr(packages, "_path", lambda: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def add(folder: Path, name: str, script: str = "") -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_only_packages_whose_program_is_absent_are_missing(folder: Path) -> None:
    for program in packages.PROGRAMS:
        if program not in {"nginx", "ip"}:
            add(folder, program)
    assert packages.missing() == ["iproute2", "nginx"]


def test_root_installs_through_apt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    add(folder, "apt-get", f'echo "$@" >> {folder}/calls')
    packages.install(["nginx", "curl"])
    assert (folder / "calls").read_text().splitlines() == [
        "-qq update",
        "-qq install --yes --no-install-recommends nginx curl",
    ]
    assert capfd.readouterr().out == "installing nginx curl\n"


def test_another_user_installs_through_sudo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    add(folder, "apt-get")
    add(folder, "sudo", f'echo "$@" >> {folder}/calls')
    packages.install(["nginx"])
    assert (folder / "calls").read_text().splitlines() == [
        f"env DEBIAN_FRONTEND=noninteractive apt-get -qq {arguments}"
        for arguments in ("update", "install --yes --no-install-recommends nginx")
    ]


@pytest.mark.parametrize(
    ("user", "programs"),
    [(1000, {"apt-get": ""}), (0, {}), (0, {"apt-get": "exit 100"})],
    ids=["no sudo", "no apt", "apt fails"],
)
def test_a_machine_that_cannot_install_says_what_to_type(
    folder: Path, monkeypatch: pytest.MonkeyPatch, user: int, programs: dict[str, str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    for name, script in programs.items():
        add(folder, name, script)
    with pytest.raises(packages.NotInstalledError) as raised:
        packages.install(["nginx", "curl"])
    assert str(raised.value).splitlines()[-1] == (
        "apt-get update && apt-get install --yes --no-install-recommends nginx curl"
    )


def test_the_headless_browser_is_optional(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for program in packages.PROGRAMS:
        add(folder, program)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    add(folder, "apt-get", "exit 100")
    packages.install_missing()
    assert "no chromium-headless-shell" in capfd.readouterr().out
