"""Writes the databases of the present version into this folder."""

import shutil
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from tempfile import TemporaryDirectory

import trio

from tests.support.postgres import running
from trio_chat import __version__
from trio_chat.store.sql.opened import open_sql_store

from . import DRAFTS, FOLDER, MARKS


async def write(url: str) -> None:
    async with open_sql_store(url) as store:
        await store.append(DRAFTS, MARKS)
        await store.check()


def main() -> None:
    target = FOLDER / f"{__version__}.db"
    if target.exists():
        sys.exit(f"{target} exists, and the database of a release never changes")
    with TemporaryDirectory() as folder:
        source = Path(folder, target.name)
        trio.run(write, f"sqlite:{source}")
        with closing(connect(source)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(source, target)
        shutil.copyfile(f"{source}.mark", f"{target}.mark")
    with running() as cluster:
        url = cluster.fresh_url()
        trio.run(write, url)
        target.with_suffix(".sql").write_bytes(cluster.dump_as_sql(url))


if __name__ == "__main__":
    main()
