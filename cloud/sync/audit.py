"""The whole of the books: the ledger's checks, and that an entry is one of applied, parked, quarantined."""

from typing import Final

from cloud.core.database import Transaction
from cloud.ledger.audit import Finding, check_ledger, run_checks
from protocols.journal.chain import genesis, link

_CHECKS: Final = {
    "a stream has not every entry up to where it stands": """
        SELECT format('stream %s-%s branch %s', s.device, s.epoch, s.branch) FROM streams AS s
        WHERE s.applied_through - s.forked_after <> (SELECT count(*) FROM inbox AS i
            WHERE i.device = s.device AND i.epoch = s.epoch AND i.branch = s.branch
              AND i.seq > s.forked_after AND i.seq <= s.applied_through)""",
    "an entry is beyond where its stream stands": """
        SELECT format('entry %s-%s-%s', i.device, i.epoch, i.seq) FROM inbox AS i LEFT JOIN streams AS s
            ON s.device = i.device AND s.epoch = i.epoch AND s.branch = i.branch
        WHERE s.device IS NULL OR i.seq > s.applied_through""",
    "an entry that waits is not on the list, or one on the list does not wait": """
        SELECT format('entry %s-%s-%s', i.device, i.epoch, i.seq) FROM inbox AS i LEFT JOIN quarantine AS q
            ON q.device = i.device AND q.epoch = i.epoch AND q.branch = i.branch AND q.seq = i.seq
            AND q.state <> 'replayed'
        WHERE (i.state = 1) <> (q.seq IS NULL)""",
    "money moved for an entry that is not applied": """
        SELECT format('entry %s-%s-%s', t.device, t.epoch, t.seq) FROM ledger_transfers AS t LEFT JOIN inbox AS i
            ON i.device = t.device AND i.epoch = t.epoch AND i.branch = t.branch AND i.seq = t.seq
        WHERE t.device IS NOT NULL AND i.state IS DISTINCT FROM 1 GROUP BY t.device, t.epoch, t.seq""",
    "the certificate does not count every entry once": """
        SELECT format('device %s: %s counted, %s here', d.device, coalesce(c.counted, 0), d.entries) FROM (
            SELECT device, count(*) AS entries FROM inbox GROUP BY device) AS d
        LEFT JOIN (SELECT device, sum(applied + quarantined + parked) AS counted FROM completeness GROUP BY device) AS c
            USING (device)
        WHERE d.entries <> coalesce(c.counted, 0)""",
}  # fmt: skip


async def check_books(tx: Transaction, *, most: int = 20) -> list[Finding]:
    """Everything that does not hold in the books this transaction sees; empty is good."""
    return await check_ledger(tx, most=most) + await run_checks(tx, _CHECKS, most=most)


async def check_chain(tx: Transaction, *, device: int, epoch: int) -> list[Finding]:
    """Whether the kept bytes of a stream's first branch make the chain that was signed; reads every entry."""
    previous, findings = genesis(device, epoch), []
    async for seq, digest, body in tx.connection.cursor(
        "SELECT seq, hash, body FROM inbox WHERE device = $1 AND epoch = $2 AND branch = 0 ORDER BY seq", device, epoch
    ):
        previous = link(previous, bytes(body))
        if previous != bytes(digest):
            findings.append(Finding("the kept bytes are not those that were chained", f"entry {device}-{epoch}-{seq}"))
            break
    return findings
