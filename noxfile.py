"""The one door to every check: ``nox`` runs what CI runs, ``nox -s NAME`` one of them."""

import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import nox

PROJECT = nox.project.load_toml("pyproject.toml")
SOURCES = ("noxfile.py", "tests", "trio_chat")
# Whichever Python runs nox is the main one: there is no machine on which all is skipped.
MAIN = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = sorted({"3.11", "3.12", "3.13", MAIN})
# It kills the server before that could say what it has run, and waits between two kills.
KILLED = "tests/stress/torture"
# Some minutes of three nodes that are killed, and all that is around them: a session of its own.
CLUSTER = "tests/stress/cluster/test_cluster.py"
# Not of one module: these start servers and browsers, and take their time.
WHOLE_SERVER = (
    "tests/stress/autobahn",
    "tests/blackbox",
    "tests/stress/cluster",
    "tests/deploy",
    "tests/docs",
    "tests/e2e",
    "tests/stress/load",
    KILLED,
)
# They give a round trip a second, or count processor time: beside others that says nothing.
ALONE = ("tests/blackbox/test_battery.py", "tests/deploy/test_rolling.py", "tests/stress/load")
# A few long tests, which are not kept together by their file.
LONG = (KILLED, "tests/stress/autobahn")
# What it finds, or how fast it is, does not hang on which Python it is.
ONCE = ("tests/bench", "tests/fuzz")
# The first and the last Python show it; a database knows nothing of those between.
ON_TWO = ("tests/contracts",)
# Four at a time, a file in one piece: most tests wait for a server, or for time to pass, and leave
# more than half of two cores idle otherwise. In their order, as the long ones come early there.
SIDE_BY_SIDE = ("--numprocesses=4", "--dist=loadfile", "--no-loadscope-reorder")

LOCKED = {
    "backend": ("requirements/backend.in",),
    "base": ("pyproject.toml",),
    "server": ("pyproject.toml", "--extra", "postgres", "--extra", "redis"),
    **{group: ("--group", group) for group in PROJECT["dependency-groups"]},
}
"""The files of requirements/, and what each is made from."""

FUZZ_TARGETS = ("frames", "limited_frames", "heads", "commands")

nox.needs_version = ">=2025.2"
# A missing one is reported in the summary as skipped; it is no failure, and nothing is downloaded.
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
# Not fuzz: the suite runs its tests with fixed examples; new random ones are for searching, and
# what they find becomes a test. Not bench, not load: they want a quiet machine. Not autobahn: it
# takes ten minutes, and its plain cases are in the suite.
nox.options.sessions = ["lint", "types", "imports", "tests", "cluster", "e2e", "docs", "build"]


def install(session: nox.Session, *groups: str, project: bool = True) -> None:
    """Install dependency groups as locked, each package held to its hash, and the project."""
    wanted = (*groups, "base", "backend") if project else groups
    files = [f"requirements/{group}.txt" for group in wanted]
    session.install("--require-hashes", *[word for file in files for word in ("-r", file)])
    if project:
        session.install("--no-deps", "--no-build-isolation", "-e", ".")


def ignoring(paths: Iterable[str]) -> list[str]:
    """Give pytest's options that leave these out."""
    return [f"--ignore={path}" for path in paths]


def has_atheris() -> bool:
    """Whether there is a wheel of it, as the marker in pyproject.toml says."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff's rules and its formatting."""
    install(session, "lint", project=False)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy, strict, for all of it; and the client's are complete for who imports it."""
    install(session, "dev")
    session.run("mypy")
    session.run("basedpyright", "--verifytypes", "trio_chat.client", "--ignoreexternal")


