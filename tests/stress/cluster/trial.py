"""One trial: a site, clients, and the faults, all decided by one seed."""

import random
from collections.abc import Iterable
from pathlib import Path

import trio
from attrs import frozen

from tests.stress.cluster.agreement import disagreements
from tests.stress.cluster.faults import Faults
from tests.stress.cluster.site import built
from tests.stress.torture.client import Pace, make_clients
from tests.stress.torture.trial import ROOMS, calm
from tests.stress.torture.verdict import Verdict, judge
from tests.support.postgres import Cluster
from tests.support.process import TRIO_CHAT
from tests.support.redis import Redis

PACE = Pace(pause_seconds=2.0, uncut_seconds=20.0)
"""With 60 clients: 30 messages a second to 40 members each, and 3 cut connections a second. That
takes a third of two cores, so a slow trial has another reason."""


@frozen
class Plan:
    """The faults of a trial.

    Attributes:
        seed: Decides all random choices, except those of the machine and its scheduler.
        seconds: The approximate length of the faults.
        clients: The number of clients.
        pace: How often clients send and lose their connection.
        patience_seconds: The limit for recovery at the end. The users of a dead node leave within
            45 s.
    """

    seed: int
    seconds: float = 90.0
    clients: int = 60
    pace: Pace = PACE
    patience_seconds: float = 60.0


async def trial(
    plan: Plan, postgres: Cluster, redis: Redis, folder: Path, program: Iterable[str] = TRIO_CHAT
) -> Verdict:
    """Run a trial.

    Args:
        plan: The faults.
        postgres: A running PostgreSQL; the faults affect all its databases.
        redis: A running Redis.
        folder: An empty folder, for the log lines of the nodes.
        program: The arguments of Python: the server, or a deliberately broken one.
    """
    rng = random.Random(plan.seed)
    async with built(postgres, redis, folder, program) as site:
        clients = make_clients(plan.clients, ROOMS, site.nginx.port, plan.seed, plan.pace)
        faults = Faults(site, rng, plan.seconds)
        for client in clients:
            for record in client.records.values():
                record.may_be_replaced = True
                record.over = faults.over
        await site.start()
        async with trio.open_nursery() as nursery:
            for client in clients:
                nursery.start_soon(client.run)
            await faults.run()
            database = await calm(clients, site.store, plan.patience_seconds)
            wrong = await disagreements(site, clients, plan.patience_seconds)
            nursery.cancel_scope.cancel()
        wrong += [f"a node ended with {status}" for status in await site.stop() if status]
        verdict = judge(clients, database, faults.done)
        verdict.wrong += faults.wrong + wrong + site.complaints()
    return verdict
