from collections.abc import AsyncIterator

import pytest

from tests.client.fake import FakeServer, fake_server


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    """A server in the test's own loop."""
    async with fake_server() as server:
        yield server
