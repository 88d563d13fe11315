"""One run: clients, a server, and what is done to them, all from one seed."""

import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import trio
from attrs import frozen

from tests.stress.torture.client import Client, crowd
from tests.stress.torture.database import events_of
from tests.stress.torture.replaced import remove_write_ahead_log, replace_file
from tests.stress.torture.server import Victim
from tests.stress.torture.verdict import Rooms, Verdict, judge
from tests.support.process import TRIO_CHAT

ROOMS = ("dev", "general", "ops")

CALM_SECONDS = 60.0
"""How long clients may need at the end, undisturbed, to get what they have missed."""

POLL_SECONDS = 0.1

NOTICE_SECONDS = 0.5
"""From a replaced file to the kill; long enough for messages that would be lost."""


@frozen
class Plan:
    """How hard it is made for them.

    Attributes:
        seed: Of all that is random, but for what the machine and its scheduler do.
        clients: How many.
        kills: How often the server is killed.
        least_seconds: Between the moment at which it serves and a kill.
        most_seconds: The same.
        replacements: Before how many of the kills the file of the store is replaced; SQLite only.
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
    """Do it.

    Args:
        plan: How.
        store: What `--store` is; a durable one, and empty.
        stderr: The file that the server writes its lines to.
        program: What Python runs: the server, or one that is broken on purpose.
    """
    rng = random.Random(plan.seed)
    victim = Victim(store, stderr, program)
    clients = crowd(plan.clients, ROOMS, victim.port, plan.seed)
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
    """Let everybody be acknowledged and catch up, and give what they have to have got by then.

    Args:
        clients: They say nothing more, and are cut no more.
        store: What `--store` is, of their server.
        seconds: How long each of the two may take them; what is missing after that is missing.
    """
    for client in clients:
        client.is_talking = client.is_cut = False
    await _until(lambda: not any(client.waiting for client in clients), seconds)
    database = await trio.to_thread.run_sync(partial(events_of, store))
    await _until(lambda: not any(_is_behind(client, database) for client in clients), seconds)
    return database


async def _until(fact: Callable[[], bool], seconds: float) -> None:
    with trio.move_on_after(seconds):
        while not fact():  # noqa: ASYNC110 - the clients do nothing but what clients do
            await trio.sleep(POLL_SECONDS)


def _is_behind(client: Client, database: Rooms) -> bool:
    return any(record.last < len(database.get(room, ())) for room, record in client.records.items())
