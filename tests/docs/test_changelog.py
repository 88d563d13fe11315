import re

from .pages import DOCS

FRAGMENT = re.compile(r"[a-z0-9-]+\.(added|changed|deprecated|removed|fixed|security)\.md")


def test_fragments_of_the_changelog_are_named_as_its_readme_says() -> None:
    names = {path.name for path in (DOCS / "changelog.d").iterdir()}
    assert [name for name in names - {"README.md"} if not FRAGMENT.fullmatch(name)] == []
