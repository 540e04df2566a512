"""Use cases of buckets, scenes and rules: make, change, list; each change goes to every site and the audit trail."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from tortoise.models import Model

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Invalid, NotFound
from cloud.core.sessions import User
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import record
from cloud.domains.payments import feeds
from cloud.domains.payments.tables import Bucket, LimitRule, PriceRule, Scene, SubsidyRule
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from protocols.values.instants import local_day, to_ms


@dataclass(frozen=True)
class Kind:
    """One kind of thing: its table, its word in the audit trail, the collection sites get it by ('' for none)."""

    table: type[Model]
    word: str
    collection: str = ""


BUCKETS: Final = Kind(Bucket, "bucket", "buckets")
SUBSIDY_RULES: Final = Kind(SubsidyRule, "subsidy_rule")
SCENES: Final = Kind(Scene, "scene", "scenes")
PRICE_RULES: Final = Kind(PriceRule, "price_rule", "price_rules")
LIMIT_RULES: Final = Kind(LimitRule, "limit_rule", "limit_rules")


async def add(core: Core, tx: Transaction, kind: Kind, values: dict[str, Any], *, actor: str) -> dict[str, Any]:
    """Make one. Answers its row."""
    _check(kind, values)
    made = await kind.table.create(**values)
    await _send(tx, kind, made.pk)
    if kind is BUCKETS and values.get("counting"):
        await ledger.set_counting(tx, [made.pk])
    if kind is LIMIT_RULES:
        await give_standing_rights(core, tx, [made.pk])
    await record(
        tx, at=core.clock.now(), actor=actor, action=f"payments.add_{kind.word}", target=f"{kind.word}:{made.pk}",
        after={name: str(value) for name, value in values.items()},
    )  # fmt: skip
    return await _row(kind, made.pk)


async def create(core: Core, user: User, kind: Kind, body: BaseModel) -> dict[str, Any]:
    """Make one, as a use case of its own."""
    async with core.database.transaction(user.organisation_id) as tx:
        return await add(core, tx, kind, body.model_dump(), actor=f"user:{user.id}")


async def change(core: Core, user: User, kind: Kind, row_id: int, body: BaseModel) -> dict[str, Any]:
    """Change one; members that are absent or null stay. Raises NotFound."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    async with core.database.transaction(user.organisation_id) as tx:
        before = await _row(kind, row_id)
        _check(kind, {**before, **values})
        if values:
            await kind.table.filter(pk=row_id).update(**values)
        await _send(tx, kind, row_id)
        await record(
            tx, at=core.clock.now(), actor=f"user:{user.id}", action=f"payments.change_{kind.word}",
            target=f"{kind.word}:{row_id}", before={name: str(before[name]) for name in values},
            after={name: str(value) for name, value in values.items()},
        )  # fmt: skip
        return await _row(kind, row_id)


async def rows_after(kind: Kind, after_id: int, fetch: int) -> list[dict[str, Any]]:
    """Rows in order of id, inside the caller's transaction."""
    found: list[dict[str, Any]] = await kind.table.filter(id__gt=after_id).order_by("id").limit(fetch).values()
    return found


async def give_standing_rights(
    core: Core, tx: Transaction, rule_ids: list[int] | None = None, persons: list[int] | None = None
) -> int:
    """Give homes the right to count limits (all rules for None) of the people they are for; answers how many."""
    own = await tx.fetch("SELECT id FROM payments_limit_rules WHERE organisation_id = app_organisation()")
    wanted = [row["id"] for row in own if rule_ids is None or row["id"] in rule_ids]
    query = LimitRule.filter(stopped=False, id__in=wanted)
    sites = await places.sites(tx)
    if not sites:
        return 0
    today = local_day(to_ms(core.clock.now()), places.zone(sites[0].time_zone))
    given = 0
    for rule in await query:
        meant = [row["id"] for row in await identity.people_for_grant(tx, rule.groups)]
        if persons is not None:
            meant = sorted(set(meant) & set(persons))
        worth = rule.times or rule.amount_fen or 1
        given += await ledger.give_standing_rights(tx, meant, rule.id, from_day=today, uses_a_day=worth)
    return given


async def _send(tx: Transaction, kind: Kind, row_id: Any) -> None:
    if kind.collection:
        await feeds.publish(tx, kind.collection, await places.site_ids(tx), [row_id])


async def _row(kind: Kind, row_id: Any) -> dict[str, Any]:
    rows = await kind.table.filter(pk=row_id).values()
    if not rows:
        raise NotFound(f"there is no such {kind.word.replace('_', ' ')}")
    return dict(rows[0])


def _check(kind: Kind, values: dict[str, Any]) -> None:
    starts_on, expires_on = values.get("starts_on"), values.get("expires_on")
    if kind is BUCKETS and starts_on and expires_on and expires_on < starts_on:
        raise Invalid("expires_on", "a bucket does not end before it begins", reason="order")
    if kind is LIMIT_RULES and not values["times"] and not values["amount_fen"]:
        raise Invalid("times", "a limit is of times or of fen", reason="missing")
    if kind is SCENES and values.get("ratio") and sum(part for _, part in values["ratio"]) != _WHOLE_PERMILLE:
        raise Invalid("ratio", "the parts add up to 1000 permille", reason="sum")


_WHOLE_PERMILLE: Final = 1000
