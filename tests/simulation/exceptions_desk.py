"""What people at the cloud do about what is set aside, stopped and held."""

from contextlib import suppress

from cloud.core.errors import CloudError
from tests.simulation import reference
from tests.simulation import wirewords as words
from tests.simulation.world import World

_MENDERS = (91, 92)


async def look_after(world: World) -> None:
    """Let streams go on that stand, and mend what is in quarantine; two people stand behind every amount."""
    await resume_all(world)
    await declare_again(world)
    while await mend_all(world):
        pass


async def declare_again(world: World) -> None:
    """Somebody declares lost what is lost already: nothing moves, and the days of doubt go on."""
    for (site, epoch), row in world.cloud.lease_sites().items():
        if row["state"] == "lost":
            with suppress(CloudError):
                await world.cloud.declare_lost(site, epoch=epoch)


async def resume_all(world: World) -> None:
    """An operator looks at streams that stopped, or are held under a revoked key."""
    for (device, epoch, _branch), row in world.cloud.streams().items():
        if row["state"] not in ("stopped", "held"):
            continue
        if row["state"] == "stopped":
            world.reached.note("stream stopped by a bad deploy")
        try:
            await world.cloud.resume(device, epoch)
        except CloudError as error:
            world.tell(f"resuming {device}/{epoch}: {error}")


async def mend_all(world: World) -> int:
    """What is set aside is put right, and what waited behind it follows; how many were applied."""
    applied = 0
    for item, (device, epoch, _branch), seq, state, _code in world.cloud.waiting():
        if state == "parked":
            world.reached.note("entry parked behind poison")
        fields = _really(world, device, epoch, seq)
        if state != "waiting" or not fields:
            continue
        world.reached.note("poison quarantined")
        try:
            await world.cloud.mend(item, fields, by=_MENDERS[0])
            await world.cloud.approve(item, by=_MENDERS[1])
            replayed = await world.cloud.replay(item)
        except CloudError as error:
            world.tell(f"mending entry {seq} of {device}/{epoch}: {error}")
            continue
        applied += len(replayed.applied)
        if replayed.applied:
            world.reached.note("poison mended and replayed")
    return applied


def _really(world: World, device: int, epoch: int, seq: int) -> dict[str, int]:
    """What an entry should have said; nothing where nobody knows. A refund gives back what its shares say."""
    poison = world.auditor.poison
    fen = poison.get((device, epoch, seq))
    if fen is not None:
        return {"amount_fen": fen, "gross_fen": fen}
    for stream in world.auditor.streams:
        fact = stream.facts[seq - 1] if len(stream.facts) >= seq else None
        if fact is None or (stream.device, stream.epoch, fact.kind) != (device, epoch, words.REFUND):
            continue
        if (device, epoch, fact.payload[7]) in poison:
            return {"amount_fen": sum(fen for bucket, fen in words.shares_of(fact) if bucket != reference.PASSES)}
    return {}
