"""What a site says it holds after the cloud was restored: leases given after the backup come back into the books."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Final

import msgspec

from cloud.ledger import clearing, standing
from cloud.ledger.accounts import available, exceptions, leased
from cloud.ledger.effects import PAYLOADS, leased_by
from cloud.ledger.posting import post_lines
from cloud.ledger.store import Holder, LedgerStore
from cloud.sync.store import Store
from protocols.journal.codec import decode_entry
from protocols.ledger.accounts import Account, Transfer, TransferKind
from protocols.payments import facts
from protocols.values.errors import Malformed, RuleViolation

MOST_PARTS: Final = 10_000
_DECODERS: Final = {int(kind): msgspec.msgpack.Decoder(struct) for kind, struct in PAYLOADS.items()}


async def declare(
    store: Store,
    holder: Holder,
    part: facts.Declaration,
    *,
    device: int,
    before_seq: int | None = None,
    now: datetime,
    business_day: int,
) -> tuple[bool, int]:
    """Keep one part; with the last one the site's leases are put right. Answers (complete, sites that still miss).

    A part of another generation than the cloud's is passed over. `before_seq` is the entry that says it, if one does.
    """
    ledger = store.ledger
    generation = await ledger.generation()
    if not 1 <= part.part <= part.parts <= MOST_PARTS:
        raise RuleViolation(f"part {part.part} of {part.parts} is no part")
    if part.generation == generation:
        await store.keep_declared(holder, part, now)
    parts = await store.declared(holder, generation)
    complete = bool(parts) and len(parts) >= parts[0].parts
    if complete and await ledger.claim(f"declared:{holder.site}:{holder.epoch}:{generation}"):
        waiting = await _waiting(store, device, holder.epoch, before_seq)
        await _put_right(ledger, holder, parts, waiting, now=now, business_day=business_day)
        heard_n, site = max(each.lease_n for each in parts), await ledger.lease_site(holder)
        rights = [right for each in parts for right in each.standing]
        heard_all = site is not None and heard_n >= site.newest_n
        await standing.declared(ledger, holder, rights, heard_all=heard_all)
        await ledger.set_declared(holder, generation, heard_n)
        await clearing.send_markers(ledger, holder)
    return complete, await ledger.sites_missing()


async def _waiting(store: Store, device: int, epoch: int, before_seq: int | None) -> Counter[tuple[int, int]]:
    """What entries set aside have put to or taken from what the site holds, and the books will once they are mended."""
    found: Counter[tuple[int, int]] = Counter()
    for stream in await store.branches(device, epoch):
        items = [] if stream.branch else await store.open_items(stream)
        for item in items:
            if before_seq is not None and item.seq >= before_seq:
                continue
            try:
                entry = decode_entry(item.body)
                payload = _DECODERS[entry.kind].decode(entry.payload if item.payload is None else item.payload)
            except (Malformed, msgspec.MsgspecError, KeyError):
                continue  # nobody can say yet what it moves
            for person, bucket, by in leased_by(entry.kind, payload):
                found[person, bucket] += by
    return found


async def _put_right(
    ledger: LedgerStore,
    holder: Holder,
    parts: list[facts.Declaration],
    waiting: Counter[tuple[int, int]],
    *,
    now: datetime,
    business_day: int,
) -> None:
    """Raise each lease to what the site holds: from what is available, the rest from the exceptions account.

    What `waiting` facts moved there is still to move here. More in the books than at the site is left: a message may
    still be under way to it, or a fact from it.
    """
    site, epoch = holder
    declared: dict[tuple[int, int], int] = defaultdict(int)
    for move in (move for part in parts for move in part.moves):
        declared[move.person, move.bucket] += move.amount
    for pair, by in waiting.items():
        declared[pair] -= by
    accounts: list[Account] = []
    for person, bucket in declared:
        accounts += [available(person, bucket), leased(person, bucket, site=site, epoch=epoch)]
    held = await ledger.balances(accounts, locked=True)
    transfers = []
    for (person, bucket), amount in sorted(declared.items()):
        target = leased(person, bucket, site=site, epoch=epoch)
        lacking = amount - held.get(target, 0)
        found = min(lacking, held.get(available(person, bucket), 0))
        if found > 0:
            transfers.append(Transfer(TransferKind.LEASE_GRANT, available(person, bucket), target, found))
        if lacking > max(found, 0):
            short = exceptions(person, bucket, site=site, epoch=epoch)
            transfers.append(Transfer(TransferKind.LEASE_GRANT, short, target, lacking - max(found, 0)))
    generation = parts[0].generation
    cause = f"declared:{site}:{epoch}:{generation}"
    await post_lines(
        ledger, transfers, cause=cause, business_day=business_day, now=now, memo="held at the site after a restore"
    )
