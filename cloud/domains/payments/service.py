"""The public door of payments, each function inside the caller's transaction."""

from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.domains.payments import accounts_view, clearing, feeds, money, setup, subsidies
from cloud.domains.payments.money_schemas import GrantOut
from protocols.ledger.accounts import Transfer
from protocols.payments.facts import Share


async def refund(
    core: Core, tx: Transaction, *, person_id: int, stall_id: int, shares: Sequence[Share], cause: str
) -> None:
    """Give shares back from a stall to a person's buckets, once for `cause` (rule 10)."""
    await money.refund(core, tx, person_id=person_id, stall_id=stall_id, shares=shares, cause=cause)


async def bucket_names(tx: Transaction) -> dict[int, str]:
    """Names of all buckets by id."""
    return await accounts_view.bucket_names(tx)


async def bucket_order(tx: Transaction, person_id: int, site_id: int) -> list[int]:  # noqa: ARG001 - one order for all
    """Which of a person's buckets a visitor's lease takes first: as scenes deduct, the earliest to expire first."""
    return await clearing.deduction_order(tx)


def account_name(row: Record, side: str) -> str:
    """The debit or credit account of a ledger line, for a reader."""
    return accounts_view.account_name(row, side)


async def publish_site(tx: Transaction, site_id: int) -> None:
    """Send a site everything of payments."""
    for collection in feeds.PUBLISHED:
        await feeds.publish(tx, collection, [site_id])


async def add_bucket(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a bucket; answers its id."""
    return int((await setup.add(core, tx, setup.BUCKETS, values, actor=actor))["id"])


async def add_subsidy_rule(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a subsidy rule; answers its id."""
    return int((await setup.add(core, tx, setup.SUBSIDY_RULES, values, actor=actor))["id"])


async def add_scene(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a scene; answers its id."""
    return int((await setup.add(core, tx, setup.SCENES, values, actor=actor))["id"])


async def add_price_rule(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a price rule; answers its id."""
    return int((await setup.add(core, tx, setup.PRICE_RULES, values, actor=actor))["id"])


async def add_limit_rule(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a limit rule; answers its id."""
    return int((await setup.add(core, tx, setup.LIMIT_RULES, values, actor=actor))["id"])


async def grant(core: Core, tx: Transaction, rule_id: int, period: str, *, actor: str) -> GrantOut:
    """Grant a subsidy rule for a period; whoever has it already gets nothing more."""
    return await subsidies.run_rule(core, tx, rule_id, period, actor=actor)


async def post_for_person(
    core: Core, tx: Transaction, person_id: int, transfers: Sequence[Transfer], *, cause: str, memo: str = ""
) -> bool:
    """Post on a person's account once for `cause` and lease what the home lacks."""
    return await money.post_for_person(core, tx, person_id, transfers, cause=cause, memo=memo)


async def top_up_many(
    core: Core, tx: Transaction, bucket_id: int, amounts: Sequence[tuple[int, int]], *, cause: str, memo: str = ""
) -> None:
    """Put money into many people's bucket at once, once for `cause`, and lease what homes lack."""
    await money.top_up_many(core, tx, bucket_id, amounts, cause=cause, memo=memo)
