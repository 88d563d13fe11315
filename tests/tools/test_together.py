"""Sessions beside each other, with a shell in the place of nox."""

from pathlib import Path

import pytest

from tools.together import Sessions


def sessions(tmp_path: Path, script: str) -> Sessions:
    return Sessions(("sh", "-c", script, "sh"), tmp_path)


def test_lines_run_beside_each_other_and_a_free_one_takes_the_next_session(tmp_path: Path) -> None:
    # Each session waits for the file of the one after it, and the last for that of the one before.
    waiting = (
        'cd "$0"; touch "$1"; case "$1" in a) w=b;; b) w=c;; c) w=b;; esac; '
        "until [ -e $w ]; do sleep 0.01; done"
    )
    running = Sessions(("sh", "-c", waiting, str(tmp_path)), tmp_path)
    running.run({"a": 0, "b": 0, "c": 1}, lines=2)
    assert running.failed == []


def test_the_output_of_a_failed_session_comes_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = sessions(tmp_path, 'echo "output of $1"; [ "$1" != bad ]')
    running.run({"good": 0, "bad": 0, "better": 0}, lines=1)
    running.report()
    output = capsys.readouterr().out
    assert [line for line in output.splitlines() if line.startswith("output")] == [
        "output of good",
        "output of better",
        "output of bad",
    ]
    assert running.failed == ["bad"]


def test_the_figures_count_the_tests_of_pytest_and_node(tmp_path: Path) -> None:
    script = """case "$1" in
        pytest) echo "==== 1 failed, 20 passed, 3 skipped in 4.5s ====";;
        coverage) echo "==== 300 passed in 61.20s (0:01:01) ====";;
        node) echo "# pass 7";;
        none) echo "nox > Session none skipped: Python interpreter none not found.";;
        bad) exit 3;;
    esac"""
    running = sessions(tmp_path, script)
    running.run(dict.fromkeys(("pytest", "coverage", "node", "none", "bad"), 0), lines=1)
    assert running.report() == (
        "327 tests passed in 0 s; seconds by session: "
        "pytest 0, coverage 0, node 0, none skipped, bad FAILED after 0"
    )
