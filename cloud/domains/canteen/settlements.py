"""Reading what was sold: lists, drill-down to plates and ledger lines, the day as it stands, closings."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.core.pages import Page, PageRequest, after_values, make_page
from cloud.core.sessions import User
from cloud.domains.canteen import queries, rules
from cloud.domains.canteen.queries import SettlementFilter, SettlementKey
from cloud.domains.canteen.settlement_schemas import (
    ChainOut,
    ClosingOut,
    LaneTodayOut,
    LineOut,
    MinuteOut,
    OfflineGateway,
    RefundOut,
    SettlementDetail,
    SettlementOut,
    ShareOut,
    TodayOut,
    TopDish,
    TransferOut,
)
from cloud.domains.canteen.tables import Canteen, Dish
from cloud.domains.devices import service as devices
from cloud.domains.identity import service as identity
from cloud.domains.payments import service as payments
from cloud.domains.places import service as places
from cloud.sync import service as sync
from protocols.journal.codec import decode_entry
from protocols.payments.facts import Line, Settlement, decode
from protocols.values.ids import EntryId
from protocols.values.instants import day_to_date, local_day, to_datetime, to_ms

_CLOSING_STATES: Final[dict[int, Literal["balanced", "over", "short", "carried"]]] = {
    1: "balanced",
    2: "over",
    3: "short",
    4: "carried",
}
_PROPOSALS_MOST: Final = 500
_TOP_OF: Final = 1000
_TOP_SHOWN: Final = 10
_DAY_BEGAN: Final = timedelta(hours=48)
_KEY_KINDS: Final = (int, int, int, int, int)


async def page(
    core: Core, user: User, request: PageRequest, search: str, wanted: SettlementFilter
) -> Page[SettlementOut]:
    """Settlements, newest first."""
    after = _after(request)
    async with core.database.transaction(user.organisation_id) as tx:
        narrowed = await _narrowed(tx, search, wanted)
        rows = await queries.page_of_settlements(tx, narrowed, after=after, fetch=request.fetch)
        names = await identity.names(tx, [row["person_id"] for row in rows])
    return make_page(rows, request, key=_key, item=lambda row: SettlementOut(**_fields(row, names)))


async def refund_proposals(core: Core, user: User) -> Page[SettlementOut]:
    """Settlements whose dynamic code had paid elsewhere already: both stand, this one may be given back (rule 15)."""
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await queries.refund_proposals(tx, most=_PROPOSALS_MOST)
        names = await identity.names(tx, [row["person_id"] for row in rows])
    return Page(items=[SettlementOut(**_fields(row, names)) for row in rows])


async def detail(core: Core, user: User, entry: EntryId) -> SettlementDetail:
    """One settlement down to plates, ledger lines and its place in the chain. Raises NotFound."""
    async with core.database.transaction(user.organisation_id) as tx:
        row = await queries.settlement(tx, entry)
        if row is None:
            raise NotFound("there is no such settlement")
        stored = await sync.entry(tx, entry)
        paid = stored.payload
        assert isinstance(paid, Settlement)
        names = await identity.names(tx, [row["person_id"]])
        dishes = await dish_names(tx, {line.dish for line in paid.lines})
        buckets = await payments.bucket_names(tx)
        tills, asked = await queries.refunds_of(tx, entry)
        transfers = await queries.transfers_of(tx, entry)
    return SettlementDetail(
        **_fields(row, names),
        gross_fen=paid.gross_fen,
        discount_fen=paid.discount_fen,
        fee_fen=paid.fee_fen,
        prices_version=stored.entry.prices_version if stored.entry else 0,
        rules_version=stored.entry.rules_version if stored.entry else 0,
        lines=[_line(line, dishes) for line in paid.lines],
        shares=[
            ShareOut(bucket_id=s.bucket, name_zh=buckets.get(s.bucket, ""), amount_fen=s.amount) for s in paid.shares
        ],
        transfers=[_transfer(each) for each in transfers],
        refunds=[_till_refund(each) for each in tills] + [_asked_refund(each) for each in asked],
        chain=ChainOut(
            seq=entry.seq,
            hash=stored.hash.hex(),
            checkpoint_seq=stored.checkpoint_seq,
            signed=stored.checkpoint_seq >= entry.seq,
        ),
    )


async def today(core: Core, user: User, day: int | None) -> TodayOut:
    """A business day as it stands: today of the first canteen's site unless named."""
    now = core.clock.now()
    async with core.database.transaction(user.organisation_id) as tx:
        day = day or await _present_day(tx, now)
        since = _start(day)
        totals = await queries.day_totals(tx, day, since)
        minutes = await queries.per_minute(tx, day, since)
        lanes = await queries.lanes_of_day(tx, day, since)
        standing = await devices.standing(core, tx)
        top = await _top_dishes(tx, await queries.latest_bodies(tx, day, since, most=_TOP_OF))
    live = {lane: (state, waiting) for gateway in standing if gateway.online for lane, state, waiting in gateway.lanes}
    return TodayOut(
        day=day,
        **dict(totals),
        per_minute=[MinuteOut(**dict(row)) for row in minutes],
        lanes=[_lane(row, live.get(row["id"], ("offline", -1))) for row in lanes],
        gateways_offline=[
            OfflineGateway(id=each.id, name=each.name, offline_since_at=each.seen_at, waiting=each.waiting)
            for each in standing
            if not each.online and each.state in ("active", "frozen")
        ],
        top_dishes=top,
    )


