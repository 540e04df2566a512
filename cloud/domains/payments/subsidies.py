"""Subsidies by rule or file: each person once a period, into a bucket of that period (rules 2, 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloud.core.bulk import insert_rows
from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.core.idempotency import once
from cloud.core.sessions import User
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import record
from cloud.domains.payments import rules, setup
from cloud.domains.payments.money import BucketClosed, size_leases
from cloud.domains.payments.money_schemas import GrantException, GrantIn, GrantOut
from cloud.domains.payments.tables import Bucket, SubsidyRule
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from cloud.ledger.accounts import available, issuer
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.values.instants import local_day, to_ms

_POST_STEP: Final = 1000


@dataclass(frozen=True)
class Source:
    """Where grants come from ('rule:7', 'file:<digest>'), for which period, of which kind, valid how long."""

    name: str
    title: str
    period: str
    kind: int
    months: int


async def grant_by_rule(core: Core, user: User, rule_id: int, body: GrantIn, key: str) -> GrantOut:
    """Grant a rule's amount to everybody it is for, each once a period. A dry run changes nothing."""
    async with core.database.transaction(user.organisation_id) as tx:
        if body.dry_run:
            return await run_rule(core, tx, rule_id, body.period, actor=f"user:{user.id}", dry_run=True)

        async def make() -> GrantOut:
            return await run_rule(core, tx, rule_id, body.period, actor=f"user:{user.id}")

        scope = f"payments.grant:{rule_id}:{user.id}"
        return await once(tx, scope=scope, key=key, request=body, answer=GrantOut, make=make)


async def run_rule(
    core: Core, tx: Transaction, rule_id: int, period: str, *, actor: str, dry_run: bool = False
) -> GrantOut:
    """The grant itself, inside the caller's transaction. Raises NotFound, BucketClosed."""
    rule = await SubsidyRule.filter(id=rule_id).select_for_update().first()
    if rule is None or rule.stopped:
        raise NotFound("there is no such subsidy rule")
    source = Source(f"rule:{rule_id}", rule.name, period, rule.bucket_kind, rule.valid_months)
    starts_on = rules.period_days(period)[0]
    meant, refused = [], []
    for row in await identity.people_for_grant(tx, rule.group_ids):
        reason = rules.grant_refusal(
            state=row["state"], blocked=row["blocked"], valid_until=row["valid_until"], starts_on=starts_on
        )
        if reason:
            refused.append(
                GrantException.model_validate({"person_id": row["id"], "number": row["number"], "reason": reason})
            )
        else:
            meant.append(row["id"])
    had = await _granted(tx, source, meant)
    fresh = [(person, rule.amount_fen) for person in meant if person not in had]
    bucket_id = None if dry_run else await give(core, tx, source, fresh, actor=actor)
    return GrantOut(
        granted=len(fresh),
        already=len(had),
        exceptions=refused,
        total_fen=sum(amount for _, amount in fresh),
        bucket_id=bucket_id,
        dry_run=dry_run,
    )


async def give(core: Core, tx: Transaction, source: Source, grants: Sequence[tuple[int, int]], *, actor: str) -> int:
    """Grant (person, fen), none of them granted before, into the source's bucket, and lease. Answers the bucket."""
    bucket = await _bucket(core, tx, source, actor)
    now = core.clock.now()
    sites = await places.sites(tx)
    day = local_day(to_ms(now), places.zone(sites[0].time_zone) if sites else places.zone("UTC"))
    columns = {
        "source": "text", "period": "text", "person_id": "bigint", "kind": "smallint", "bucket_id": "bigint",
        "amount_fen": "bigint", "granted_at": "timestamptz",
    }  # fmt: skip
    rows: list[tuple[Any, ...]] = [
        (source.name, source.period, person, source.kind, bucket.id, amount, now) for person, amount in grants
    ]
    await insert_rows(tx, "payments_grants", columns, rows)
    assert tx.organisation_id is not None
    origin = issuer(tx.organisation_id, bucket.id)
    for start in range(0, len(grants), _POST_STEP):
        part = grants[start : start + _POST_STEP]
        transfers = [Transfer(TransferKind.SUBSIDY, origin, available(p, bucket.id), amount) for p, amount in part]
        cause = f"subsidy:{source.name}:{source.period}:{source.kind}:{part[0][0]}"
        await ledger.post(tx, transfers, cause=cause, business_day=day, now=now, memo=bucket.name_zh)
    await size_leases(core, tx, [person for person, _ in grants], day=day, now=now)
    after = {"people": len(grants), "total_fen": sum(amount for _, amount in grants), "bucket": bucket.id}
    await record(tx, at=now, actor=actor, action="payments.grant", target=source.name, after=after)
    return int(bucket.id)


async def _granted(tx: Transaction, source: Source, persons: Sequence[int]) -> set[int]:
    rows = await tx.fetch(
        "SELECT person_id FROM payments_grants "
        "WHERE source = $1 AND period = $2 AND kind = $3 AND person_id = ANY ($4)",
        source.name,
        source.period,
        source.kind,
        list(persons),
    )
    return {row["person_id"] for row in rows}


async def _bucket(core: Core, tx: Transaction, source: Source, actor: str) -> Bucket:
    found = await Bucket.filter(grant_source=source.name, period=source.period, kind=source.kind).first()
    if found is not None:
        if found.state != "open":
            raise BucketClosed
        return found
    starts_on, expires_on = rules.period_days(source.period, source.months)
    values = {
        "kind": source.kind,
        "name_zh": f"{source.title} {source.period}",
        "name_en": f"{rules.KIND_NAMES_EN[source.kind]} {source.period}",
        "starts_on": starts_on,
        "expires_on": expires_on,
        "grant_source": source.name,
        "period": source.period,
    }
    made = await setup.add(core, tx, setup.BUCKETS, values, actor=actor)
    return await Bucket.get(id=made["id"])
