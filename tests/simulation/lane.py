"""A lane as plots use it: what it does is told to the auditor like everything a diner does."""

from collections.abc import Coroutine
from typing import Any, Final

from tests.simulation import wirewords as words
from tests.simulation.auditor import Said, Violation
from tests.simulation.site_side import Refused, Told
from tests.simulation.world import Site, World

_ROOM_BYTES: Final = 400_000


class Till:
    """One lane of a gateway. Each call answers None where the machine is dead, or dies before it can tell."""

    def __init__(self, world: World, site: Site, name: str, *, lane: int = 1) -> None:
        self.world, self.site, self.lane = world, site, lane
        self._name, self._many = name, 0

    async def sell(self, person: int, extra_fen: int = 0) -> Told | Refused | None:
        """A meal, and something more."""
        attempt = self._attempt()
        return await self._heard(
            words.SETTLEMENT,
            attempt,
            self.site.machine.sell(attempt=attempt, lane=self.lane, person=person, extra_fen=extra_fen),
        )

    async def refund(self, seq: int, items: tuple[int, ...] = ()) -> Told | Refused | None:
        """Money back for a sale."""
        attempt = self._attempt()
        return await self._heard(
            words.REFUND, attempt, self.site.machine.refund(attempt=attempt, lane=self.lane, seq=seq, items=items)
        )

    async def cash(self, person: int, fen: int) -> Told | Refused | None:
        """Cash over the counter."""
        attempt = self._attempt()
        return await self._heard(
            words.CASH_TAKEN,
            attempt,
            self.site.machine.cash_in(attempt=attempt, lane=self.lane, person=person, fen=fen),
        )

    async def _heard(self, kind: int, attempt: str, work: Coroutine[Any, Any, Told | Refused]) -> Told | Refused | None:
        if not self.site.machine.alive:
            work.close()
            return None
        done, said = await self.world.outcome(work)
        if not done:
            return None
        self.world.look(self.site)
        if isinstance(said, Told):
            self.world.auditor.told(self.site.stream, kind, Said(attempt, said.person, said.amount_fen))
        found: Told | Refused = said
        return found

    def _attempt(self) -> str:
        self._many += 1
        return f"{self._name}{self.site.stream.device}.{self.site.stream.epoch}.{self._many}"


def must_have_stood(site: Site, said: Refused) -> None:
    """What has happened is kept while the disk has any room (rule 23). Raises Violation.

    A new sale has not happened: it may be refused, and by the same word.
    """
    if said.word == "store_full" and said.in_hand and site.disk.free_bytes(site.disk.folder) > _ROOM_BYTES:
        raise Violation(f"site {site.number} refuses a fact in hand, and there is room for it")