async def closings(
    core: Core, user: User, request: PageRequest, *, day: int | None, lane_id: int | None
) -> Page[ClosingOut]:
    """Closed days of lanes beside what the ledger booked for the same entries."""
    after = _after(request)
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await queries.page_of_closings(tx, after=after, fetch=request.fetch, day=day, lane_id=lane_id)
    return make_page(rows, request, key=_key, item=_closing)


async def dish_names(tx: Transaction, dish_ids: set[int]) -> dict[int, tuple[str, str]]:  # noqa: ARG001 - runs in its transaction
    """Names in both tongues by id."""
    rows = await Dish.filter(id__in=sorted(dish_ids)).values("id", "name_zh", "name_en")
    return {row["id"]: (row["name_zh"], row["name_en"]) for row in rows}


async def _narrowed(tx: Transaction, search: str, wanted: SettlementFilter) -> SettlementFilter:
    found = rules.read_search(search) if search.strip() else rules.Search()
    people = wanted.person_ids
    if found.text and people is None:
        people = await identity.find_people(tx, found.text)
    day = wanted.business_day or found.business_day or None
    return SettlementFilter(
        entry=found.entry,
        canteen_id=wanted.canteen_id,
        lane_id=wanted.lane_id,
        lane_code=found.lane_code,
        person_ids=people,
        receipt_no=found.receipt_no or None,
        business_day=day,
        day_start=_start(day) + timedelta(days=1) if day else None,
        state=wanted.state,
    )


async def _present_day(tx: Transaction, now: datetime) -> int:
    canteen = await Canteen.all().order_by("id").first()
    if canteen is None:
        return local_day(to_ms(now), now.tzinfo or places.zone("UTC"))
    zone = await places.zone_of(tx, canteen.site_id)
    return local_day(to_ms(now), zone, day_starts_minute=canteen.day_starts_minute)


def _start(day: int) -> datetime:
    """An instant before the day began in any zone; rows of the day lie after it, so the index on `at` is bounded."""
    try:
        begins = day_to_date(day)
    except ValueError as error:
        raise NotFound("there is no such day") from error
    return (
        to_datetime(to_ms(datetime(begins.year, begins.month, begins.day, tzinfo=to_datetime(0).tzinfo)))
        - _DAY_BEGAN / 2
    )


