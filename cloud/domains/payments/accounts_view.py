"""What a person sees of their money: balances by place, flows signed for them, the balance after each."""

from collections import defaultdict
from typing import Any

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.core.pages import Page, PageRequest, after_values, make_page
from cloud.core.sessions import User
from cloud.domains.identity import service as identity
from cloud.domains.payments import rules
from cloud.domains.payments.exceptions import entry_of
from cloud.domains.payments.money_schemas import AtSite, BalanceOut, FlowOut
from cloud.domains.payments.tables import Bucket
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from protocols.ledger.accounts import Owner, TransferKind

_AMONG_PLACES = (TransferKind.LEASE_GRANT, TransferKind.LEASE_RETURN, TransferKind.IN_DOUBT, TransferKind.RELEASE)
_OWNERS = {
    Owner.PERSON: "person", Owner.GOODWILL: "goodwill", Owner.IN_DOUBT: "in_doubt", Owner.STALL: "stall",
    Owner.ISSUER: "issuer", Owner.CASH_DESK: "cash_desk", Owner.EXCEPTIONS: "exceptions", Owner.LOSS: "loss",
    Owner.RECEIVABLE: "receivable",
}  # fmt: skip


async def balances(core: Core, user: User, person_id: int) -> Page[BalanceOut]:
    """A person's buckets: what is available, what each site holds, what is in doubt."""
    async with core.database.transaction(user.organisation_id) as tx:
        if await identity.person(tx, person_id) is None:
            raise NotFound("there is no such person")
        held = await ledger.balances_of(tx, person_id)
        names = await places.site_names(tx)
        buckets = {b["id"]: b for b in await Bucket.filter(id__in=[each.bucket for each in held]).values()}
    return Page(items=[_balance(each, buckets.get(each.bucket, {}), names) for each in held])


async def flows(core: Core, user: User, person_id: int, request: PageRequest) -> Page[FlowOut]:
    """A person's movements, newest first; moves among a person's own places are left out."""
    after = after_values(request, int, int)
    async with core.database.transaction(user.organisation_id) as tx:
        if await identity.person(tx, person_id) is None:
            raise NotFound("there is no such person")
        rows = await tx.fetch(
            "SELECT * FROM ledger_transfers WHERE person = $1 AND id <= $2 AND kind <> ALL ($3) "
            "ORDER BY id DESC LIMIT $4",
            person_id,
            after[0] if after else 2**62,
            [int(kind) for kind in _AMONG_PLACES],
            request.fetch + 1,
        )
        names = await places.site_names(tx)
        left = {each.bucket: each.total for each in await ledger.balances_of(tx, person_id)} if after is None else None
    made = [flow for row in rows for flow in _flows(row, person_id, names)]
    if after is not None:
        made = [flow for flow in made if (flow.id, -flow.bucket_id) < (after[0], -after[1])]
    elif left is not None:
        _balance_after(made, defaultdict(int, left))
    return make_page(made, request, key=lambda flow: [flow.id, flow.bucket_id], item=lambda flow: flow)


def account_name(row: Record, side: str) -> str:
    """An account for a reader: 'person:17 bucket:3 at:1/2'."""
    kind = _OWNERS.get(row[f"{side}_owner_kind"], str(row[f"{side}_owner_kind"]))
    site, epoch = row[f"{side}_site"], row[f"{side}_epoch"]
    place = f" at:{site}/{epoch}" if site else ""
    return f"{kind}:{row[f'{side}_owner']} bucket:{row[f'{side}_bucket']}{place}"


async def bucket_names(tx: Transaction) -> dict[int, str]:  # noqa: ARG001 - runs in its transaction
    """Names by id."""
    return {row["id"]: row["name_zh"] for row in await Bucket.all().values("id", "name_zh")}


def _balance(held: ledger.BucketBalance, bucket: dict[str, Any], names: dict[int, str]) -> BalanceOut:
    return BalanceOut(
        bucket_id=held.bucket,
        name_zh=bucket.get("name_zh", ""),
        name_en=bucket.get("name_en", ""),
        kind=bucket.get("kind", 0),
        counting=bucket.get("counting", False),
        expires_on=bucket.get("expires_on"),
        available_fen=held.available,
        at=[AtSite(site_id=s, site_name=names.get(s, ""), epoch=e, amount_fen=amount) for s, e, amount in held.at],
        in_doubt_fen=held.in_doubt,
        total_fen=held.total,
    )


def _flows(row: Record, person_id: int, names: dict[int, str]) -> list[FlowOut]:
    line = rules.FlowLine(
        row["debit_owner_kind"], row["debit_owner"], row["debit_bucket"],
        row["credit_owner_kind"], row["credit_owner"], row["credit_bucket"], row["amount"],
    )  # fmt: skip
    site = row["debit_site"] or row["credit_site"]
    return [
        FlowOut(
            id=row["id"],
            at=row["posted_at"],
            business_day=row["business_day"],
            kind=row["kind"],
            bucket_id=bucket,
            amount_fen=amount,
            balance_after_fen=None,
            place=names.get(site, "") if site else "",
            entry_id=entry_of(row),
            memo=row["memo"],
        )
        for bucket, amount in sorted(rules.signed_for(line, person_id))
    ]


def _balance_after(newest_first: list[FlowOut], left: dict[int, int]) -> None:
    """Walk back from what each bucket holds now."""
    for flow in newest_first:
        flow.balance_after_fen = left[flow.bucket_id]
        left[flow.bucket_id] -= flow.amount_fen
