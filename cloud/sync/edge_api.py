"""What `/edge/v1` does, without HTTP: one method a call, each in transactions of its own, each harmless to repeat."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from cloud.core.clock import Clock
from cloud.core.errors import Conflict, Forbidden, Malformed, Unauthenticated
from cloud.ledger import standing
from cloud.ledger.errors import LeasesWait
from cloud.ledger.messages import messages_after
from cloud.ledger.sizing import serve_visitor
from cloud.ledger.store import Holder, LedgerStore
from cloud.sync import declarations, heartbeats, replicas
from cloud.sync.devices import DeviceDirectory, DeviceKey, DeviceRecord, DeviceState
from cloud.sync.ingest import Ingestor, Sender
from cloud.sync.registry import Registry
from cloud.sync.store import Store
from cloud.sync.store_postgres import PostgresStore
from cloud.sync.tokens import SessionTokens
from protocols.crypto import sm2
from protocols.payments.facts import Declaration
from protocols.sync.codec import provision_bytes, session_bytes
from protocols.sync.messages import (
    PROTOCOL,
    Batch,
    BatchAnswer,
    DeclarationAnswer,
    Heartbeat,
    HeartbeatAnswer,
    LeaseAsk,
    LeaseAskAnswer,
    LeasePage,
    OpenSession,
    Provision,
    Provisioned,
    ReplicaPage,
    Session,
)
from protocols.values.errors import RuleViolation
from protocols.values.instants import local_day, to_ms

LEASE_PAGE: Final = 2_000
_NONCES_KEPT: Final = 10_000
_RULES_MOST: Final = 50
_KEYS: Final = 2**31
_NONCE_LEAST: Final = 8
_AMOUNT_MOST: Final = 10**12

BucketOrder = Callable[[Any, int, int], Awaitable[list[int]]]  # (tx, person, site) -> best first


class Transactions(Protocol):
    """What opens transactions that have entered no organisation: a Database, or a world in memory."""

    def system_transaction(self) -> AbstractAsyncContextManager[Any]:
        """A transaction with `enter(organisation_id)`; it ends with the context, or leaves no trace."""


class Superseded(Conflict):
    """Another gateway writes for the site by now."""

    code = "superseded"
    title = "Another gateway writes for this site now"


@dataclass(frozen=True, slots=True)
class EdgeParts:
    """What `/edge/v1` is made of.

    `token_secret` is shared by all workers; `bucket_order` says which money a visitor's lease takes first (without it:
    the largest bucket); `store_of` makes the store over a transaction of `database`; `fillers` make the bodies of the
    collections whose rows only point to what is kept sealed.
    """

    database: Transactions
    clock: Clock
    registry: Registry
    directory: DeviceDirectory
    token_secret: bytes
    bucket_order: BucketOrder | None = None
    store_of: Callable[[Any], Store] = PostgresStore
    fillers: Mapping[str, replicas.Filler] = field(default_factory=dict)


class Entered(NamedTuple):
    """A transaction in the organisation of a token's device, and one of its keys."""

    tx: Any
    store: Store
    device: DeviceRecord
    generation: int
    key: DeviceKey | None


