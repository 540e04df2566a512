"""What gateways are told: nothing as kept that is not kept, the lease messages as they were sent, how things stand."""

from typing import Any, Final

from tests.simulation import wirewords as words
from tests.simulation.auditor import Violation
from tests.simulation.bookkeeper import Standing
from tests.simulation.changes import Changes

_NOT_TAKEN: Final = frozenset({"frozen", "stopped"})


def known_before(request: list[Any], changes: Changes) -> int:
    """How many entries of a batch that is taken had come before."""
    first = min((entry.seq for entry in changes.entries), default=0)
    if first:
        return int(first - request[2])
    last = request[2] + len(request[4]) - 1
    head = _heads(request)[last]
    kept = any(
        row is not None and row.hash == head
        for key in list(changes.world.streams)
        if tuple(key[:2]) == (request[0], request[1])
        for row in [changes.world.inbox.get((*key, last))]
    )
    return len(request[4]) if kept else 0


def check_batch(world: Any, request: list[Any], said: list[Any], changes: Changes) -> None:
    """`applied_through` is never beyond what is kept, byte for byte; counts are of this batch."""
    generation, through, head, safe, applied, again, aside, state = said[:8]
    device, epoch, first, _previous, bodies, *_ = request
    rows = {key: row for key, row in world.streams.items() if key[:2] == (device, epoch)}
    if generation != world.meta["generation"] or safe > max(row.safe_through for row in rows.values()):
        raise Violation(f"device {device} is told {said}; {rows}")
    ends = [(row.applied_through, row.head) for row in rows.values()]
    if (head and (through, head) not in ends) or (not head and through > max(end for end, _ in ends)):
        raise Violation(f"device {device} is told that {through} entries are kept; kept are {[end for end, _ in ends]}")
    last = min(through, first + len(bodies) - 1)
    if head and last >= first and (applied or again):
        heads = _heads(request)
        if not any((row := world.inbox.get((*key, last))) is not None and row.hash == heads[last] for key in rows):
            raise Violation(f"device {device} is told that entry {last} is kept, and another one is")
    new = [entry for entry in changes.entries if entry.applied]
    known = known_before(request, changes) if changes.entries or again else 0
    if (applied, aside, again) != (len(new), len(changes.entries) - len(new), known):
        raise Violation(f"device {device} is told {said[4:]} of {len(new)} of {len(changes.entries)} applied")
    if changes.entries and state == "stopped" and all(row.state != "stopped" for row in rows.values()):
        raise Violation(f"device {device} is told that its stream stopped")


def check_beat(world: Any, standing: Standing, device: int, said: list[Any]) -> None:
    """How far things are, and whether the site may go on."""
    row = world.devices[device]
    stream, site = world.streams[device, row.epoch, 0], standing.sites[row.site, row.epoch]
    state = "frozen" if stream.state in ("frozen", "held") else stream.state
    silent = site.declared_generation < standing.generation and site.state != "lost"
    state = "declare" if state == "open" and silent else state
    wanted = [standing.generation, row.epoch, site.newest_n, stream.applied_through, stream.safe_through, state]
    if [said[0], said[1], said[3], *said[5:8]] != wanted:
        raise Violation(f"device {device} is told {said}, not {wanted}")


def check_page(standing: Standing, row: Any, after: int, said: list[Any]) -> None:
    """The messages after one, in order and without a gap, as they were sent."""
    holder = (row.site, row.epoch)
    newest = standing.sites[holder].newest_n
    sent = standing.messages[holder]
    if said[1:3] != [row.epoch, newest]:
        raise Violation(f"{holder} is told of messages through {said[1:3]}, sent are {newest}")
    for expected, message in enumerate(said[3], max(after, 0) + 1):
        known = sent.get(message[0])
        if message[0] != expected or known is None or message[1:] != list(known.sent[1:6]):
            raise Violation(f"{holder} is told {message} after {expected - 1}; sent was {known}")
    if not said[3] and after < newest:
        raise Violation(f"{holder} is told nothing after {after}, sent are {newest}")


def _heads(request: list[Any]) -> dict[int, bytes]:
    head, heads = request[3], {}
    for seq, body in enumerate(request[4], request[2]):
        head = heads[seq] = words.chained(head, body)
    return heads
