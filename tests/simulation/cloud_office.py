"""The office of a simulated cloud: money, homes, limits, clearing, lost sites and the desk, over the real ledger."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from cloud.core.clock import Clock
from cloud.core.errors import Conflict, Unavailable
from cloud.ledger import clearing, corrections, lost, sizing, standing, trueing
from cloud.ledger.accounts import available, cash_desk, issuer
from cloud.ledger.corrections import Shrunk
from cloud.ledger.errors import LeasesWait
from cloud.ledger.leases import reserve_fen
from cloud.ledger.posting import balances_of, post
from cloud.ledger.store import Holder
from cloud.ledger.store_memory import MemoryLedger
from cloud.sync import replicas, streams
from cloud.sync.desk import QuarantineDesk, Replayed
from cloud.sync.store import ReplicaChange
from cloud.sync.store_memory import MemoryStore
from cloud.sync.world_memory import MemoryTransaction
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.values.instants import local_day, to_ms
from tests.simulation.auditor import Violation
from tests.simulation.cloud_devices import TIME_ZONE, SimDirectory, SimWorld
from tests.simulation.cloud_reading import Reading

ORGANISATION = 1
_ZONE = ZoneInfo(TIME_ZONE)
_HOLDING = ("never", "active", "frozen")


class Office(Reading):
    """Acts of people and of the clock; each is one transaction, and raises typed CloudErrors with nothing changed."""

    def __init__(self, world: SimWorld, clock: Clock, random: Random, desk: QuarantineDesk, *, doubt_days: int) -> None:
        self.world, self._clock, self._desk, self._doubt_days = world, clock, desk, doubt_days
        self.directory = SimDirectory(random)
        self.released_fen = 0  # what the last of the minute's jobs released

    # Sites and gateways

    async def open_site(self, site: int) -> int:
        """A site with a gateway that waits for its first code; answers the device's number."""
        async with self._transaction():
            return self.directory.register(self.world, site)

    async def code_for(self, site: int) -> str:
        """A one-time code. While a gateway holds the site this replaces it: keys end, the next epoch begins with it."""
        async with self._transaction():
            return self.directory.new_code(self.world, self.world.device_at(site))

    async def declare_lost(self, site: int, *, epoch: int = 0, bearer: int = ORGANISATION) -> int:
        """A site's gateway (or an earlier epoch of it) is lost; answers what is in doubt now."""
        async with self._ledger() as ledger:
            number = self.world.device_at(site)
            row = self.world.devices[number]
            holder = Holder(site, epoch or row.epoch)
            amount = await lost.declare_lost(ledger, holder, bearer=bearer, now=self._now(), business_day=self._day())
            if holder.epoch == row.epoch and row.state != "never":
                self._end(number, "lost")
            return amount

    async def revoke_key(self, device: int) -> None:
        """The device gets no session; a backlog under its key waits."""
        async with self._transaction():
            self._end(device, "revoked")

    async def resume(self, device: int, epoch: int) -> None:
        """Let every stopped or held branch go on, and a frozen device work again. Raises Conflict."""
        async with self._transaction() as tx:
            rows = list(self.world.streams.items())
            stuck = [key for key, row in rows if key[:2] == (device, epoch) and row.state in ("stopped", "held")]
            row = self.world.devices[device]
            if not stuck and row.state != "frozen":
                raise Conflict("nothing of this gateway is stopped")
            for _, _, branch in stuck:
                await streams.resume(MemoryStore(tx), device=device, epoch=epoch, branch=branch)
            if row.state == "frozen":
                self._set_state(device, "active")

    async def publish(self, collection: str, rows: Sequence[ReplicaChange], *, site: int = 0) -> None:
        """Records (key, effective_from_ms, body or None) for one site, or 0 for every site."""
        async with self._transaction() as tx:
            sites = [site] if site else [row.site for row in self.world.devices.values()]
            for each in sites:
                await replicas.put(MemoryStore(tx), each, collection, rows)

    # People and their money

    async def open_bucket(self, bucket: int, *, counting: bool = False) -> None:
        """A kind of money, or of times."""
        async with self._ledger() as ledger:
            await ledger.set_counting([bucket] if counting else [])

    async def hire(self, person: int, home: int, meal_fen: int) -> None:
        """A person with a home site."""
        async with self._ledger() as ledger:
            await ledger.set_home(person, home, meal_fen)

    async def move_home(self, person: int, site: int) -> None:
        """Money and limits follow as they come back."""
        async with self._ledger() as ledger:
            await ledger.set_home(person, site, await ledger.meal_of(person))
            holder = await ledger.open_holder(site)
            if holder is not None:
                await standing.move_home(ledger, person, holder, from_day=self._day())
            await self._size(ledger, [person])

    async def announce_visit(self, person: int, site: int, day: int) -> tuple[int, int]:
        """(granted now, asked back); (0, 0) when announced before. Raises LeasesWait."""
        async with self._ledger() as ledger:
            return await sizing.announce_visit(ledger, person, site, day, now=self._now())

    async def leave(self, person: int) -> bool:
        """Pay what is available, ask sites for the rest; True once nothing is left anywhere. Repeatable."""
        async with self._ledger() as ledger:
            self.world.leavers[person] = False
            await self._pay_leaver(ledger, person)
            return self.world.leavers[person]

    async def top_up(self, person: int, bucket: int, fen: int, *, cause: str) -> bool:
        """Money in at the desk, leased in the same transaction; False where the cause is known."""
        transfer = Transfer(TransferKind.TOP_UP, cash_desk(ORGANISATION, bucket), available(person, bucket), fen)
        return await self._post_and_size([transfer], [person], cause)

    async def grant_all(self, bucket: int, fen: int, persons: Sequence[int], *, cause: str) -> bool:
        """A subsidy for each, leased in the same transaction; False where the cause is known."""
        source = issuer(ORGANISATION, bucket)
        transfers = [Transfer(TransferKind.SUBSIDY, source, available(person, bucket), fen) for person in persons]
        return await self._post_and_size(transfers, persons, cause)

    async def correct_down(self, person: int, bucket: int, fen: int, *, cause: str) -> Shrunk | None:
        """Take back what was too much; None where the cause is known."""
        async with self._ledger() as ledger:
            return await corrections.shrink(
                ledger, person, bucket, fen, to=issuer(ORGANISATION, bucket), cause=cause, business_day=self._day(),
                now=self._now(),
            )  # fmt: skip

    async def clear(self, bucket: int) -> int:
        """Begin the clearing of a bucket; answers what was swept at once."""
        async with self._ledger() as ledger:
            return await clearing.cut_off(ledger, [bucket], now=self._now(), business_day=self._day())

    async def true_up(
        self, person: int, *, period: str, days: tuple[int, int], order: Sequence[int]
    ) -> list[tuple[int, int, int]]:
        """Swaps (better, worse, amount) of a period."""
        async with self._ledger() as ledger:
            return await trueing.true_up(ledger, person, period=period, days=days, bucket_order=order, now=self._now())

    async def give_rights(self, rule: int, uses_a_day: int, persons: Sequence[int]) -> int:
        """Standing rights to a limit go to homes; answers how many were given."""
        async with self._ledger() as ledger:
            self.world.limits[rule] = (uses_a_day, tuple(persons))
            return await self._give(ledger, rule)

    async def size(self) -> int:
        """The minute's jobs: money in doubt is released, leavers are paid, homes get limits and money they lack.

        Answers how much was done; 0 is rest. Raises LeasesWait where money waits for declarations; the rest is done.
        """
        done = 0
        async with self._ledger() as ledger:
            how = {"after_days": self._doubt_days, "business_day": self._day()}
            lines = len(self.world.lines)
            released = self.released_fen = await lost.release_in_doubt(ledger, now=self._now(), **how)
            if bool(released) != (len(self.world.lines) > lines):
                raise Violation(f"{released} are said to be released, and {len(self.world.lines) - lines} lines say so")
            done += bool(released)
        for person in list(self.world.leavers):  # who was paid as well: cash taken out of sight may still come in
            async with self._ledger() as ledger:
                done += await self._pay_leaver(ledger, person)
        async with self._ledger() as ledger:
            for rule in list(self.world.limits):
                done += await self._give(ledger, rule)
        async with self._ledger() as ledger:
            wanting = await self._wanting(ledger)
            if wanting:
                sized = sizing.size_homes(ledger, wanting, now=self._now(), business_day=self._day())
                done += await self._counted(sized)
        return done

    # The desk

    async def mend(self, item: int, fields: Any, *, by: int) -> bool:
        """Record what an entry should have said; True where it may be replayed, False where a second person is due.

        `fields` are those that change; where the payload cannot be read, all of them.
        """
        async with self._transaction() as tx:
            before = (await MemoryStore(tx).waiting_item(item)).payload
            whole = {**before, **fields} if isinstance(before, dict) else fields
            detail = await self._desk.mend(tx, item, fields=whole, note="mended", by=by, now=self._now())
            return detail.correction is not None and detail.correction.approved

    async def approve(self, item: int, *, by: int) -> bool:
        """A further person stands behind it; True where that is enough."""
        async with self._transaction() as tx:
            detail = await self._desk.approve(tx, item, by=by, now=self._now())
            return detail.correction is not None and detail.correction.approved

    async def replay(self, item: int) -> Replayed:
        """Apply an entry (as mended) with what waits behind it."""
        async with self._transaction() as tx:
            return await self._desk.replay(tx, item, now=self._now(), time_zone=TIME_ZONE)

    async def replay_parked(self, device: int, epoch: int, branch: int = 0) -> Replayed:
        """Apply what waited for an upgrade or for others."""
        async with self._transaction() as tx:
            return await self._desk.replay_parked(
                tx, device=device, epoch=epoch, branch=branch, now=self._now(), time_zone=TIME_ZONE
            )

    # Parts

    def _now(self) -> datetime:
        return self._clock.now()

    def _day(self) -> int:
        return local_day(to_ms(self._clock.now()), _ZONE)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[MemoryTransaction]:
        async with self.world.system_transaction() as tx:
            if tx.world is not self.world:
                raise Unavailable("the cloud was put back meanwhile")
            yield tx

    @asynccontextmanager
    async def _ledger(self) -> AsyncIterator[MemoryLedger]:
        async with self._transaction() as tx:
            yield MemoryLedger(tx.world)

    def _end(self, number: int, state: str) -> None:
        self.directory.end_keys(self.world, number)
        self._set_state(number, state)

    def _set_state(self, number: int, state: str) -> None:
        self.directory.set_state(self.world, number, state)

    async def _post_and_size(self, transfers: Sequence[Transfer], persons: Sequence[int], cause: str) -> bool:
        async with self._ledger() as ledger:
            posted = await post(ledger, transfers, cause=cause, business_day=self._day(), now=self._now())
            if posted:
                await self._size(ledger, persons)
            return posted

    async def _size(self, ledger: MemoryLedger, persons: Sequence[int]) -> int:
        """What must wait for declarations comes with the minute's job."""
        staying = [person for person in persons if person not in self.world.leavers]
        with suppress(LeasesWait):
            sized = sizing.size_homes(ledger, staying, now=self._now(), business_day=self._day())
            return await self._counted(sized)
        return 0

    async def _wanting(self, ledger: MemoryLedger) -> list[int]:
        """Whose home holds too little: more than the reserve stays with the cloud."""
        staying = [person for person in self.world.homes if person not in self.world.leavers]
        homes = await ledger.homes(staying)
        free: Counter[int] = Counter()
        for person, _, amount in await ledger.free(list(homes)):
            free[person] += amount
        total = Counter(free)
        for person, site, epoch, _, amount in await ledger.held(list(homes)):
            total[person] += amount * (Holder(site, epoch) == homes[person][1])
        return [p for p, (meal_fen, _) in homes.items() if free[p] > reserve_fen(total[p], meal_fen)]

    async def _give(self, ledger: MemoryLedger, rule: int) -> int:
        worth, persons = self.world.limits[rule]
        staying = [person for person in persons if person not in self.world.leavers]
        return await self._counted(
            standing.give_to_homes(ledger, staying, rule, from_day=self._day(), uses_a_day=worth)
        )

    async def _counted(self, act: Awaitable[int]) -> int:
        """What an act says it sent is what it sent."""
        before = sum(row.newest_n for row in self.world.lease_sites.values())
        said = await act
        sent = sum(row.newest_n for row in self.world.lease_sites.values()) - before
        if said != sent:
            raise Violation(f"the office says that it sent {said} messages, and sent {sent}")
        return said

    async def _pay_leaver(self, ledger: MemoryLedger, person: int) -> int:
        held = await balances_of(ledger, person)
        transfers = [
            Transfer(
                TransferKind.WITHDRAWAL, available(person, each.bucket), cash_desk(ORGANISATION, each.bucket),
                each.available,
            )
            for each in held if each.available
        ]  # fmt: skip
        if transfers:
            cause = f"leaver:{person}:{await ledger.causes_like(f'leaver:{person}:') + 1}"
            await post(ledger, transfers, cause=cause, business_day=self._day(), now=self._now())
        outside = sum(amount for each in held for _, _, amount in each.at)
        asked = await sizing.recall(ledger, person, outside, for_holder=Holder(0, 0)) if outside else 0
        paid = not outside and not any(each.in_doubt for each in held)
        if paid != self.world.leavers[person]:
            self.world.leavers[person] = paid
        return len(transfers) + bool(asked)