class EdgeApi:
    """The calls of gateways."""

    def __init__(self, parts: EdgeParts) -> None:
        self._database, self._clock, self._directory = parts.database, parts.clock, parts.directory
        self._order, self._store_of, self._fillers = parts.bucket_order, parts.store_of, parts.fillers
        self._tokens = SessionTokens(parts.token_secret)
        self._ingestor = Ingestor(parts.registry, parts.clock)
        self._nonces: OrderedDict[tuple[int, bytes], None] = OrderedDict()

    async def provision(self, request: Provision) -> Provisioned:
        """Take a one-time code. Raises Forbidden for a signature that is not of the key."""
        message = provision_bytes(request.code, request.public_key)
        if not sm2.verify(public=request.public_key, message=message, signature=request.signature):
            raise Forbidden("the signature is not by this key")
        now = self._clock.now()
        async with self._database.system_transaction() as tx:
            generation = await self._store_of(tx).ledger.generation()
            return await self._directory.provision(tx, request, generation=generation, now=now)

    async def open_session(self, request: OpenSession) -> Session:
        """A token for a device that shows its key. Raises Unauthenticated, and Malformed for another protocol."""
        if request.protocol != PROTOCOL:
            raise Malformed(f"protocol {request.protocol} is not spoken here, {PROTOCOL} is")
        now = self._clock.now()
        async with self._database.system_transaction() as tx:
            device = await self._directory.device(tx, request.device) if request.device > 0 else None
            key = await self._shown(tx, device, request) if device else None
            generation = await self._store_of(tx).ledger.generation()
            if (
                device is None
                or key is None
                or (key.revoked and not _superseded(device, key))
                or device.state in (DeviceState.REVOKED, DeviceState.LOST)
                or not self._fresh(request)
            ):
                raise Unauthenticated("the cloud does not take this device's word")
            await tx.enter(device.organisation)
            await self._directory.software_seen(tx, device.device, request.software[:100])
        token = self._tokens.make(device=device.device, key_id=_number_of(key), now_s=int(now.timestamp()))
        site_key = b"" if key.revoked else device.site_key
        return Session(token, self._tokens.lifetime_s, device.epoch, generation, to_ms(now), site_key)

    async def batch(self, token: str, batch: Batch) -> BatchAnswer:
        """Take facts in."""
        async with self.entered(token, key_id=batch.checkpoint.key_id, backlog=True) as (
            tx,
            store,
            device,
            generation,
            key,
        ):
            if batch.device != device.device:
                raise Forbidden("a device sends its own facts only")

            async def freeze(forked: DeviceRecord) -> None:
                await self._directory.freeze(tx, forked.device, reason="two journals go on from one entry")

            answer = await self._ingestor.take(store, batch, Sender(device, key, generation), on_fork=freeze)
            holder = Holder(device.site, batch.epoch)
            if answer.state == "open" and await heartbeats.must_declare(store.ledger, holder, generation=generation):
                answer = msgspec.structs.replace(answer, state="declare")
            return answer

    async def heartbeat(self, token: str, beat: Heartbeat) -> HeartbeatAnswer:
        """Note how a site stands, answer what is new for it."""
        now = self._clock.now()
        async with self.entered(token, backlog=True) as (_, store, device, generation, _):
            await store.ledger.seen_through(Holder(device.site, beat.epoch), beat.lease_n)
            return await heartbeats.note(store, device, beat, generation=generation, now=now)

    async def leases(self, token: str, after: int) -> LeasePage:
        """Messages after `after`, which the site has applied."""
        async with self.entered(token) as (_, store, device, generation, _):
            holder = Holder(device.site, device.epoch)
            await store.ledger.seen_through(holder, after)
            newest, messages = await messages_after(store.ledger, holder, max(after, 0), limit=LEASE_PAGE)
            return LeasePage(generation, device.epoch, newest, tuple(messages))

    async def lease_ask(self, token: str, ask: LeaseAsk) -> LeaseAskAnswer:
        """A visiting diner's rights, from what is available; what lies at home is asked back."""
        numbers = 0 < ask.person < 2**53 and 0 <= ask.amount <= _AMOUNT_MOST and 0 <= ask.lease_n < 2**53
        if not numbers or len(ask.rules) > _RULES_MOST:
            raise Malformed("an ask names a person, an amount and few limits")
        now = self._clock.now()
        async with self.entered(token) as (tx, store, device, _, _):
            holder = Holder(device.site, device.epoch)
            granted, word = 0, "frozen"
            await store.ledger.seen_through(holder, ask.lease_n)
            site = await store.ledger.lease_site(holder)
            if device.state is DeviceState.ACTIVE and site is not None and site.state == "open":
                order = await self._order(tx, ask.person, device.site) if self._order is not None else []
                today = local_day(to_ms(now), ZoneInfo(device.time_zone))
                granted, word = await self._serve(store.ledger, holder, ask, order=order, today=today)
            newest, _ = await messages_after(store.ledger, holder, 0, limit=0)
            return LeaseAskAnswer(newest, granted, word)

    async def replica(self, token: str, collection: str, *, generation: int, after: int) -> ReplicaPage:
        """Rows of a collection after a version."""
        async with self.entered(token) as (tx, store, device, present, _):
            filler = self._fillers.get(collection)
            return await replicas.page(
                store,
                device.site,
                collection,
                generation=present,
                known_generation=generation,
                after=after,
                fill=partial(filler, tx) if filler is not None else None,
            )

    async def declare(self, token: str, part: Declaration) -> DeclarationAnswer:
        """One part of what a site holds, for a restored cloud."""
        now = self._clock.now()
        async with self.entered(token) as (_, store, device, _, _):
            day = local_day(to_ms(now), ZoneInfo(device.time_zone))
            try:
                complete, missing = await declarations.declare(
                    store,
                    Holder(device.site, device.epoch),
                    part,
                    device=device.device,
                    now=now,
                    business_day=day,
                )
            except RuleViolation as error:
                raise Malformed(str(error)) from error
            return DeclarationAnswer(complete, missing)

    async def _serve(
        self, ledger: LedgerStore, holder: Holder, ask: LeaseAsk, *, order: list[int], today: int
    ) -> tuple[int, str]:
        under_way = await ledger.under_way(holder, ask.person)
        wanted = max(0, ask.amount - under_way)
        try:
            granted, asked = await serve_visitor(
                ledger, ask.person, wanted, holder, now=self._clock.now(), business_day=today, order=order
            )
        except LeasesWait:
            return 0, "declare"
        rights = await standing.want_for_visit(ledger, ask.person, ask.rules, holder, day=ask.day) if ask.rules else 0
        granted += min(under_way, ask.amount)
        if granted < ask.amount:
            return granted, "recalling" if asked else "short"
        return granted, "recalling" if rights else ""

    @asynccontextmanager
    async def entered(self, token: str, *, key_id: int = -1, backlog: bool = False) -> AsyncIterator[Entered]:
        """A transaction in the organisation of the token's device, and one of its keys.

        Raises Unauthenticated, and Superseded unless the call hands in a `backlog`, which anybody who was replaced may.
        """
        number, own_id = self._tokens.read(token, now_s=int(self._clock.now().timestamp()))
        async with self._database.system_transaction() as tx:
            device = await self._directory.device(tx, number)
            own = await self._own(tx, device, own_id) if device is not None else None
            if device is None or own is None or device.state in (DeviceState.REVOKED, DeviceState.LOST):
                raise Unauthenticated("the device was revoked")
            if own.revoked and not (backlog and _superseded(device, own)):
                raise Superseded if _superseded(device, own) else Unauthenticated("the key was revoked")
            generation = await self._store_of(tx).ledger.generation()
            key = own if key_id == own.key_id else await self._key(tx, number, key_id)
            if own.revoked and not (key and key.revoked):  # a copy's number may be that of its successor's key
                key = own
            await tx.enter(device.organisation)
            yield Entered(tx, self._store_of(tx), device, generation, key)

    async def _shown(self, tx: Any, device: DeviceRecord, request: OpenSession) -> DeviceKey | None:
        """The key that a request is signed by: one of the directory, or one that a copy of the disk made (rule 21)."""
        message = session_bytes(request.device, request.key_id, request.at_ms, request.nonce)
        known = await self._directory.key(tx, device.device, request.key_id)
        if known is not None and sm2.verify(public=known.public_key, message=message, signature=request.signature):
            return known
        for key in await self._made_by_copies(tx, device, request.key_id):
            if sm2.verify(public=key.public_key, message=message, signature=request.signature):
                return key
        return None

    async def _own(self, tx: Any, device: DeviceRecord, number: int) -> DeviceKey | None:
        if number < _KEYS:
            return await self._directory.key(tx, device.device, number)
        made = await self._made_by_copies(tx, device, number % _KEYS)
        return next((key for key in made if _number_of(key) == number), None)

    async def _key(self, tx: Any, device: int, key_id: int) -> DeviceKey | None:
        return await self._directory.key(tx, device, key_id) if 0 <= key_id < _KEYS else None

    async def _made_by_copies(self, tx: Any, device: DeviceRecord, key_id: int) -> list[DeviceKey]:
        """Keys of that number which entries of branches brought; revoked with the key that both copies had before."""
        await tx.enter(device.organisation)
        made = [(each, each.key()) for each in await self._store_of(tx).rotations(device.device)]
        found = []
        for rotation, key in made:
            if key.key_id == key_id:
                shared = min(other.key_id for each, other in made if each.epoch == rotation.epoch) - 1
                before = await self._directory.key(tx, device.device, shared)
                if before is not None:
                    found.append(rotation.key(revoked=before.revoked))
        return found

    def _fresh(self, request: OpenSession) -> bool:
        """Whether this very request has not come before; a device's clock may be wrong, so it is no measure."""
        key = (request.device, request.nonce)
        if len(request.nonce) < _NONCE_LEAST or key in self._nonces:
            return False
        self._nonces[key] = None
        if len(self._nonces) > _NONCES_KEPT:
            self._nonces.popitem(last=False)
        return True


def _number_of(key: DeviceKey) -> int:
    """What a token calls a key: its id, and for one that a copy of a disk made for itself the epoch and branch too."""
    return key.key_id + _KEYS * (key.epoch << 16 | key.branch) if key.branch else key.key_id


def _superseded(device: DeviceRecord, key: DeviceKey) -> bool:
    """Whether the key is of an epoch before: its gateway gets no rights, but what it took may come in (rule 21)."""
    return key.epoch < device.epoch
