"""The present code keeps every name that the last release promised to keep."""

from .stable_names import FILE, stable_names

RELEASED = set(FILE.read_text(encoding="utf-8").splitlines())
PRESENT = set(stable_names())


def test_no_stable_name_is_missing() -> None:
    assert sorted(RELEASED - PRESENT) == [], "docs/reference/compatibility.md says how names end"


def test_no_command_requires_a_field_that_a_released_client_may_omit() -> None:
    commands = {line.split()[2] for line in RELEASED if line.startswith("server receives ")}
    required = {line for line in PRESENT if " only with " in line and line.split()[2] in commands}
    assert sorted(required - RELEASED) == []
