"""What people at the cloud do about what is set aside, stopped and held."""

from cloud.core.errors import CloudError
from tests.simulation.world import World

_MENDERS = (91, 92)


async def look_after(world: World) -> None:
    """Let streams go on that stand, and mend what is in quarantine; two people stand behind every amount."""
    await resume_all(world)
    while await mend_all(world):
        pass


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
        fen = world.auditor.poison.get((device, epoch, seq))
        if state != "waiting" or fen is None:
            continue
        world.reached.note("poison quarantined")
        try:
            await world.cloud.mend(item, {"amount_fen": fen, "gross_fen": fen}, by=_MENDERS[0])
            await world.cloud.approve(item, by=_MENDERS[1])
            replayed = await world.cloud.replay(item)
        except CloudError as error:
            world.tell(f"mending entry {seq} of {device}/{epoch}: {error}")
            continue
        applied += len(replayed.applied)
        if replayed.applied:
            world.reached.note("poison mended and replayed")
    return applied
