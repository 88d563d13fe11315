import logging
import sqlite3

import pytest
from sqlalchemy import QueuePool, create_engine, event

from trio_chat.store.sql.errors import outages


def test_the_pool_logs_no_traceback_of_a_broken_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = create_engine("sqlite://", poolclass=QueuePool)

    @event.listens_for(engine, "reset")
    def fail(*_: object) -> None:
        raise sqlite3.OperationalError

    with caplog.at_level(logging.ERROR), outages(), engine.connect():
        pass
    engine.dispose()
    assert caplog.records == []
