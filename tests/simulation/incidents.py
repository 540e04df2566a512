"""What plots share: somebody to happen to, and entries that contradict themselves."""

import asyncio
from typing import Any, Final

from protocols.journal.kinds import Kind
from protocols.payments.facts import Settlement, Share
from tests.simulation import reference
from tests.simulation import wirewords as words
from tests.simulation.site_side import Refused
from tests.simulation.world import DAY_S, Site, World

UNREADABLE: Final[Any] = None  # in the auditor's list of poison: nobody can say what it took
_UNKNOWN_KIND: Final = 999


async def somebody(world: World, name: str, *, at: tuple[float, float] = (0.15, 0.6)) -> Site:
    """A gateway that lives and holds its site's rights, after a while."""
    random = world.chance(name)
    await asyncio.sleep(random.uniform(*at) * world.size.days * DAY_S)
    while True:
        able = [site for site in world.machines if site.machine.alive and not site.retired and not site.lost]
        if able and not world.ending:
            return random.choice(able)
        await asyncio.sleep(600)


def note_poison(world: World, site: Site, seq: int) -> None:
    """Tell the auditor what the entry really took."""
    world.look(site)
    (share,) = words.shares_of(site.stream.facts[seq - 1])
    world.auditor.poison[site.stream.device, site.stream.epoch, seq] = share[1]


async def nonsense(
    world: World, site: Site, person: int, *, bucket: int = reference.CASH, subject: str = ""
) -> tuple[bool, int]:
    """An entry whose parts do not add up; whether it was kept, and its number."""
    leases = site.machine.leases
    share = Share(bucket, min(100, leases.balance(person, bucket)))
    head = site.machine.journal.head_seq
    fact = Settlement(
        attempt=f"x{site.stream.device}.{head}", lane=site.number * 10 + 1, canteen=site.number,
        stall=site.number * 100 + 1, person=person, period=0, business_day=world.business_day(), receipt_no=0,
        gross_fen=777, discount_fen=0, fee_fen=0, amount_fen=777, shares=(share,), uses=(), lines=(),
        credential_kind=1, credential=0, code_step=0,
    )  # fmt: skip

    def unit(tx: Any) -> int:
        leases.spend(tx, person, (share,))
        return site.machine.journal.append(tx, Kind.SETTLEMENT, fact, subject=subject or f"p{person}").seq

    done, seq = await world.outcome(site.machine.write(unit))
    return done and not isinstance(seq, Refused), seq


async def unreadable(world: World, site: Site) -> None:
    """An entry whose payload is of another shape than its kind, and one of a kind that nobody knows."""
    for kind in (int(Kind.TRAY_BOUND), _UNKNOWN_KIND):
        if not site.machine.alive:
            return

        def unit(tx: Any, kind: int = kind) -> int:
            return site.machine.journal.append(tx, kind, b"\x91\xa1x").seq

        done, seq = await world.outcome(site.machine.write(unit))
        if done and not isinstance(seq, Refused):
            world.look(site)
            world.auditor.poison[site.stream.device, site.stream.epoch, seq] = UNREADABLE
            world.fault("entry that cannot be read", f"site {site.number} writes entry {seq}, which cannot be read")
