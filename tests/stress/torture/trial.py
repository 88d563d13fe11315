"""One trial: clients, a server, and the faults, all decided by one seed."""

import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import trio
from attrs import frozen

from tests.stress.torture.client import Client, make_clients
from tests.stress.torture.database import events_of
from tests.stress.torture.replaced import remove_write_ahead_log, replace_file
from tests.stress.torture.server import Victim
from tests.stress.torture.verdict import Rooms, Verdict, judge
from tests.support.process import TRIO_CHAT

ROOMS = ("dev", "general", "ops")

CALM_SECONDS = 60.0
"""The time that undisturbed clients have at the end to catch up."""

POLL_SECONDS = 0.1

NOTICE_SECONDS = 0.5
"""From replacing the file to the kill: time for the server to lose messages."""


@frozen
class Plan:
    """The faults of a trial.

    Attributes:
        seed: Decides all random choices, except those of the machine and its scheduler.
        clients: The number of clients.
        kills: The number of times the trial kills the server.
        least_seconds: The shortest life of a server.
        most_seconds: The longest life of a server.
        replacements: The number of kills before which the trial replaces the file; SQLite only.
    """

    seed: int
    clients: int = 20
    kills: int = 10
    least_seconds: float = 0.1
    most_seconds: float = 1.5
    replacements: int = 0


async def torture(
    plan: Plan, store: str, stderr: Path, program: Iterable[str] = TRIO_CHAT
) -> Verdict:
    """Run a trial.

    Args:
        plan: The faults.
        store: An empty durable store, as in `--store`.
        stderr: The file that receives the log lines of the server.
        program: The arguments of Python: the server, or a deliberately broken one.
    """
    rng = random.Random(plan.seed)
    victim = Victim(store, stderr, program)
    clients = make_clients(plan.clients, ROOMS, victim.port, plan.seed)
    try:
        async with trio.open_nursery() as nursery:
            await victim.start()
            for client in clients:
                nursery.start_soon(client.run)
            for number in range(plan.kills):
                await trio.sleep(rng.uniform(plan.least_seconds, plan.most_seconds))
                if number < plan.replacements:
                    await trio.to_thread.run_sync(replace_file, store, victim.pid)
                    await trio.sleep(NOTICE_SECONDS)
                    await victim.kill()
                    remove_write_ahead_log(store)
                await victim.kill()
                await victim.start()
            database = await calm(clients, store)
            nursery.cancel_scope.cancel()
        status = await victim.stop()
    finally:
        with trio.CancelScope(shield=True):
            await victim.kill()
    faults = {"killed": plan.kills, "replaced": plan.replacements}
    verdict = judge(clients, database, faults)
    if status:
        verdict.wrong.append(f"the server ended with {status}")
    return verdict


async def calm(clients: Sequence[Client], store: str, seconds: float = CALM_SECONDS) -> Rooms:
    """Stop sending and cutting, wait until all clients have caught up, and return the database.

    Args:
        clients: The clients.
        store: The store of their server, as in `--store`.
        seconds: The limit for all acknowledgements, and again for catching up.
    """
    for client in clients:
        client.is_sending = client.is_cut = False
    await _wait_until(lambda: not any(client.waiting for client in clients), seconds)
    database = await trio.to_thread.run_sync(partial(events_of, store))
    await _wait_until(lambda: not any(_is_behind(client, database) for client in clients), seconds)
    return database


async def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    with trio.move_on_after(seconds):
        while not condition():  # noqa: ASYNC110 - clients have no event to wait for
            await trio.sleep(POLL_SECONDS)


def _is_behind(client: Client, database: Rooms) -> bool:
    return any(record.last < len(database.get(room, ())) for room, record in client.records.items())
