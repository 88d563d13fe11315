"""Room for many sockets in this process, as the server makes for itself."""

import resource
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _many_sockets() -> Iterator[None]:
    """Lift our soft limit of open files to the hard one, while these tests run."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