async def _top_dishes(tx: Transaction, bodies: list[bytes]) -> list[TopDish]:
    count: dict[int, int] = defaultdict(int)
    amount: dict[int, int] = defaultdict(int)
    for body in bodies:
        for line in decode(Settlement, decode_entry(body).payload).lines:
            count[line.dish] += line.quantity
            amount[line.dish] += line.amount_fen
    best = sorted((dish for dish in count if dish), key=lambda dish: (-amount[dish], dish))[:_TOP_SHOWN]
    names = await dish_names(tx, set(best))
    return [
        TopDish(
            dish_id=dish,
            name_zh=names.get(dish, ("", ""))[0],
            name_en=names.get(dish, ("", ""))[1],
            count=count[dish],
            amount_fen=amount[dish],
        )
        for dish in best
    ]


def _after(request: PageRequest) -> SettlementKey | None:
    after = after_values(request, *_KEY_KINDS)
    if after is None:
        return None
    at_ms, device, epoch, branch, seq = after
    # bounds of the columns; anything outside is a cursor this list did not make, and simply finds nothing
    clamped = min(max(at_ms, 0), 32_503_680_000_000)
    return to_datetime(clamped), device, epoch % 2**31, branch % 2**15, seq


def _key(row: Record) -> list[int]:
    return [to_ms(row["at"]), row["device"], row["epoch"], row["branch"], row["seq"]]


def _fields(row: Record, names: dict[int, str]) -> dict[str, Any]:
    same = ("at", "business_day", "lane_id", "canteen_id", "person_id", "receipt_no", "amount_fen", "refunded_fen")
    return {
        **{name: row[name] for name in (*same, "credential_kind")},
        "entry_id": str(EntryId(row["device"], row["epoch"], row["seq"])),
        "lane_code": row["lane_code"] or "",
        "lane_name": row["lane_name"] or "",
        "period_name": row["period_name"] or "",
        "person_name": names.get(row["person_id"], ""),
        "state": rules.state_of(row["amount_fen"], row["refunded_fen"]),
    }


def _line(line: Line, dishes: dict[int, tuple[str, str]]) -> LineOut:
    return LineOut(
        dish_id=line.dish,
        dish_name=dishes.get(line.dish, ("", ""))[0],
        plate=line.plate,
        quantity=line.quantity,
        weight_g=line.weight_g,
        unit_price_fen=line.unit_price_fen,
        amount_fen=line.amount_fen,
    )


def _transfer(row: Record) -> TransferOut:
    return TransferOut(
        id=row["id"],
        kind=row["kind"],
        debit=payments.account_name(row, "debit"),
        credit=payments.account_name(row, "credit"),
        amount_fen=row["amount"],
    )


def _till_refund(row: Record) -> RefundOut:
    return RefundOut(
        entry_id=str(EntryId(row["device"], row["epoch"], row["seq"])),
        request_id=None,
        at=row["at"],
        amount_fen=row["amount_fen"],
        reason=rules.REFUND_REASONS.get(row["reason"], "other"),
        operator_id=row["operator_id"],
    )


def _asked_refund(row: Record) -> RefundOut:
    return RefundOut(
        entry_id=None, request_id=row["id"], at=row["executed_at"], amount_fen=row["amount_fen"], reason=row["reason"],
        operator_id=None,
    )  # fmt: skip


def _lane(row: Record, live: tuple[str, int]) -> LaneTodayOut:
    return LaneTodayOut(**dict(row), state=live[0], queue=live[1] if live[1] >= 0 else None)


def _closing(row: Record) -> ClosingOut:
    same = (
        "at", "business_day", "lane_id", "canteen_id", "settlements", "settled_fen", "refunds", "refunded_fen",
        "cash_fen", "operator_id", "ledger_fen",
    )  # fmt: skip
    return ClosingOut(
        **{name: row[name] for name in same},
        entry_id=str(EntryId(row["device"], row["epoch"], row["seq"])),
        lane_code=row["lane_code"] or "",
        cash_counted_fen=None if row["cash_counted_fen"] < 0 else row["cash_counted_fen"],
        state=_CLOSING_STATES.get(row["state"], "carried"),
        difference_fen=row["settled_fen"] - row["refunded_fen"] - row["ledger_fen"],
    )
