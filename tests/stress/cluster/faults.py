"""The faults of a trial, one after another, chosen by a seed."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import trio
from attrs import define, field

from tests.stress.cluster.probe import continues_alone, participant, reports_store_outage
from tests.stress.cluster.site import REPLACED, Node, Site
from tests.stress.torture.verdict import OLDER_COPY
from tests.stress.torture.wire import Ended
from trio_chat.store.opening import CHECK_SECONDS

LEASE_SECONDS = 30.0
"""The lease of a node."""

LONG_SECONDS = 180.0
"""A trial of this length also pauses Redis for longer than a lease."""

NOTICE_SECONDS = 30.0
"""The limit for a node to notice foreign nodes, on a shared machine."""

Action = Callable[[], Awaitable[None]]

blocking = trio.to_thread.run_sync


@define(eq=False)
class Faults:
    """All faults. Each ends with all nodes and services running again.

    Attributes:
        site: The site.
        rng: Decides which node, and for how long.
        seconds: The length of the trial.
        done: The number of times of each fault.
        wrong: Broken promises, in words.
        over: The epochs that every node has left.
    """

    site: Site
    rng: random.Random
    seconds: float
    done: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    over: set[str] = field(factory=set)

    async def run(self) -> None:
        """Run all faults in random order, again and again, until the time is over."""
        actions = self._actions()
        with trio.move_on_after(self.seconds) as time:
            for name in self._order(tuple(actions)):
                await trio.sleep(self.rng.uniform(0.5, 3.0))
                with trio.CancelScope(shield=True):
                    await self._do(name, actions[name])
        assert time.cancelled_caught

    async def _do(self, name: str, action: Action) -> None:
        self.done[name] += 1
        try:
            await action()
        except (Ended, OSError, trio.TooSlowError) as error:
            self.wrong.append(f"{name}: {error!r}")
        for node in self.site.nodes:
            if node.victim.has_ended:
                self.wrong.append(f"{node.stderr.name} has ended unexpectedly")
                await node.start()

    def _order(self, names: Sequence[str]) -> Iterator[str]:
        while True:
            yield from self.rng.sample(names, len(names))

    def _actions(self) -> dict[str, Action]:
        actions: dict[str, Action] = {
            "node killed": self.kill_node,
            "node replaced": self.replace_node,
            "node cut off": self.cut_node_off,
            "node stalled": self.stall_node,
            "node killed without Redis": self.kill_node_without_redis,
            "foreign channel": self.mix_channels,
            "Redis killed": self.kill_redis,
            "Redis restarted": self.restart_redis,
            "Redis paused": self.pause_redis,
            "PostgreSQL killed": self.kill_postgres,
            "PostgreSQL restarted": self.restart_postgres,
            OLDER_COPY: self.put_older_copy_back,
            "nginx killed": self.kill_nginx,
            "nginx reloaded": self.reload_nginx,
        }
        if self.seconds >= LONG_SECONDS:
            actions["Redis paused for long"] = self.pause_redis_for_long
        return actions

    # --- nodes ------------------------------------------------------------------------------------

    async def kill_node(self) -> None:
        """Kill a node and start it again."""
        node = self._choose()
        await node.victim.kill()
        await self._wait(3.0)
        await node.start()

    async def replace_node(self) -> None:
        """Stop a node with SIGTERM and start its successor."""
        node = self._choose()
        status = await node.victim.stop()
        if status:
            self.wrong.append(f"{node.stderr.name} ended with {status}")
        await node.start()

    async def cut_node_off(self) -> None:
        """Cut the connections between a node and Redis."""
        node = self._choose()
        node.link.cut()
        self._record(await continues_alone(node))
        await self._wait(4.0)
        node.link.mend()

    async def stall_node(self) -> None:
        """Stall the connections between a node and Redis."""
        node = self._choose()
        node.link.stall()
        self._record(await continues_alone(node))
        await self._wait(4.0)
        node.link.mend()

    async def mix_channels(self) -> None:
        """Start a foreign node on our channel, and a node of ours on another channel."""
        site = self.site
        other = await blocking(site.postgres.fresh_url)
        guest = site.stray("guest", other, site.channel)
        loner = site.stray("loner", site.store, f"{site.channel}x")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_guest, guest)
            nursery.start_soon(self._watch_loner, loner)

    async def _watch_guest(self, guest: Node) -> None:
        async with _running(guest):
            for node in (guest, *self.site.nodes):
                await self._expect(node, "nodes of another database are on this channel")

    async def _watch_loner(self, loner: Node) -> None:
        async with _running(loner):
            await self._expect(loner, "no envelopes from registered nodes: ")

    async def _expect(self, node: Node, reason: str) -> None:
        wanted = f"ready, degraded: backplane: {reason}"
        if not await node.reports(wanted, NOTICE_SECONDS):
            self.wrong.append(f"{node.stderr.name} does not say {wanted!r}")

    # --- Redis ------------------------------------------------------------------------------------

    async def kill_redis(self) -> None:
        """Kill Redis and start it again, empty."""
        redis = self.site.redis
        await blocking(redis.kill)
        await self._all_continue_alone()
        await self._wait(3.0)
        await blocking(redis.start)

    async def kill_node_without_redis(self) -> None:
        """Restart a node while Redis is down."""
        redis = self.site.redis
        await blocking(redis.kill)
        node = self._choose()
        await node.victim.kill()
        await self._wait(2.0)
        await node.start()
        self._record(await continues_alone(node))
        await blocking(redis.start)

    async def restart_redis(self) -> None:
        """Stop Redis and start it, as for an upgrade."""
        await blocking(self.site.redis.restart)

    async def pause_redis(self) -> None:
        """Pause Redis: connections stay open, without answers."""
        self.site.redis.pause()
        await self._wait(8.0)
        self.site.redis.resume()

    async def pause_redis_for_long(self) -> None:
        """Pause Redis until the lease of each node has expired."""
        self.site.redis.pause()
        await self._all_continue_alone()
        await trio.sleep(LEASE_SECONDS * 1.2)
        self.site.redis.resume()

    # --- PostgreSQL -------------------------------------------------------------------------------

    async def kill_postgres(self) -> None:
        """Kill PostgreSQL, which has to recover."""
        postgres = self.site.postgres
        await blocking(postgres.kill)
        await self._wait(2.0)
        await blocking(postgres.start)

    async def restart_postgres(self) -> None:
        """Stop PostgreSQL until a client receives an error, and start it."""
        node = self._choose()
        async with participant(node) as client:
            await blocking(self.site.postgres.stop)
            try:
                self._record(await reports_store_outage(node, client))
            finally:
                await blocking(self.site.postgres.start)

    async def put_older_copy_back(self) -> None:
        """Replace the database with an older copy, which every node must notice."""
        before = [node.count_lines(REPLACED) for node in self.site.nodes]
        copy = await blocking(self.site.postgres.copy)
        await self._wait(3.0)
        await blocking(self.site.postgres.become, copy)
        for node, count in zip(self.site.nodes, before, strict=True):
            with trio.move_on_after(CHECK_SECONDS + NOTICE_SECONDS) as time:
                while node.count_lines(REPLACED) == count:  # noqa: ASYNC110 - it is another process
                    await trio.sleep(0.1)
            if time.cancelled_caught:
                self.wrong.append(f"{node.stderr.name} has not noticed an older copy")
                return
        self.over |= set.intersection(*(node.left_epochs() for node in self.site.nodes))

    # --- nginx ------------------------------------------------------------------------------------

    async def kill_nginx(self) -> None:
        """Kill nginx, which ends all connections at once."""
        await blocking(self.site.nginx.kill)
        await self._wait(1.0)
        await blocking(self.site.nginx.start)

    async def reload_nginx(self) -> None:
        """Reload nginx, which no client notices."""
        await blocking(self.site.nginx.reload)

    # --- inside -----------------------------------------------------------------------------------

    def _choose(self) -> Node:
        return self.rng.choice(self.site.nodes)

    async def _wait(self, most_seconds: float) -> None:
        await trio.sleep(self.rng.uniform(0.2, 1.0) * most_seconds)

    async def _all_continue_alone(self) -> None:
        async def look(node: Node) -> None:
            self._record(await continues_alone(node))

        async with trio.open_nursery() as nursery:
            for node in self.site.nodes:
                nursery.start_soon(look, node)

    def _record(self, complaint: str | None) -> None:
        if complaint is not None:
            self.wrong.append(complaint)


@asynccontextmanager
async def _running(stray: Node) -> AsyncIterator[None]:
    """Start a node outside the site, and stop it at the end."""
    await stray.start()
    try:
        yield
    finally:
        await stray.victim.stop()
        stray.link.close()
