"""What is done to a site, one thing after another, by a seed."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import trio
from attrs import define, field

from tests.stress.cluster.probe import goes_on_alone, says_that_it_has_no_log, somebody
from tests.stress.cluster.site import REPLACED, Node, Site
from tests.stress.torture.verdict import OLDER_COPY
from tests.stress.torture.wire import Ended
from trio_chat.store.opening import CHECK_SECONDS

LEASE_SECONDS = 30.0
"""How long a node is taken for alive that is not heard of."""

LONG_SECONDS = 180.0
"""In a trial as long as this Redis stands still for longer than a lease, once in a while."""

NOTICE_SECONDS = 30.0
"""By then a node has noticed nodes that do not belong to it; this one shares its machine."""

Deed = Callable[[], Awaitable[None]]

blocking = trio.to_thread.run_sync


@define(eq=False)
class Faults:
    """All that can be done to a site. Each ends with everything there again.

    Attributes:
        site: To what.
        rng: Decides to which part of it, and for how long.
        seconds: How long the trial takes.
        done: How often each was done.
        wrong: What did not hold meanwhile, in words.
        over: The epochs that every node has left.
    """

    site: Site
    rng: random.Random
    seconds: float
    done: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    over: set[str] = field(factory=set)

    async def go_on(self) -> None:
        """Do all of them, in an order that is new each time, until the time is over."""
        deeds = self._deeds()
        with trio.move_on_after(self.seconds) as time:
            for name in self._order(tuple(deeds)):
                await trio.sleep(self.rng.uniform(0.5, 3.0))
                with trio.CancelScope(shield=True):
                    await self._do(name, deeds[name])
        assert time.cancelled_caught

    async def _do(self, name: str, deed: Deed) -> None:
        self.done[name] += 1
        try:
            await deed()
        except (Ended, OSError, trio.TooSlowError) as error:
            self.wrong.append(f"{name}: {error!r}")
        for node in self.site.nodes:
            if node.victim.has_ended:
                self.wrong.append(f"{node.stderr.name} has ended by itself")
                await node.start()

    def _order(self, names: Sequence[str]) -> Iterator[str]:
        while True:
            yield from self.rng.sample(names, len(names))

    def _deeds(self) -> dict[str, Deed]:
        deeds: dict[str, Deed] = {
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
            deeds["Redis paused for long"] = self.pause_redis_for_long
        return deeds

    # --- nodes ------------------------------------------------------------------------------------

    async def kill_node(self) -> None:
        """One is gone without a word, and comes back."""
        node = self._one()
        await node.victim.kill()
        await self._wait(3.0)
        await node.start()

    async def replace_node(self) -> None:
        """One is asked to go, and another takes its place."""
        node = self._one()
        status = await node.victim.stop()
        if status:
            self.wrong.append(f"{node.stderr.name} ended with {status}")
        await node.start()

    async def cut_node_off(self) -> None:
        """One loses its line to Redis."""
        node = self._one()
        node.link.cut()
        self._note(await goes_on_alone(node))
        await self._wait(4.0)
        node.link.mend()

    async def stall_node(self) -> None:
        """One has a line to Redis on which nothing comes or goes."""
        node = self._one()
        node.link.stall()
        self._note(await goes_on_alone(node))
        await self._wait(4.0)
        node.link.mend()

    async def mix_channels(self) -> None:
        """Another chat uses our channel, one of our nodes another channel, and they say so."""
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
                await self._says(node, "nodes of another database are on this channel")

    async def _watch_loner(self, loner: Node) -> None:
        async with _running(loner):
            await self._says(loner, "no envelopes from registered nodes: ")

    async def _says(self, node: Node, reason: str) -> None:
        wanted = f"ready, degraded: backplane: {reason}"
        if not await node.comes_to(wanted, NOTICE_SECONDS):
            self.wrong.append(f"{node.stderr.name} does not say {wanted!r}")

    # --- Redis ------------------------------------------------------------------------------------

    async def kill_redis(self) -> None:
        """Redis is gone without a word, and comes back empty."""
        redis = self.site.redis
        await blocking(redis.kill)
        await self._all_go_on_alone()
        await self._wait(3.0)
        await blocking(redis.start)

    async def kill_node_without_redis(self) -> None:
        """A node comes back while there is no Redis."""
        redis = self.site.redis
        await blocking(redis.kill)
        node = self._one()
        await node.victim.kill()
        await self._wait(2.0)
        await node.start()
        self._note(await goes_on_alone(node))
        await blocking(redis.start)

    async def restart_redis(self) -> None:
        """Redis is stopped and started, as for a new version."""
        await blocking(self.site.redis.restart)

    async def pause_redis(self) -> None:
        """Redis stands still for a while: there are connections, and no answers."""
        self.site.redis.pause()
        await self._wait(8.0)
        self.site.redis.resume()

    async def pause_redis_for_long(self) -> None:
        """Redis stands still until each node takes all others for dead."""
        self.site.redis.pause()
        await self._all_go_on_alone()
        await trio.sleep(LEASE_SECONDS * 1.2)
        self.site.redis.resume()

    # --- PostgreSQL -------------------------------------------------------------------------------

    async def kill_postgres(self) -> None:
        """PostgreSQL is gone without a word, and has to recover."""
        postgres = self.site.postgres
        await blocking(postgres.kill)
        await self._wait(2.0)
        await blocking(postgres.start)

    async def restart_postgres(self) -> None:
        """PostgreSQL is stopped, people are told so, and started again."""
        node = self._one()
        async with somebody(node) as one:
            await blocking(self.site.postgres.stop)
            try:
                self._note(await says_that_it_has_no_log(node, one))
            finally:
                await blocking(self.site.postgres.start)

    async def put_older_copy_back(self) -> None:
        """A standby that lags behind takes over, and every node notices."""
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
        """All clients are cut at the same time, and come back at the same time."""
        await blocking(self.site.nginx.kill)
        await self._wait(1.0)
        await blocking(self.site.nginx.start)

    async def reload_nginx(self) -> None:
        """Nobody notices."""
        await blocking(self.site.nginx.reload)

    # --- inside -----------------------------------------------------------------------------------

    def _one(self) -> Node:
        return self.rng.choice(self.site.nodes)

    async def _wait(self, most_seconds: float) -> None:
        await trio.sleep(self.rng.uniform(0.2, 1.0) * most_seconds)

    async def _all_go_on_alone(self) -> None:
        async def look(node: Node) -> None:
            self._note(await goes_on_alone(node))

        async with trio.open_nursery() as nursery:
            for node in self.site.nodes:
                nursery.start_soon(look, node)

    def _note(self, complaint: str | None) -> None:
        if complaint is not None:
            self.wrong.append(complaint)


@asynccontextmanager
async def _running(stray: Node) -> AsyncIterator[None]:
    """Have a node that is no part of the site run, and end in good order."""
    await stray.start()
    try:
        yield
    finally:
        await stray.victim.stop()
        stray.link.close()
