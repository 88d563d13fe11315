import subprocess
import sys
from pathlib import Path


def test_an_unusable_output_folder_is_refused_at_once(
    tmp_path: Path,
) -> None:
    (tmp_path / "explanation").mkdir()
    command = [sys.executable, "-m", "tests.bench", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert f"no folder {tmp_path / 'images'}" in done.stderr
    assert "round 1" not in done.stderr
