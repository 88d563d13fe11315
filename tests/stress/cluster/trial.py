"""One run: a site, clients, and what is done to them, all from one seed."""

import random
from collections.abc import Iterable
from pathlib import Path

import trio
from attrs import frozen

from tests.stress.cluster.agreement import disagreements
from tests.stress.cluster.faults import Faults
from tests.stress.cluster.site import built
from tests.stress.torture.client import Pace, crowd
from tests.stress.torture.trial import ROOMS, calm
from tests.stress.torture.verdict import Verdict, judge
from tests.support.postgres import Cluster
from tests.support.process import TRIO_CHAT
from tests.support.redis import Redis

PACE = Pace(pause_seconds=2.0, uncut_seconds=20.0)
"""Of 60 clients these are 30 messages a second, to 40 people each, and 3 that are cut: a third of
two cores, so that what is slow is so for a reason."""


@frozen
class Plan:
    """How hard it is made for them.

    Attributes:
        seed: Of all that is random, but for what the machine and its scheduler do.
        seconds: How long there are faults, about.
        clients: How many.
        pace: How restless they are.
        patience_seconds: How long all may need to be well again, when it is over. A node that has
            died has its users taken off the list within 45 s.
    """

    seed: int
    seconds: float = 90.0
    clients: int = 60
    pace: Pace = PACE
    patience_seconds: float = 60.0


async def trial(
    plan: Plan,
    postgres: Cluster,
    redis: Redis,
    folder: Path,
    program: Iterable[str] = TRIO_CHAT,
) -> Verdict:
    """Do it.

    Args:
        plan: How.
        postgres: Runs; a database of it is used, but all of it suffers.
        redis: The same.
        folder: Empty; gets what nodes write.
        program: What Python runs: the server, or one that is broken on purpose.
    """
    rng = random.Random(plan.seed)
    async with built(postgres, redis, folder, program) as site:
        clients = crowd(plan.clients, ROOMS, site.nginx.port, plan.seed, plan.pace)
        faults = Faults(site, rng, plan.seconds)
        for client in clients:
            for record in client.records.values():
                record.may_be_replaced = True
                record.over = faults.over
        await site.start()
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(client.run)
            await faults.go_on()
            database = await calm(clients, site.store, plan.patience_seconds)
            wrong = await disagreements(site, clients, plan.patience_seconds)
            nursery.cancel_scope.cancel()
        wrong += [f"a node ended with {status}" for status in await site.stop() if status]
        verdict = judge(clients, database, faults.done)
        verdict.wrong += faults.wrong + wrong + site.complaints()
    return verdict
