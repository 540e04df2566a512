"""Homes, holders, messages, cut-offs and standing rights in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from cloud.ledger.errors import CheckFailed
from cloud.ledger.store import NOBODY, Holder, LeaseSite, Outgoing, Right, SiteClearing
from cloud.ledger.world_memory import LedgerWorld, Message
from protocols.ledger.accounts import Owner
from protocols.sync.messages import LeaseKind, LeaseMessage


class MemoryLeases:
    """The part of `MemoryLedger` that is not about amounts. One transaction runs at a time."""

    def __init__(self, world: LedgerWorld) -> None:
        self.world = world

    @property
    def organisation(self) -> int:
        """Whose world it is."""
        return self.world.organisation

    async def set_home(self, person: int, site: int, meal_fen: int) -> None:
        """Make `site` a person's home."""
        self.world.homes[person] = (site, meal_fen)

    async def homes(self, persons: Sequence[int]) -> dict[int, tuple[int, Holder]]:
        """Person -> (meal_fen, the open holder of their home)."""
        found = {}
        for person in persons:
            site, meal_fen = self.world.homes.get(person, (0, 0))
            holder = await self.open_holder(site)
            if holder is not None:
                found[person] = (meal_fen, holder)
        return found

    async def meal_of(self, person: int) -> int:
        """What a meal of a person is worth."""
        return int(self.world.homes.get(person, (0, 0))[1])

    async def claim_visit(self, person: int, site: int, day: int) -> bool:
        """Whether a visit is announced for the first time."""
        fresh = (person, site, day) not in self.world.visits
        if fresh:
            self.world.visits[person, site, day] = None
        return fresh

    async def generation(self) -> int:
        """The cloud's generation."""
        return self.world.meta["generation"]

    async def sites_missing(self) -> int:
        """How many holders have not declared."""
        generation = self.world.meta["generation"]
        return sum(
            1
            for holder, site in self.world.lease_sites.items()
            if site.declared_generation < generation
            and site.state != "lost"
            and (site.state != "closed" or self._holds(holder))
        )

    async def lock_holders(self, holders: Sequence[Holder]) -> int:
        """How many of them there are."""
        return sum(1 for holder in holders if holder in self.world.lease_sites)

    async def open_holder(self, site: int) -> Holder | None:
        """The one that new leases of a site go to."""
        found = [holder for holder, row in self.world.lease_sites.group(site) if row.state == "open"]
        return max(found, default=None)

    async def lease_site(self, holder: Holder, *, locked: bool = False) -> LeaseSite | None:  # noqa: ARG002 - see above
        """A holder's row."""
        found: LeaseSite | None = self.world.lease_sites.get(holder)
        return found

    async def lock_streams(self, holder: Holder) -> None:
        """Nothing: there is one transaction at a time."""

    async def set_lost(self, holder: Holder, *, bearer: int, at: datetime) -> None:
        """The holder is lost."""
        self._change(holder, state="lost", bearer=bearer, lost_at=at)

    async def lost_before(self, instant: datetime) -> list[Holder]:
        """Lost holders whose money is still in doubt."""
        return sorted(
            holder
            for holder, site in self.world.lease_sites.items()
            if site.state == "lost"
            and site.released_at is None
            and site.lost_at is not None
            and site.lost_at <= instant
        )

    async def set_released(self, holder: Holder, at: datetime) -> None:
        """What a lost holder had was given back."""
        self._change(holder, released_at=at)

    async def set_declared(self, holder: Holder, generation: int, newest_n: int) -> None:
        """The holdings are known for a generation."""
        site = self.world.lease_sites.get(holder)
        if site is not None:
            self._change(
                holder, declared_generation=generation, newest_n=max(site.newest_n, newest_n),
                applied_n=max(site.applied_n, newest_n),
            )  # fmt: skip

    async def seen_through(self, holder: Holder, n: int) -> None:
        """The holder has applied messages up to `n`."""
        site = self.world.lease_sites.get(holder)
        if site is not None and site.applied_n < n <= site.newest_n:
            self._change(holder, applied_n=n)

    async def take_numbers(self, many: Mapping[Holder, int]) -> dict[Holder, int]:
        """Give numbers; answers the last one before them."""
        last = {}
        for holder, count in many.items():
            last[holder] = self.world.lease_sites[holder].newest_n
            self._change(holder, newest_n=last[holder] + count)
        return last

    async def keep_messages(self, numbered: Sequence[tuple[int, Outgoing]]) -> None:
        """Keep messages under their numbers."""
        for n, message in numbered:
            key = (*message.holder, n)
            if key in self.world.messages:
                raise CheckFailed(f"message {key} is there")
            self.world.messages[key] = Message(message)

    async def messages(self, holder: Holder, *, after: int, through: int, limit: int) -> list[LeaseMessage]:
        """Messages in order."""
        found: list[LeaseMessage] = []
        for n in range(after + 1, through + 1):
            message = self.world.messages.get((*holder, n))
            if len(found) == limit:
                break
            if message is not None:
                sent = message.sent
                found.append(LeaseMessage(n, int(sent.kind), sent.person, sent.bucket, sent.amount, sent.from_day))
        return found

    async def asked_of_sites(self, person: int) -> dict[tuple[int, int, int], int]:
        """What sites are asked for and have not answered."""
        asked: dict[tuple[int, int, int], int] = {}
        for sent in self._open_questions(person, LeaseKind.RECALL, LeaseKind.SHRINK):
            key = (*sent.holder, sent.bucket)
            asked[key] = asked.get(key, 0) + sent.amount
        return asked

    async def asked_for(self, person: int, holder: Holder) -> int:
        """What others were asked for on behalf of a holder."""
        asked = self._open_questions(person, LeaseKind.RECALL)
        return sum(sent.amount for sent in asked if sent.for_holder == holder)

    async def under_way(self, holder: Holder, person: int) -> int:
        """What was leased for a person and is not applied there yet."""
        site = self.world.lease_sites.get(holder)
        if site is None:
            return 0
        rows = (self.world.messages.get((*holder, n)) for n in range(site.applied_n + 1, site.newest_n + 1))
        sent = (row.sent for row in rows if row is not None)
        return sum(each.amount for each in sent if each.kind == LeaseKind.GRANT and each.person == person)

    async def answer(self, holder: Holder, answers: Sequence[tuple[int, int]]) -> None:
        """Keep the first answers of messages."""
        for n, amount in answers:
            message = self.world.messages.get((*holder, n))
            if message is not None and message.answered is None:
                self.world.messages[*holder, n] = replace(message, answered=amount)

    async def forget_questions(self, holder: Holder) -> list[Outgoing]:
        """Questions to a lost holder are answered with nothing; the corrections among them."""
        corrections = []
        for key, message in self.world.messages.group(("to", *holder)):
            if message.answered is None:
                self.world.messages[key] = replace(message, answered=0)
                if message.sent.counter is not None:
                    corrections.append((key, message.sent))
        return [sent for _, sent in sorted(corrections, key=lambda item: item[0])]

    async def begin_cutoffs(self, buckets: Sequence[int], *, business_day: int, now: datetime) -> None:
        """These buckets are being cleared."""
        for bucket in buckets:
            self.world.cutoffs[bucket] = (business_day, now)

    async def holders_of(self, buckets: Sequence[int]) -> list[tuple[int, Holder]]:
        """Who must pass the cut-off."""
        sites = self.world.lease_sites
        found: dict[tuple[int, Holder], None] = {}
        for bucket in buckets:
            for (kind, _, _, site, epoch), _ in self.world.balances.group(("bucket", bucket)):
                row = sites.get(Holder(site, epoch))
                if kind == Owner.PERSON and row is not None and row.state != "lost":
                    found[bucket, Holder(site, epoch)] = None
            found.update(((bucket, holder), None) for holder, row in sites.items() if row.state == "open")
        return list(found)

    async def expect_cutoffs(self, expected: Sequence[tuple[int, Holder]]) -> None:
        """These have to pass the marker, also who passed one that a restored cloud has forgotten."""
        for bucket, holder in expected:
            self.world.cutoff_sites[*holder, bucket] = None

    async def pass_cutoffs(self, holder: Holder, passed: Mapping[int, int]) -> None:
        """Keep the first seq that passed each marker."""
        for bucket, seq in passed.items():
            if self.world.cutoff_sites.get((*holder, bucket)) is None:
                self.world.cutoff_sites[*holder, bucket] = seq

    async def cutoffs_to_pass(self, holder: Holder) -> list[int]:
        """Buckets whose marker a holder has not passed."""
        rows = self.world.cutoff_sites.items()
        return sorted(key[2] for key, seq in rows if key[:2] == holder and seq is None)

    async def being_cleared(self, buckets: Iterable[int]) -> frozenset[int]:
        """Those that are being cleared."""
        return frozenset(bucket for bucket in buckets if bucket in self.world.cutoffs)

    async def clearings(self, buckets: Sequence[int]) -> list[SiteClearing]:
        """How each site stands."""
        found = []
        for bucket in sorted(set(buckets)):
            for (site, epoch, _), seq in sorted(self.world.cutoff_sites.group(bucket)):
                rows = self.world.balances.group(("bucket", bucket))
                held = sum(amount for key, amount in rows if key[0] == Owner.PERSON and key[3:] == (site, epoch))
                found.append(SiteClearing(bucket, site, epoch, seq is not None, held))
        return found

    async def without_right(self, persons: Sequence[int], rule: int) -> list[tuple[int, int, int]]:
        """Those whose limit nobody counts, with their homes and from when on it is free."""
        found = []
        for person in sorted(set(persons)):
            home, right = self.world.homes.get(person), self.world.rights.get((person, rule))
            if home is not None and (right is None or not right.holder.site):
                found.append((person, home[0], right.from_day if right else 0))
        return found

    async def rights(self, person: int, rules: Iterable[int] | None) -> list[Right]:
        """Rights of a person."""
        wanted = None if rules is None else set(rules)
        rows = self.world.rights.group(("person", person))
        return [right for (_, rule), right in sorted(rows, key=_by_key) if wanted is None or rule in wanted]

    async def rights_of(self, holder: Holder) -> list[Right]:
        """Rights that a holder counts."""
        rows = self.world.rights.group(("holder", holder))
        return [right for _, right in sorted(rows, key=_by_key) if right.holder == holder]

    async def keep_rights(self, rights: Sequence[Right]) -> None:
        """Make or change rights."""
        for right in rights:
            self.world.rights[right.person, right.rule] = right

    async def free_rights(self, holder: Holder) -> None:
        """Nobody counts what this holder counted."""
        for key, right in self.world.rights.group(("holder", holder)):
            if right.holder == holder:
                self.world.rights[key] = replace(right, holder=NOBODY, next_holder=NOBODY, visit_day=0)

    def _holds(self, holder: Holder) -> bool:
        rows = self.world.balances.group(("at", *holder))
        return any(amount > 0 and key[0] == Owner.PERSON for key, amount in rows)

    def _open_questions(self, person: int, *kinds: LeaseKind) -> list[Outgoing]:
        rows = self.world.messages.group(("person", person))
        return [row.sent for _, row in rows if row.answered is None and row.sent.kind in kinds]

    def _change(self, holder: Holder, **values: object) -> None:
        site = self.world.lease_sites.get(holder)
        if site is not None:
            self.world.lease_sites[holder] = replace(site, **values)


def _by_key(item: tuple[tuple[int, int], Right]) -> tuple[int, int]:
    return item[0]
