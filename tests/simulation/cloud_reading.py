"""What an auditor reads of a simulated cloud: plain dicts and tuples, straight from the tables."""

from dataclasses import fields
from typing import Any, NamedTuple

from cloud.ledger.store import Holder
from tests.simulation.cloud_devices import SimWorld

Row = tuple[Any, ...]
StreamId = tuple[int, int, int]  # device, epoch, branch


class AccountLine(NamedTuple):
    """A line of the books: accounts are (owner kind, owner, bucket, site, epoch); `fact` (device, epoch, branch, seq).

    A line has a cause or a fact, never both.
    """

    kind: int
    debit: tuple[int, int, int, int, int]
    credit: tuple[int, int, int, int, int]
    amount: int
    person: int
    business_day: int
    posting_day: int
    cause: str | None
    fact: tuple[int, int, int, int] | None
    part: int


class Reading:
    """The reading side of `CloudMachine`."""

    world: SimWorld

    @property
    def generation(self) -> int:
        """Raised by each restore."""
        return self.world.meta["generation"]

    def balances(self) -> dict[tuple[int, int, int, int, int], int]:
        """Floored accounts (owner kind, owner, bucket, site, epoch) that hold anything."""
        return {key: amount for key, amount in self.world.balances.items() if amount}

    def lines(self) -> list[AccountLine]:
        """Every line, in the order posted."""
        return [_line(row) for row in self.world.lines.values()]

    def streams(self) -> dict[StreamId, dict[str, Any]]:
        """How each stream stands, by the names of its columns."""
        return {key: _named(row) for key, row in self.world.streams.items()}

    def inbox(self, device: int, epoch: int, branch: int = 0) -> list[tuple[int, int, bytes, bytes]]:
        """(seq, state 1 applied 2 parked 3 quarantined, hash, body), in order."""
        stream = self.world.streams.get((device, epoch, branch))
        if stream is None:
            return []
        seqs = range(stream.forked_after + 1, stream.applied_through + 1)
        rows = [(seq, self.world.inbox.get((device, epoch, branch, seq))) for seq in seqs]
        return [(seq, int(row.state), row.hash, row.body) for seq, row in rows if row is not None]

    def set_aside(self) -> list[Row]:
        """(device, epoch, branch, seq, state, reason code, behind seq), replayed ones included."""
        return [(*key, row.state, row.code, row.behind_seq) for key, row in self.world.quarantine.items()]

    def waiting(self) -> list[tuple[int, StreamId, int, str, str]]:
        """What is set aside: item, stream, seq, state (waiting, parked, mended), reason code."""
        rows = self.world.quarantine.items()
        return [(row.id, key[:3], key[3], row.state, row.code) for key, row in rows if row.state != "replayed"]

    def counts(self) -> dict[tuple[int, int, int], tuple[int, int, int, int]]:
        """The certificate: (device, lane, hour ms) -> applied, duplicates, quarantined, parked."""
        return dict(self.world.counts.items())

    def lease_sites(self) -> dict[tuple[int, int], dict[str, Any]]:
        """(site, epoch) -> its row by the names of its columns."""
        return {holder: _named(row) for holder, row in self.world.lease_sites.items()}

    def lease_messages(self, site: int, epoch: int) -> list[Row]:
        """(n, kind, person, bucket, amount, from day, answered or None), in order."""
        row = self.world.lease_sites.get(Holder(site, epoch))
        found = []
        for n in range(1, row.newest_n + 1 if row is not None else 1):
            message = self.world.messages.get((site, epoch, n))
            if message is not None:
                sent = message.sent
                told = (n, int(sent.kind), sent.person, sent.bucket, sent.amount, sent.from_day, message.answered)
                found.append(told)
        return found

    def replica(self, site: int, collection: str) -> dict[tuple[str, int], bytes]:
        """Live records of a collection: (key, effective_from_ms) -> body."""
        rows = self.world.replica.group((site, collection))
        return {key[2:]: body for key, (_, body) in rows if body is not None}

    def rights(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(person, rule) -> (site, epoch) that counts it; (0, 0) nobody."""
        return {key: right.holder for key, right in self.world.rights.items()}

    def cleared_sites(self) -> dict[tuple[int, int, int], int | None]:
        """(site, epoch, bucket) -> the seq that passed the cut-off; None while it waits."""
        return dict(self.world.cutoff_sites.items())


def _named(row: Any) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _line(row: Row) -> AccountLine:
    fact = None if row[17] is None else row[17:21]
    amount, person, business_day, posting_day = row[12:16]
    return AccountLine(row[1], row[2:7], row[7:12], amount, person, business_day, posting_day, row[22], fact, row[21])
