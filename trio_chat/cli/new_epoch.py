"""``trio-chat new-epoch``: give the store's history a new identity, after a restore."""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from trio_chat.cli.lines import standard_streams
from trio_chat.cli.logs import configure
from trio_chat.cli.sources import ConfigFile, with_secrets
from trio_chat.errors import Outage, StartError
from trio_chat.settings import Settings

_DEFAULTS = Settings()

_SQLITE: Final = "sqlite:"


def new_epoch(
    *,
    config: ConfigFile = None,
    settings: Annotated[Settings, Parameter(name="*", show=False)] = _DEFAULTS,
) -> int:
    """Give a restored store a new epoch.

    Run it after you restore a backup (--store, or the same settings as the
    server). Clients then load the history anew, and none resumes after messages
    that the backup lacks. No message changes. Stop the server first. Nodes that
    share a PostgreSQL database may run: they adopt the epoch within 10 s.
    """
    del config
    with standard_streams() as streams:
        configure(settings.log_format, settings.log_level, streams.stderr)
        # Imported late, as in `serve`.
        import trio  # noqa: PLC0415

        url = with_secrets(settings).store
        if url == "memory:":
            raise StartError("a store in memory gets a new epoch at each start")
        if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
            raise StartError(f"no store at {url}")
        epoch = trio.run(take_new_epoch, url)
        streams.stdout.write(f"The store has the epoch {epoch}\n")
    return 0


async def take_new_epoch(url: str) -> str:
    """Open a store, and give it a new epoch.

    Raises:
        StartError: A server holds the store, or opening or writing it failed.
    """
    from trio_chat.store.sql.opened import open_sql_store  # noqa: PLC0415

    # Nodes may share a database; one server alone holds an SQLite file.
    async with open_sql_store(url, exclusive=url.startswith(_SQLITE)) as store:
        try:
            return await store.take_new_epoch(store.epoch)
        except Outage as outage:
            raise StartError(f"the store has no new epoch: {outage}") from outage
