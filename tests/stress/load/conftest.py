"""Raises the limit of open files of this process, as the server does."""

import resource
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _many_sockets() -> Iterator[None]:
    """Raise the soft limit of open files to the hard one during these tests."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
