"""The ledger's store in memory: the same rows and constraints over plain tables, for seeds to be replayed."""

from collections.abc import Iterable, Mapping, Sequence

from cloud.ledger.errors import CheckFailed
from cloud.ledger.leases_memory import MemoryLeases
from cloud.ledger.store import Holder, Line
from protocols.ledger.accounts import Account, Owner, TransferKind

_INT64 = 2**63
_KIND, _DEBIT, _CREDIT, _AMOUNT, _DAY, _DEVICE, _PART, _CAUSE = 1, slice(2, 7), slice(7, 12), 12, 14, 17, 21, 22


class MemoryLedger(MemoryLeases):
    """The books of a world."""

    async def claim(self, cause: str) -> bool:
        """Whether `cause` is posted for the first time."""
        fresh = cause not in self.world.causes
        if fresh:
            self.world.causes[cause] = None
        return fresh

    async def causes_like(self, prefix: str) -> int:
        """How many causes begin with `prefix`, which ends with a colon."""
        return len(self.world.causes.group(prefix))

    async def balances(self, accounts: Iterable[Account], *, locked: bool = False) -> dict[Account, int]:  # noqa: ARG002 - one transaction at a time
        """Balances of those of `accounts` that exist."""
        balances = self.world.balances
        return {account: balances[account] for account in sorted(accounts) if account in balances}

    async def spend_trusted(self, deltas: Mapping[Account, int]) -> bool:
        """Take from accounts that were not read; False where one is not there."""
        found = all(account in self.world.balances for account in deltas)
        if found:
            await self.move(deltas, deltas)
        return found

    async def move(self, held: Mapping[Account, int], deltas: Mapping[Account, int]) -> None:  # noqa: ARG002 - at hand
        """Add `deltas`. Raises CheckFailed where a floored balance would pass below zero."""
        balances = self.world.balances
        for account, delta in sorted(deltas.items()):
            if delta:
                after = balances.get(account, 0) + delta
                if not 0 <= after < _INT64:
                    raise CheckFailed(f"{account} would hold {after}")
                balances[account] = after

    async def write_lines(self, lines: Sequence[Line]) -> None:
        """Keep lines, each once."""
        for line in lines:
            key = (*line[_DEVICE:_PART], line[_PART]) if line[_DEVICE] is not None else (line[_CAUSE], line[_PART])
            if key in self.world.lines:
                raise CheckFailed(f"line {key} is there")
            if not 0 < line[_AMOUNT] < _INT64:
                raise CheckFailed(f"line {key} moves {line[_AMOUNT]}")
            self.world.lines[key] = line

    async def holdings(self, person: int) -> list[tuple[int, int, int, int, int]]:
        """All a person has or has in doubt."""
        rows = [row for kind in (Owner.PERSON, Owner.IN_DOUBT) for row in self._owned(kind, person)]
        return sorted((bucket, kind, site, epoch, amount) for (kind, _, bucket, site, epoch), amount in rows)

    async def free(self, persons: Sequence[int]) -> list[tuple[int, int, int]]:
        """What no site holds and no clearing takes."""
        cut = self.world.cutoffs
        return [
            (person, key[2], amount)
            for person in sorted(set(persons))
            for key, amount in sorted(self._owned(Owner.PERSON, person))
            if not key[3] and key[2] not in cut
        ]

    async def held(self, persons: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
        """What open sites hold of buckets that are not being cleared."""
        found = []
        for person in sorted(set(persons)):
            for (_, _, bucket, site, epoch), amount in self._owned(Owner.PERSON, person):
                row = self.world.lease_sites.get(Holder(site, epoch))
                if row is not None and row.state == "open" and bucket not in self.world.cutoffs:
                    found.append((person, site, epoch, bucket, amount))
        return found

    async def free_of_bucket(self, bucket: int) -> list[tuple[int, int]]:
        """What no site holds of a bucket."""
        rows = self.world.balances.group(("bucket", bucket))
        return sorted((key[1], amount) for key, amount in rows if key[0] == Owner.PERSON and not key[3] and amount > 0)

    async def held_by(self, owner_kind: int, holder: Holder) -> list[tuple[int, int, int]]:
        """What is at a holder."""
        rows = self.world.balances.group(("at", *holder))
        return sorted((key[1], key[2], amount) for key, amount in rows if key[0] == owner_kind and amount > 0)

    async def spent(self, person: int, days: tuple[int, int]) -> dict[int, int]:
        """What a person paid, by bucket."""
        return self._moved(person, days, TransferKind.SPEND, _DEBIT)

    async def given_back(self, person: int, days: tuple[int, int]) -> dict[int, int]:
        """What a person was refunded, by bucket."""
        return self._moved(person, days, TransferKind.REFUND, _CREDIT)

    async def set_counting(self, buckets: Sequence[int]) -> None:
        """These buckets count times, not fen."""
        for bucket in buckets:
            self.world.counting[bucket] = None

    def _owned(self, kind: int, owner: int) -> list[tuple[tuple[int, int, int, int, int], int]]:
        return [(key, amount) for key, amount in self.world.balances.group(("owner", kind, owner)) if amount > 0]

    def _moved(self, person: int, days: tuple[int, int], kind: int, side: slice) -> dict[int, int]:
        moved: dict[int, int] = {}
        for _, line in self.world.lines.group(person):
            account = line[side]
            if line[_KIND] == kind and days[0] <= line[_DAY] <= days[1] and account[0] == Owner.PERSON:
                moved[account[2]] = moved.get(account[2], 0) + line[_AMOUNT]
        return moved
