"""A town of two or three sites: what happens there is drawn from a seed, and done on each side of the agreement."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from cloud.core.clock import ManualClock
from cloud.ledger import clearing, corrections, lost, posting, sizing, standing, trueing
from cloud.ledger.accounts import available, cash_desk, issuer
from cloud.ledger.errors import LeasesWait
from cloud.ledger.messages import messages_after
from cloud.ledger.store import Holder, Outgoing
from cloud.sync import declarations, heartbeats, replicas, streams
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from cloud.sync.ingest import Ingestor, Sender
from cloud.sync.registry import Registry
from cloud.sync.world_memory import World
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.payments.facts import Declaration, Movement
from protocols.sync.messages import Batch, Heartbeat
from tests.cloud.sync.sides import Act, Side
from tests.cloud.sync.traces import BUCKETS, COUNTING, DAY, KEY_ID, PEOPLE, RULES, Journal

ZONE = "Asia/Shanghai"
_BEARER = 77


class Town:
    """Draws the next act. It looks at the memory world, which the other side must equal anyway."""

    def __init__(self, seed: int, world: World, clock: ManualClock) -> None:
        self.chance = random.Random(seed)
        self.world, self.clock = world, clock
        self.ingestor = Ingestor(Registry(), clock)
        self.journals: list[Journal] = []
        self.causes = 0
        self.restored = False

    def opening(self) -> list[Act]:
        """Sites, homes and first money."""
        sites = range(1, self.chance.randint(2, 3) + 1)
        acts = [self._open(site, 1) for site in sites]

        async def people(side: Side) -> None:
            await side.store.ledger.set_counting([COUNTING])
            for person in PEOPLE:
                await side.store.ledger.set_home(person, self._among(person, len(sites)), 20)

        return [*acts, people, *(self._top_up() for _ in range(4))]

    def acts(self) -> list[Callable[[], Act]]:
        """What may happen, the usual things more often."""
        usual = [self._send] * 12 + [self._top_up] * 3 + [self._ask] * 2 + [self._size, self._beat, self._leases] * 2
        office = [
            self._visit, self._recall, self._shrink, self._withdraw, self._move_home, self._give_rights,
            self._want_rights, self._true_up, self._publish, self._page, self._mend, self._mend, self._approve,
            self._replay, self._replay, self._replay_parked, self._clock_moves, self._resume, self._release,
        ]  # fmt: skip
        rare = [self._cut_off, self._lose, self._replace, self._fork, self._declare]
        return usual + office + rare

    def draw(self) -> Act:
        """The next act."""
        if self.restored and self.chance.random() < 0.3:
            return self._declare()
        return self.chance.choice(self.acts())()

    # Gateways

    def _open(self, site: int, epoch: int) -> Act:
        device = 100 * site + epoch
        self.journals.append(Journal(self.chance, device, site, epoch))

        async def act(side: Side) -> None:
            await streams.open_stream(side.store, device=device, site=site, epoch=epoch)

        return act

    def _send(self) -> Act:
        journal = self._journal()
        if self.chance.random() < 0.05 and self.restored:
            journal.declare()
        return self._taken(journal.some_batch())

    def _taken(self, batch: Batch) -> Act:
        site = next(journal.site for journal in self.journals if journal.device == batch.device)
        device = DeviceRecord(
            batch.device, self.world.organisation, site, batch.epoch, DeviceState.ACTIVE, "g", ZONE, b""
        )
        key = DeviceKey(KEY_ID, bytes(64), batch.epoch, 1, 0, revoked=self.chance.random() < 0.03)
        sender = Sender(device, key, self.world.meta["generation"])

        async def act(side: Side) -> Any:
            return await self.ingestor.take(side.store, batch, sender)

        return act

    def _fork(self) -> Act:
        journal = self._journal()
        if not journal.bodies:
            return self._send()
        copied = journal.copy_at(self.chance.randint(0, len(journal.bodies) - 1))
        self.journals.append(copied)
        copied.write(self.chance.randint(1, 4))
        return self._taken(copied.some_batch())

    def _replace(self) -> Act:
        journal = self._journal()
        epochs = [other.epoch for other in self.journals if other.site == journal.site]
        return self._open(journal.site, max(epochs) + 1)

    def _beat(self) -> Act:
        journal, now = self._journal(), self.clock.now()
        said = Heartbeat(
            journal.epoch, 1, len(journal.bodies), b"h" * 32, self.chance.randint(0, 900), 1, self.chance.randint(0, 9),
            {"people": 1}, 0, 5, (), 9,
        )  # fmt: skip
        device = DeviceRecord(journal.device, 1, journal.site, journal.epoch, DeviceState.ACTIVE, "g", ZONE, b"")

        async def act(side: Side) -> Any:
            await side.store.ledger.seen_through(Holder(journal.site, journal.epoch), said.lease_n)
            return await heartbeats.note(side.store, device, said, generation=1, now=now)

        return act

    def _leases(self) -> Act:
        holder, after, limit = self._holder(), self.chance.randint(0, 5), self.chance.randint(0, 9)

        async def act(side: Side) -> Any:
            return await messages_after(side.store.ledger, holder, after, limit=limit)

        return act

    def _resume(self) -> Act:
        journal = self._journal()

        async def act(side: Side) -> None:
            await streams.resume(side.store, device=journal.device, epoch=journal.epoch)

        return act

    def _declare(self) -> Act:
        journal, generation, now = self._journal(), self.world.meta["generation"], self.clock.now()
        if self.chance.random() < 0.5:
            journal.generation = generation
            journal.declare()
            return self._taken(journal.some_batch())
        moves = tuple(Movement(person, bucket, self.chance.randint(0, 90)) for person in PEOPLE for bucket in BUCKETS)
        rights = tuple((person, self.chance.choice(RULES), DAY) for person in PEOPLE if self.chance.random() < 0.3)
        part = Declaration(generation, self.chance.randint(0, 9), 1, 1, moves, rights)

        async def act(side: Side) -> Any:
            holder = Holder(journal.site, journal.epoch)
            return await declarations.declare(
                side.store, holder, part, device=journal.device, now=now, business_day=DAY
            )

        return act

    # Money

    def _top_up(self) -> Act:
        person, bucket, amount = self._person(), self._bucket(), self.chance.randint(1, 200)
        source = issuer(self.world.organisation, bucket)
        transfer = Transfer(TransferKind.SUBSIDY, source, available(person, bucket), amount)
        cause, now = self._cause(), self.clock.now()

        async def act(side: Side) -> Any:
            ledger = side.store.ledger
            posted = await posting.post(ledger, [transfer], cause=cause, business_day=DAY, now=now)
            try:
                return posted, await sizing.size_homes(ledger, [person], now=now, business_day=DAY)
            except LeasesWait:
                return posted, "waits"

        return act

    def _withdraw(self) -> Act:
        person, bucket = self._person(), self._bucket()
        amount, now, cause = self.chance.randint(1, 60), self.clock.now(), self._cause()
        to = cash_desk(self.world.organisation, bucket)
        transfer = Transfer(TransferKind.WITHDRAWAL, available(person, bucket), to, amount)

        async def act(side: Side) -> Any:
            return await posting.post(side.store.ledger, [transfer], cause=cause, business_day=DAY, now=now)

        return act

    def _size(self) -> Act:
        now = self.clock.now()

        async def act(side: Side) -> Any:
            return await sizing.size_homes(side.store.ledger, PEOPLE, now=now, business_day=DAY)

        return act

    def _ask(self) -> Act:
        person, holder, wanted, now = self._person(), self._holder(), self.chance.randint(0, 150), self.clock.now()
        order = self.chance.sample(BUCKETS, self.chance.randint(0, 2))

        async def act(side: Side) -> Any:
            ledger = side.store.ledger
            coming = await ledger.under_way(holder, person)
            return coming, await sizing.serve_visitor(
                ledger, person, wanted, holder, now=now, business_day=DAY, order=order
            )

        return act

    def _visit(self) -> Act:
        person, site, day, now = self._person(), self._holder().site, DAY + self.chance.randint(0, 1), self.clock.now()

        async def act(side: Side) -> Any:
            return await sizing.announce_visit(side.store.ledger, person, site, day, now=now)

        return act

    def _recall(self) -> Act:
        person, wanted, buckets = self._person(), self.chance.randint(1, 150), self.chance.sample(BUCKETS, 1)

        async def act(side: Side) -> Any:
            return await sizing.recall(
                side.store.ledger, person, wanted, for_holder=Holder(0, 0), buckets=buckets
            )  # fmt: skip

        return act

    def _shrink(self) -> Act:
        person, bucket, amount = self._person(), self._bucket(), self.chance.randint(1, 150)
        cause, now, to = self._cause(), self.clock.now(), issuer(self.world.organisation, bucket)

        async def act(side: Side) -> Any:
            return await corrections.shrink(
                side.store.ledger, person, bucket, amount, to=to, cause=cause, business_day=DAY, now=now
            )

        return act

    def _move_home(self) -> Act:
        person, holder = self._person(), self._holder()

        async def act(side: Side) -> None:
            await side.store.ledger.set_home(person, holder.site, 20)
            await standing.move_home(side.store.ledger, person, holder, from_day=DAY)

        return act

    def _true_up(self) -> Act:
        person, now = self._person(), self.clock.now()
        order = self.chance.sample(BUCKETS, 2)

        async def act(side: Side) -> Any:
            return await trueing.true_up(
                side.store.ledger, person, period="2026-11", days=(DAY, DAY), bucket_order=order, now=now
            )

        return act

    def _cut_off(self) -> Act:
        bucket, now = self._bucket(), self.clock.now()

        async def act(side: Side) -> Any:
            ledger = side.store.ledger
            swept = await clearing.cut_off(ledger, [bucket], now=now, business_day=DAY)
            return swept, await ledger.clearings([bucket])

        return act

    def _lose(self) -> Act:
        holder, now = self._holder(), self.clock.now()

        async def act(side: Side) -> Any:
            return await lost.declare_lost(side.store.ledger, holder, bearer=_BEARER, now=now, business_day=DAY)

        return act

    def _release(self) -> Act:
        now = self.clock.now()

        async def act(side: Side) -> Any:
            return await lost.release_in_doubt(side.store.ledger, after_days=2, now=now, business_day=DAY)

        return act

    # Limits and reference

    def _give_rights(self) -> Act:
        rule = self.chance.choice(RULES)

        async def act(side: Side) -> Any:
            return await standing.give_to_homes(side.store.ledger, PEOPLE, rule, from_day=DAY, uses_a_day=2)

        return act

    def _want_rights(self) -> Act:
        person, holder, day = self._person(), self._holder(), DAY + self.chance.randint(0, 1)

        async def act(side: Side) -> Any:
            return await standing.want_for_visit(side.store.ledger, person, RULES, holder, day=day)

        return act

    def _publish(self) -> Act:
        site = self._holder().site
        rows = [
            (str(self.chance.randint(1, 4)), self.chance.choice((0, 5)), self.chance.choice((b"a", b"b", None)))
            for _ in range(self.chance.randint(0, 4))
        ]

        async def act(side: Side) -> Any:
            return await replicas.put(side.store, site, "dishes", rows)

        return act

    def _page(self) -> Act:
        site, after, known = self._holder().site, self.chance.randint(-1, 9), self.chance.choice((1, 1, 2))

        async def act(side: Side) -> Any:
            return await replicas.page(side.store, site, "dishes", generation=1, known_generation=known, after=after)

        return act

    # The desk

    def _mend(self) -> Act:
        key, now, by = self._aside(), self.clock.now(), self.chance.randint(1, 3)
        amount = self.chance.choice((None, 5))

        async def act(side: Side) -> Any:
            if key is None:
                return None
            item = await side.item(key)
            fields = (await side.store.waiting_item(item)).payload
            if isinstance(fields, dict) and amount is not None and fields.get("shares"):
                parts = [{**share, "amount": 0} for share in map(_share, fields["shares"])]
                parts[0] = {**parts[0], "amount": amount}
                fields = {**fields, "amount_fen": amount, "gross_fen": amount, "shares": parts}
            detail = await side.desk.mend(side.tx, item, fields=fields, note="n", by=by, now=now)
            return detail.correction is not None and detail.correction.approved

        return act

    def _approve(self) -> Act:
        key, now, by = self._aside(), self.clock.now(), self.chance.randint(1, 3)

        async def act(side: Side) -> Any:
            if key is None:
                return None
            detail = await side.desk.approve(side.tx, await side.item(key), by=by, now=now)
            return detail.correction is not None and detail.correction.approved

        return act

    def _replay(self) -> Act:
        key, now = self._aside(), self.clock.now()

        async def act(side: Side) -> Any:
            if key is None:
                return None
            return await side.desk.replay(side.tx, await side.item(key), now=now, time_zone=ZONE)

        return act

    def _replay_parked(self) -> Act:
        journal, now = self._journal(), self.clock.now()

        async def act(side: Side) -> Any:
            return await side.desk.replay_parked(
                side.tx, device=journal.device, epoch=journal.epoch, now=now, time_zone=ZONE
            )

        return act

    def _clock_moves(self) -> Act:
        self.clock.move(timedelta(hours=self.chance.randint(1, 40)))

        async def act(_side: Side) -> None:
            """Time passes."""

        return act

    # Parts

    def _journal(self) -> Journal:
        """One of them, told what its site was asked for."""
        journal = self.chance.choice(self.journals)
        rows = self.world.messages.items()
        asked: list[tuple[int, Outgoing]] = [
            (key[2], row.sent) for key, row in rows if key[:2] == (journal.site, journal.epoch)
        ]
        journal.questions = sorted(asked, key=lambda each: each[0])
        journal.generation = self.world.meta["generation"]
        return journal

    def _holder(self) -> Holder:
        journal = self.chance.choice(self.journals)
        return Holder(journal.site, journal.epoch)

    def _person(self) -> int:
        return self.chance.choice(PEOPLE)

    def _bucket(self) -> int:
        return self.chance.choice((*BUCKETS, *BUCKETS, COUNTING))

    def _aside(self) -> tuple[int, int, int, int] | None:
        keys = sorted(key for key, row in self.world.quarantine.items() if row.state != "replayed")
        return self.chance.choice(keys) if keys else None

    def _cause(self) -> str:
        """A fresh one, or one that was used."""
        self.causes += self.chance.random() < 0.9
        return f"act:{self.causes}"

    def _among(self, person: int, sites: int) -> int:
        return person % sites + 1


def _share(share: Any) -> dict[str, Any]:
    return share if isinstance(share, dict) else msgspec.to_builtins(share)
