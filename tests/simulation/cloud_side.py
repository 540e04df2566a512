"""The cloud of a simulated world: the real EdgeApi, ingest, ledger and desk over the memory store.

Every call of a gateway and every act of the office is one transaction: an exception leaves no trace.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from random import Random
from typing import Any

from cloud.core.errors import CloudError, NotFound, Unavailable
from cloud.core.errors import Malformed as MalformedRequest
from cloud.ledger.world_memory import Image
from cloud.sync.desk import QuarantineDesk
from cloud.sync.edge_api import EdgeApi, EdgeParts
from cloud.sync.registry import EntryContext, Registry
from cloud.sync.state import Effects, Received, Slice
from cloud.sync.store import Prepared
from cloud.sync.store_memory import MemoryStore
from protocols.payments.facts import Declaration
from protocols.sync.codec import decode, encode
from protocols.sync.messages import Batch, Fault, Heartbeat, LeaseAsk, OpenSession, Provision
from protocols.values.errors import Malformed
from protocols.values.instants import Clock, to_datetime
from tests.simulation.cloud_devices import KeyRotations, SimWorld, Trouble
from tests.simulation.cloud_office import ORGANISATION, Office
from tests.simulation.cloud_reading import AccountLine

__all__ = ["AccountLine", "CloudFace", "CloudMachine"]

Query = Mapping[str, str]
_INT64 = 2**63


class CloudClock:
    """The cloud's way of asking a world's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return to_datetime(self._clock.now_ms())

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start that never step back."""
        return self._clock.monotonic_ms() / 1000


class TroubledStore(MemoryStore):
    """The memory store, whose writes may be troubled."""

    async def write_part(self, prepared: Prepared, registry: Registry) -> None:
        """As the store does."""
        self._trouble("write")
        await super().write_part(prepared, registry)

    async def finish(self, context: EntryContext, effects: Effects, state: Slice, received: Received) -> None:
        """As the store does."""
        self._trouble("finish")
        await super().finish(context, effects, state, received)

    def _trouble(self, where: str) -> None:
        assert isinstance(self.world, SimWorld)
        self.world.trouble(where)


class CloudMachine(Office):
    """One organisation (number 1). `trouble` is told where a database may fail and raises Unavailable when it does."""

    def __init__(
        self, clock: Clock, random: Random, *, in_doubt_days: int = 3, trouble: Trouble = lambda _where: None
    ) -> None:  # fmt: skip
        self._registry, self._secret, self._trouble = Registry([KeyRotations()]), random.randbytes(32), trouble
        desk = QuarantineDesk(self._registry, lambda record: record[:64], store_of=MemoryStore)
        world = SimWorld(ORGANISATION, trouble)
        super().__init__(world, CloudClock(clock), random, desk, doubt_days=in_doubt_days)
        self._api = self._api_over(world)

    async def call(
        self, method: str, path: str, *, token: str = "", body: bytes = b"", query: Query | None = None
    ) -> tuple[int, bytes]:
        """What `/edge/v1/<path>` answers: the HTTP status and the encoded message, an error as a Fault.

        GET leases (after), replicas (collection, generation, after), replica/<collection>; POST the others.
        """
        world = self.world
        try:
            said = await self._asked(method, path, token, body, query or {})
            if world is not self.world:
                raise Unavailable("the cloud was put back meanwhile")
        except CloudError as error:
            return _fault(error)
        except Malformed as error:
            return _fault(MalformedRequest(str(error)))
        return int(HTTPStatus.OK), encode(said)

    def back_up(self) -> Image:
        """Everything as it stood when the last transaction ended."""
        return self.world.image()

    async def verified(self, image: Image) -> None:
        """The backup can be restored: what it covers is safe."""
        async with self._transaction():
            for key, known in image["streams"].items():
                stream = self.world.streams.get(key)
                if stream is not None and stream.safe_through < known.applied_through:
                    self.world.streams[key] = replace(stream, safe_through=known.applied_through)

    def restore(self, image: Image) -> int:
        """Go back to a backup; answers the new generation. Calls in progress end with status 503."""
        highest = max(self.generation, image["meta"]["generation"])
        world = SimWorld(ORGANISATION, self._trouble)
        world.become(image)
        with world.undo.transaction():
            world.meta["generation"] = highest + 1
        self.world, self._api = world, self._api_over(world)
        return self.generation

    def _api_over(self, world: SimWorld) -> EdgeApi:
        return EdgeApi(
            EdgeParts(
                world, self._clock, self._registry, self.directory, self._secret, store_of=TroubledStore
            )
        )  # fmt: skip

    async def _asked(self, method: str, path: str, token: str, body: bytes, query: Query) -> Any:
        api = self._api
        if method == "GET":
            return await self._page(path, token, query)
        posts: dict[str, Callable[[], Awaitable[Any]]] = {
            "provision": lambda: api.provision(decode(body, Provision)),
            "session": lambda: api.open_session(decode(body, OpenSession)),
            "batches": lambda: api.batch(token, decode(body, Batch)),
            "heartbeat": lambda: api.heartbeat(token, decode(body, Heartbeat)),
            "lease-asks": lambda: api.lease_ask(token, decode(body, LeaseAsk)),
            "declarations": lambda: api.declare(token, decode(body, Declaration)),
        }
        ask = posts.get(path)
        if ask is None:
            raise NotFound("there is no such path")
        return await ask()

    async def _page(self, path: str, token: str, query: Query) -> Any:
        if path == "leases":
            return await self._api.leases(token, _number(query, "after"))
        collection = query.get("collection", "") if path == "replicas" else path.removeprefix("replica/")
        return await self._api.replica(
            token, collection, generation=_number(query, "generation"), after=_number(query, "after")
        )


CloudFace = CloudMachine


def _number(query: Query, name: str) -> int:
    try:
        number = int(query.get(name, "0"))
    except ValueError:
        number = _INT64
    if not -_INT64 <= number < _INT64:
        raise MalformedRequest(f"{name} is a whole number")
    return number


def _fault(error: CloudError) -> tuple[int, bytes]:
    retry = error.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
    return int(error.status), encode(Fault(error.code, error.message, retry))