@nox.session
def imports(session: nox.Session) -> None:
    """Floors: imports run downwards only."""
    install(session, "lint")
    session.run("lint-imports", "--no-logo")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The full suite on the main Python, with the unit tests' coverage; these on the others."""
    # The benchmark has tests of its own, and they look at what it measures. Behind nginx there is a
    # browser, too.
    install(session, "e2e" if session.python == MAIN else "test", "bench", "autobahn")
    session.env["HYPOTHESIS_PROFILE"] = "ci"
    if session.posargs:
        # Somebody looks into a few tests: their coverage means nothing.
        session.run("pytest", *session.posargs)
        return
    if session.python != MAIN:
        session.env["HYPOTHESIS_PROFILE"] = "other"
        left_out = (*WHOLE_SERVER, *ONCE, *(() if session.python == PYTHONS[-1] else ON_TWO))
        session.run("pytest", *SIDE_BY_SIDE, *ignoring(left_out))
        return
    session.run("pytest", *ALONE)
    session.run("pytest", "--numprocesses=3", "--dist=load", *LONG)
    # Not measured: that takes twice as long, and the unit tests reach every line that these do.
    others = [folder for folder in WHOLE_SERVER if folder not in {*ALONE, *LONG, "tests/e2e"}]
    session.run("pytest", *SIDE_BY_SIDE, *others, *ignoring((*ALONE, CLUSTER)))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *SIDE_BY_SIDE, *ignoring(WHOLE_SERVER))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--fail-under=95")
    whole = "trio_chat/protocol/*,trio_chat/hub/*"
    session.run("coverage", "report", f"--include={whole}", "--fail-under=100")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Search for what breaks it, half of it by coverage: ``nox -s fuzz -- SECONDS`` (600)."""
    install(session, "test", "fuzz")
    seconds = float(session.posargs[0]) if session.posargs else 600.0
    if has_atheris():
        for target in FUZZ_TARGETS:
            each = max(1, round(seconds / 2 / len(FUZZ_TARGETS)))
            session.run("python", "-m", "tests.fuzz.guided", target, str(each))
    else:
        session.warn("there is no atheris for this machine: nothing is guided by coverage")
    session.env["HYPOTHESIS_PROFILE"] = "fuzz"
    started = time.monotonic()
    rounds = 0
    while not rounds or time.monotonic() - started < seconds / 2:
        session.run("pytest", "tests/fuzz", "--quiet", "--timeout=600")
        rounds += 1
    session.log(f"{rounds} rounds in {time.monotonic() - started:.0f} s")


@nox.session
def autobahn(session: nox.Session) -> None:
    """All 517 cases of the Autobahn suite, in ten minutes: ``nox -s autobahn -- GROUP …``."""
    install(session, "test", "autobahn")
    session.run("python", "-m", "tests.stress.autobahn", *session.posargs)


@nox.session
def torture(session: nox.Session) -> None:
    """Kill the server again and again, for as long as ``nox -s torture -- --kills 100`` says."""
    install(session, "test")
    session.run("python", "-m", "tests.stress.torture", *session.posargs)


@nox.session
def cluster(session: nox.Session) -> None:
    """Three nodes of which all may die: three minutes, or ``nox -s cluster -- --duration 600``."""
    install(session, "test")
    if session.posargs:
        session.run("python", "-m", "tests.stress.cluster", *session.posargs)
    else:
        session.run("pytest", CLUSTER)


@nox.session
def load(session: nox.Session) -> None:
    """Load that takes minutes and wants a quiet machine; the rest of it is in the suite."""
    install(session, "test")
    session.run("pytest", "tests/stress/load", "-m", "load", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """The pages in a real browser: Debian's chromium."""
    if shutil.which("chromium") is None:
        session.error("there is no chromium; on Debian: apt-get install chromium")
    install(session, "e2e")
    session.run("pytest", *SIDE_BY_SIDE, "tests/e2e", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation; a warning is an error."""
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
    install(session, "build", project=False)
    shutil.rmtree("dist", ignore_errors=True)
    # No isolation: hatchling too comes in the version of constraints.txt. The wheel is made from
    # the sdist, so nothing can be missing there either.
    session.run("python", "-m", "build", "--no-isolation")
    (wheel,) = Path("dist").glob("*.whl")
    (sdist,) = Path("dist").glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(wheel), str(sdist))
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "venv", f"{folder}/venv")
        python = f"{folder}/venv/bin/python"
        pip = (python, "-m", "pip")
        locked = (*pip, "install", "--quiet", "--require-hashes", "-r")
        session.run(*locked, "requirements/base.txt", external=True)
        session.run(*pip, "install", "--quiet", "--no-deps", str(wheel), external=True)
        session.run(*pip, "check", external=True)
        session.run("python", "-m", "tests.installed", python)
        # The SBOM lists what operators install: the extras too, but not the installer.
        session.run(*locked, "requirements/server.txt", external=True)
        session.run(*pip, "uninstall", "--quiet", "--yes", "setuptools", "pip", external=True)
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
    """How fast it is, beside others; takes minutes and wants a quiet machine."""
    install(session, "bench", "test")
    session.run("python", "-m", "tests.bench", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write ``requirements/``: each group in the versions of constraints.txt, with hashes."""
    session.install("--require-hashes", "-r", "requirements/lock.txt")
    # The same on every Python and platform that is supported.
    locking = ("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11.7")
    shown = ("--generate-hashes", "--no-annotate", "--constraint", "constraints.txt")
    session.env["UV_CUSTOM_COMPILE_COMMAND"] = "nox -s lock"
    for name, source in LOCKED.items():
        session.run(*locking, *shown, *source, "--output-file", f"requirements/{name}.txt")
