"""The cloud of a simulated world: what gateways call, what the office does, and what an auditor reads.

`CloudFace` is what `CloudMachine` offers: the real EdgeApi, ingest, ledger and desk over the memory store.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from cloud.ledger.corrections import Shrunk
from cloud.sync.desk import Replayed
from cloud.sync.replicas import ReplicaChange

ORGANISATION = 1
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


class CloudFace(Protocol):
    """One organisation (number 1). Every call is one transaction: an exception leaves no trace."""

    async def call(
        self, method: str, path: str, *, token: str, body: bytes = b"", query: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """What `/edge/v1/<path>` answers: the HTTP status and the encoded message, an error as a Fault.

        GET leases (after), replicas (collection, generation, after), replica/<collection>; POST the others.
        """

    async def open_site(self, site: int) -> int:
        """A site with a gateway that waits for its first code; answers the device's number."""

    async def code_for(self, site: int) -> str:
        """A one-time code. While a gateway holds the site this replaces it: keys end, the next epoch begins with it."""

    async def open_bucket(self, bucket: int, *, counting: bool = False) -> None:
        """A kind of money, or of times."""

    async def hire(self, person: int, home: int, meal_fen: int) -> None:
        """A person with a home site."""

    async def move_home(self, person: int, site: int) -> None:
        """Money and limits follow as they come back."""

    async def announce_visit(self, person: int, site: int, day: int) -> tuple[int, int]:
        """(granted now, asked back); (0, 0) when announced before."""

    async def leave(self, person: int) -> bool:
        """Pay what is available, ask sites for the rest; True once nothing is left anywhere. Repeatable."""

    async def top_up(self, person: int, bucket: int, fen: int, *, cause: str) -> bool:
        """Money in at the desk, leased in the same transaction; False where the cause is known."""

    async def grant_all(self, bucket: int, fen: int, persons: Sequence[int], *, cause: str) -> bool:
        """A subsidy for each, leased in the same transaction; False where the cause is known."""

    async def correct_down(self, person: int, bucket: int, fen: int, *, cause: str) -> Shrunk | None:
        """Take back what was too much; None where the cause is known."""

    async def clear(self, bucket: int) -> int:
        """Begin the clearing of a bucket; answers what was swept at once."""

    async def true_up(
        self, person: int, *, period: str, days: tuple[int, int], order: Sequence[int]
    ) -> list[tuple[int, int, int]]:
        """Swaps (better, worse, amount) of a period."""

    async def give_rights(self, rule: int, uses_a_day: int, persons: Sequence[int]) -> int:
        """Standing rights to a limit go to homes; answers how many were given."""

    async def size(self) -> int:
        """The minute's jobs: homes get what they lack, leavers are paid, money in doubt long enough is released.

        Answers how much was done; 0 is rest.
        """

    async def declare_lost(self, site: int, *, epoch: int = 0, bearer: int = ORGANISATION) -> int:
        """A site's gateway (or an earlier epoch of it) is lost; answers what is in doubt now."""

    async def revoke_key(self, device: int) -> None:
        """The device gets no session; a backlog under its key waits."""

    async def restore_key(self, device: int) -> None:
        """A person found that the device is good after all: it is active, its key counts again."""

    async def resume(self, device: int, epoch: int) -> None:
        """Let every stopped or held branch go on, and a frozen device work again."""

    def waiting(self) -> list[tuple[int, StreamId, int, str, str]]:
        """What is set aside: item, stream, seq, state (waiting, parked, mended), reason code."""

    async def mend(self, item: int, fields: Any, *, by: int) -> bool:
        """Record what an entry should have said; True where it may be replayed, False where a second person is due."""

    async def approve(self, item: int, *, by: int) -> bool:
        """A further person stands behind it; True where that is enough."""

    async def replay(self, item: int) -> Replayed:
        """Apply an entry (as mended) with what waits behind it."""

    async def replay_parked(self, device: int, epoch: int, branch: int = 0) -> Replayed:
        """Apply what waited for an upgrade or for others."""

    async def publish(self, collection: str, rows: Sequence[ReplicaChange], *, site: int = 0) -> None:
        """Records (key, effective_from_ms, body or None) for one site, or 0 for every site."""

    def back_up(self) -> Any:
        """Everything as it stands now."""

    async def verified(self, image: Any) -> None:
        """The backup can be restored: what it covers is safe."""

    def restore(self, image: Any) -> int:
        """Go back to a backup; answers the new generation. Calls in progress end with status 503."""

    @property
    def generation(self) -> int:
        """Raised by each restore."""

    def balances(self) -> dict[tuple[int, int, int, int, int], int]:
        """Floored accounts (owner kind, owner, bucket, site, epoch) that hold anything."""

    def lines(self) -> list[AccountLine]:
        """Every line, in the order posted."""

    def streams(self) -> dict[StreamId, dict[str, Any]]:
        """How each stream stands, by the names of its columns."""

    def inbox(self, device: int, epoch: int, branch: int = 0) -> list[tuple[int, int, bytes, bytes]]:
        """(seq, state 1 applied 2 parked 3 quarantined, hash, body), in order."""

    def set_aside(self) -> list[Row]:
        """(device, epoch, branch, seq, state, reason code, behind seq), replayed ones included."""

    def counts(self) -> dict[tuple[int, int, int], tuple[int, int, int, int]]:
        """The certificate: (device, lane, hour ms) -> applied, duplicates, quarantined, parked."""

    def lease_sites(self) -> dict[tuple[int, int], dict[str, Any]]:
        """(site, epoch) -> its row by the names of its columns."""

    def lease_messages(self, site: int, epoch: int) -> list[Row]:
        """(n, kind, person, bucket, amount, from day, answered or None), in order."""

    def replica(self, site: int, collection: str) -> dict[tuple[str, int], bytes]:
        """Live records of a collection: (key, effective_from_ms) -> body."""

    def rights(self) -> dict[tuple[int, int], tuple[int, int]]:
        """(person, rule) -> (site, epoch) that counts it; (0, 0) nobody."""
