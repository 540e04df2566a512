"""The books checked from scratch: what the tables say must follow from the lines alone. Usable at every commit."""

from typing import Final, NamedTuple

from cloud.core.database import Transaction


class Finding(NamedTuple):
    """Something that does not hold: which check, and where."""

    check: str
    where: str


# Each query answers one text a violation.
_CHECKS: Final = {
    "a balance is not the sum of its lines": """
        WITH moves AS (
            SELECT debit_owner_kind AS owner_kind, debit_owner AS owner, debit_bucket AS bucket, debit_site AS site,
                   debit_epoch AS epoch, -amount AS amount FROM ledger_transfers WHERE debit_owner_kind < 10
            UNION ALL
            SELECT credit_owner_kind, credit_owner, credit_bucket, credit_site, credit_epoch, amount
            FROM ledger_transfers WHERE credit_owner_kind < 10
        ), sums AS (
            SELECT owner_kind, owner, bucket, site, epoch, sum(amount) AS amount FROM moves GROUP BY 1, 2, 3, 4, 5)
        SELECT format('account %s holds %s, its lines say %s',
                      (owner_kind, owner, bucket, site, epoch), coalesce(b.balance, 0), coalesce(s.amount, 0))
        FROM sums AS s FULL JOIN ledger_balances AS b USING (owner_kind, owner, bucket, site, epoch)
        WHERE coalesce(b.balance, 0) <> coalesce(s.amount, 0)""",
    "an account with a floor is below zero": """
        SELECT format('account %s', (owner_kind, owner, bucket, site, epoch)) FROM ledger_balances WHERE balance < 0""",
    "a lease is held by nobody": """
        SELECT format('site %s epoch %s holds %s', b.site, b.epoch, sum(b.balance)) FROM ledger_balances AS b
        WHERE b.site <> 0 AND b.balance > 0 AND NOT EXISTS (
            SELECT 1 FROM lease_sites AS s WHERE s.site = b.site AND s.epoch = b.epoch)
        GROUP BY b.site, b.epoch""",
    "a lost site still holds a lease": """
        SELECT format('site %s epoch %s', s.site, s.epoch)
        FROM lease_sites AS s JOIN ledger_balances AS b USING (site, epoch)
        WHERE s.state = 'lost' AND b.owner_kind = 1 AND b.balance > 0 GROUP BY s.site, s.epoch""",
    "a grant's message and its line differ": """
        SELECT format('site %s epoch %s message %s', m.site, m.epoch, m.n) FROM lease_messages AS m
        LEFT JOIN ledger_transfers AS t ON t.cause = format('grant:%s:%s:%s', m.site, m.epoch, m.n)
            AND t.organisation_id = m.organisation_id
        WHERE m.kind = 1 AND (t.amount IS NULL OR t.amount <> m.amount OR t.person <> m.person)""",
    "lease messages are not numbered without a gap": """
        SELECT format('site %s epoch %s', s.site, s.epoch) FROM lease_sites AS s
        WHERE (SELECT count(*) FROM lease_messages AS m WHERE m.site = s.site AND m.epoch = s.epoch) > s.newest_n
           OR EXISTS (SELECT 1 FROM lease_messages AS m
               WHERE m.site = s.site AND m.epoch = s.epoch AND m.n > s.newest_n)""",
    "more was given back than was paid": """
        SELECT format('settlement %s-%s-%s', r.device, r.epoch, r.seq) FROM (
            SELECT device, epoch, branch, seq, sum(amount) AS amount FROM ledger_refunds GROUP BY 1, 2, 3, 4) AS r
        WHERE r.amount > (SELECT coalesce(sum(t.amount), 0) FROM ledger_transfers AS t
            WHERE t.device = r.device AND t.epoch = r.epoch AND t.seq = r.seq AND t.kind = 5)""",
}  # fmt: skip


async def check_ledger(tx: Transaction, *, most: int = 20) -> list[Finding]:
    """What does not hold in the books this transaction sees, at most `most` findings a check; empty is good."""
    return await run_checks(tx, _CHECKS, most=most)


async def run_checks(tx: Transaction, checks: dict[str, str], *, most: int) -> list[Finding]:
    """Run queries that answer one text a violation."""
    findings = []
    for name, query in checks.items():
        rows = await tx.fetch(f"SELECT * FROM ({query}) AS found (said) LIMIT $1", most)  # noqa: S608 - constants above
        findings += [Finding(name, row[0]) for row in rows]
    return findings
