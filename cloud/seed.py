"""`python -m cloud seed`: a campus at lunch to try the product with. The same seed makes the same people and plates."""

import argparse
import asyncio
import json
import os
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cloud import seed_words as words
from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, Unavailable
from cloud.domains.canteen import service as canteen
from cloud.domains.devices import service as devices
from cloud.domains.identity import service as identity
from cloud.domains.payments import service as payments
from cloud.domains.places import service as places
from protocols.dynamic_qr.codec import make_static
from protocols.payments.credentials import hash_pin
from protocols.payments.reference import BucketKind, CredentialKind, LaneKind, LimitPer

_ACTOR: Final = "system"
_HEARD_WITHIN_S: Final = 60.0
_PIN_EVERY: Final = 40
_DYNAMIC_EVERY: Final = 4
_LANE_KINDS: Final = (LaneKind.PLATE, LaneKind.PLATE, LaneKind.WEIGH, LaneKind.PLATE, LaneKind.POS, LaneKind.GATE)
_CODE_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_STALL_OF: Final = {LaneKind.PLATE: 0, LaneKind.WEIGH: 1, LaneKind.POS: 2, LaneKind.GATE: 3}
_LANE_NAMES: Final = {
    LaneKind.PLATE: ("结算台", "Plate lane"), LaneKind.WEIGH: ("称重台", "Weigh lane"),
    LaneKind.POS: ("售饭机", "POS"), LaneKind.GATE: ("闸机", "Gate"),
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """How large a campus."""

    people: int = 2000
    sites: int = 2
    lanes: int = 6
    plates: int = 1500
    seed: int = 42
    time_zone: str = "Asia/Shanghai"


@dataclass
class World:
    """What a simulator must know; written as JSON. Cards, tokens and PINs are made up."""

    organisation_id: int
    sites: list[dict[str, Any]] = field(default_factory=list)
    gateways: list[dict[str, Any]] = field(default_factory=list)
    lanes: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    plates: list[dict[str, Any]] = field(default_factory=list)
    operators: list[dict[str, Any]] = field(default_factory=list)
    dishes: list[dict[str, Any]] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m cloud seed`."""
    plain = Options()
    for name in ("people", "sites", "lanes", "plates", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(plain, name))
    parser.add_argument("--time-zone", default=plain.time_zone, help="IANA name, of every site")
    parser.add_argument("--world", default="", help="file for what a simulator must know (JSON)")


async def run(core: Core, arguments: argparse.Namespace) -> None:
    """Seed a core to which every part is registered; prints the gateways' codes. Raises Conflict where people are."""
    asked = ("people", "sites", "lanes", "plates", "seed", "time_zone")
    options = Options(**{name: getattr(arguments, name) for name in asked})
    world = await seed(core, options)
    if arguments.world:
        await asyncio.to_thread(_write, Path(arguments.world), json.dumps(vars(world), ensure_ascii=False))
    counts = {name: len(value) for name, value in vars(world).items() if isinstance(value, list)}
    print(json.dumps({"event": "seeded", "gateways": world.gateways, "counts": counts}, ensure_ascii=False))  # noqa: T201 - a command's product


async def seed(core: Core, options: Options) -> World:
    """Make the campus in the first organisation."""
    organisation = await _organisation(core)
    world = World(organisation)
    rng = random.Random(options.seed)  # noqa: S311 - made-up people, to be the same again
    async with core.database.transaction(organisation) as tx:
        if await places.site_ids(tx):
            raise Conflict("this organisation has sites already: seed an empty one")
        for name_zh, name_en, _ in words.SITES[: options.sites]:
            site = await places.open_site(
                core, tx, actor=_ACTOR, name_zh=name_zh, name_en=name_en, time_zone=options.time_zone
            )
            world.sites.append({"id": site.id, "name_zh": name_zh, "name_en": name_en})
    await _heard(core, organisation, [site["id"] for site in world.sites])
    async with core.database.transaction(organisation) as tx:
        canteens = await _canteens(core, tx, options, world)
        await _goods(core, tx, options, world, rng)
        groups = [
            await identity.add_group(core, tx, actor=_ACTOR, name_zh=name_zh, name_en=name_en)
            for name_zh, name_en in words.GROUPS
        ]
        await _rules(core, tx, groups, canteens)
        await _people(core, tx, options, world, groups, rng)
        await _operators(core, tx, world, rng)
    await _deliver(core)
    async with core.database.transaction(organisation) as tx:
        await _money(core, tx, world, groups, rng, options.time_zone)
        for opened, (_, _, name) in zip(world.sites, words.SITES, strict=False):
            _, code, _ = await devices.register_gateway(core, tx, actor=_ACTOR, name=name, site_id=opened["id"])
            world.gateways.append({"name": name, "site_id": opened["id"], "provisioning_code": code})
    await _deliver(core)
    return world


async def _organisation(core: Core) -> int:
    async with core.database.system_transaction() as tx:
        found = await tx.fetchval("SELECT min(id) FROM core_organisations")
        if found is None:
            found = await tx.fetchval("INSERT INTO core_organisations (name) VALUES ('示例单位') RETURNING id")
        return int(found)


async def _heard(core: Core, organisation: int, sites: Sequence[int]) -> None:
    """Until every domain sends to the new sites; a running core may be delivering the news, or this process does."""
    deadline_s = core.clock.monotonic_s() + _HEARD_WITHIN_S
    while True:
        await core.events.deliver_pending()
        async with core.database.transaction(organisation) as tx:
            if all([await identity.hears_of_site(tx, site) for site in sites]):
                return
        if core.clock.monotonic_s() > deadline_s:
            raise Unavailable("the news of the new sites was not delivered")
        await asyncio.sleep(0.2)


async def _deliver(core: Core) -> None:
    while await core.events.deliver_pending():
        pass


async def _canteens(core: Core, tx: Transaction, options: Options, world: World) -> list[int]:
    """A canteen a site with its stalls; lanes in turn of their kinds, the first half at the first site."""
    stalls: list[list[int]] = []
    canteens: list[int] = []
    for site, (name_zh, name_en) in zip(world.sites, words.CANTEENS, strict=False):
        values = {"site_id": site["id"], "name_zh": name_zh, "name_en": name_en}
        canteens.append(await canteen.add_canteen(core, tx, values, actor=_ACTOR))
        stalls.append(
            [
                await canteen.add_stall(
                    core, tx, {"canteen_id": canteens[-1], "name_zh": zh, "name_en": en}, actor=_ACTOR
                )
                for zh, en in words.STALLS
            ]
        )
    numbers = [0] * len(canteens)
    for n in range(options.lanes):
        at = n * len(canteens) // options.lanes
        numbers[at] += 1
        kind = _LANE_KINDS[n % len(_LANE_KINDS)]
        name_zh, name_en = _LANE_NAMES[kind]
        values = {
            "canteen_id": canteens[at],
            "stall_id": stalls[at][_STALL_OF[kind]],
            "kind": int(kind),
            "name_zh": f"{numbers[at]} 号{name_zh}",
            "name_en": f"{name_en} {numbers[at]}",
            "code": f"{'ABCDEFGH'[at]}{numbers[at]}",
        }
        lane = await canteen.add_lane(core, tx, values, actor=_ACTOR)
        site_id = world.sites[at]["id"]
        world.lanes.append(
            {
                "id": lane,
                "code": values["code"],
                "kind": kind.name.lower(),
                "site_id": site_id,
                "canteen_id": canteens[at],
            }
        )
    for name_zh, name_en, start, end in words.PERIODS:
        period = {"name_zh": name_zh, "name_en": name_en, "start_minute": start, "end_minute": end}
        await canteen.add_period(core, tx, period, actor=_ACTOR)
    return canteens


async def _goods(core: Core, tx: Transaction, options: Options, world: World, rng: random.Random) -> None:
    plated = [await _dish(core, tx, world, *each) for each in words.DISHES]
    for pos_dish in words.POS_DISHES:
        await _dish(core, tx, world, *pos_dish)
    weighed = await _dish(core, tx, world, *words.WEIGHED, by_weight=True)
    until = (core.clock.now() + timedelta(days=300)).date()
    for lane in world.lanes:
        if lane["kind"] == "weigh":
            await tx.execute("UPDATE canteen_lanes SET dish_id = $2, station = 1 WHERE id = $1", lane["id"], weighed)
            scale = canteen.NewScale(
                lane_id=lane["id"], minimum_g=20, maximum_g=6000, division_g=1, certificate_until=until
            )
            await canteen.set_scale(core, tx, scale, actor=_ACTOR)
    for site in world.sites:
        await canteen.publish_site(tx, site["id"])
    kinds = [
        await canteen.add_plate_kind(
            core, tx, {"name_zh": zh, "name_en": en, "colour": colour, "price_fen": fen}, actor=_ACTOR
        )
        for zh, en, colour, fen in words.PLATE_KINDS
    ]
    bindings: dict[tuple[int, int | None], list[str]] = {}
    for n in range(options.plates):
        uid = f"E280116060{rng.getrandbits(40):010X}{n:04X}"
        dish = None if n % 10 == 0 else plated[n % len(plated)]
        bindings.setdefault((kinds[n % len(kinds)], dish), []).append(uid)
        world.plates.append({"uid": uid, "site_id": world.sites[n % len(world.sites)]["id"]})
    for (kind, dish), uids in bindings.items():
        await canteen.bind_plates(core, tx, canteen.Binding(uids=uids, kind_id=kind, dish_id=dish), actor=_ACTOR)


async def _dish(
    core: Core,
    tx: Transaction,
    world: World,
    name_zh: str,
    name_en: str,
    category: str,
    fen: int,
    *,
    by_weight: bool = False,
) -> int:
    values = {"name_zh": name_zh, "name_en": name_en, "category": category, "by_weight": by_weight}
    dish = await canteen.add_dish(core, tx, values, actor=_ACTOR)
    await canteen.set_price(core, tx, canteen.NewPrice(dish_id=dish, price_fen=fen), actor=_ACTOR)
    world.dishes.append(
        {"id": dish, "name_zh": name_zh, "category": category, "price_fen": fen, "by_weight": by_weight}
    )
    return dish


async def _rules(core: Core, tx: Transaction, groups: Sequence[int], canteens: Sequence[int]) -> None:
    """Scenes of the four lane kinds, price classes, and one buffet pass a meal."""
    cash, meal, overtime, welfare, hospitality = (int(kind) for kind in BucketKind)
    orders = {
        LaneKind.PLATE: [overtime, meal, welfare, cash],
        LaneKind.WEIGH: [meal, cash],
        LaneKind.POS: [welfare, meal, cash],
        LaneKind.GATE: [hospitality, meal, cash],
    }
    for kind, order in orders.items():
        scene = {"lane_kind": int(kind), "deduct_order": order, "single_limit_fen": 20_000, "offline_days_max": 30}
        await payments.add_scene(core, tx, scene, actor=_ACTOR)
    students, visitors = groups[1], groups[3]
    classes: list[dict[str, Any]] = [
        {"name": "学生九折", "priority": 10, "groups": [students], "lane_kinds": [1, 2], "percent_permille": 900},
        {"name": "外来人员管理费", "priority": 10, "groups": [visitors], "fee_permille": 100},
        {"name": "自助餐", "priority": 20, "lane_kinds": [4], "fixed_fen": words.BUFFET_FEN},
    ]
    for price_class in classes:
        await payments.add_price_rule(core, tx, price_class, actor=_ACTOR)
    limit = {
        "name": "自助餐每餐一次", "lane_kinds": [int(LaneKind.GATE)], "canteens": list(canteens),
        "per": int(LimitPer.MEAL), "times": 1, "when_absent": "refuse",
    }  # fmt: skip
    await payments.add_limit_rule(core, tx, limit, actor=_ACTOR)


async def _people(
    core: Core, tx: Transaction, options: Options, world: World, groups: Sequence[int], rng: random.Random
) -> None:
    newcomers = []
    for n in range(options.people):
        group = groups[rng.choices((0, 1, 2, 3), weights=(30, 55, 12, 3))[0]]
        newcomers.append(
            identity.NewPerson(
                number=f"E{100_001 + n}",
                name=rng.choice(words.FAMILY) + "".join(rng.choices(words.GIVEN, k=rng.choice((1, 2, 2)))),
                group_id=group,
                home_site_id=world.sites[n % len(world.sites)]["id"],
                phone=f"139{n:08d}",
            )
        )
    ids = await identity.join(core, tx, actor=_ACTOR, newcomers=newcomers)
    given: list[tuple[int, CredentialKind, str, bytes | None]] = []
    pins: list[dict[str, Any]] = []
    for n, (person, newcomer) in enumerate(zip(ids, newcomers, strict=True)):
        card, token = f"{rng.getrandbits(32):08X}", "".join(rng.choices(_CODE_LETTERS, k=20))
        fact: dict[str, Any] = {"id": person, "home_site": newcomer.home_site_id, "card": card}
        fact["static_code"] = make_static(token)
        given.append((person, CredentialKind.CARD, card, None))
        given.append((person, CredentialKind.STATIC_CODE, token, None))
        if n % _DYNAMIC_EVERY == 0:
            given.append((person, CredentialKind.DYNAMIC_CODE, "", None))
        if n % _PIN_EVERY == 0:
            fact |= {"phone": str(newcomer.phone), "pin": f"{rng.randrange(10**6):06d}"}
            pins.append(fact)
        world.people.append(fact)
    hashes = await _hashes([fact["pin"] for fact in pins])
    for fact, made in zip(pins, hashes, strict=True):
        given.append((fact["id"], CredentialKind.PHONE_PIN, fact["phone"], made))
    await identity.give_credentials(core, tx, given)


async def _operators(core: Core, tx: Transaction, world: World, rng: random.Random) -> None:
    for site in world.sites:
        person = next(fact["id"] for fact in world.people if fact["home_site"] == site["id"])
        card, pin = f"0F{rng.getrandbits(24):06X}", f"{rng.randrange(10**6):06d}"
        [made] = await _hashes([pin])
        operator = identity.NewOperator(person_id=person, card_uid=card, pin=pin, refund_limit_fen=20_000)
        await identity.add_operator(core, tx, operator, pin_hash=made, actor=_ACTOR)
        world.operators.append({"site_id": site["id"], "card": card, "pin": pin})


async def _money(
    core: Core, tx: Transaction, world: World, groups: Sequence[int], rng: random.Random, time_zone: str
) -> None:
    """Cash wallets with something in them, and this month's subsidies by rule."""
    cash = await payments.add_bucket(
        core, tx, {"kind": int(BucketKind.CASH), "name_zh": "现金", "name_en": "Cash"}, actor=_ACTOR
    )
    amounts = [(fact["id"], rng.choice((2_000, 5_000, 10_000, 20_000))) for fact in world.people]
    await payments.top_up_many(core, tx, cash, amounts, cause="seed:topup", memo="开户充值")
    staff, _, facilities, _ = groups
    subsidies: list[tuple[str, BucketKind, list[int], int]] = [
        ("月度餐补", BucketKind.MEAL, [], 30_000),
        ("加班餐补", BucketKind.OVERTIME, [facilities], 10_000),
        ("节日福利", BucketKind.WELFARE, [staff], 5_000),
        ("接待餐", BucketKind.HOSPITALITY, [staff], 20_000),
    ]
    period = core.clock.now().astimezone(places.zone(time_zone)).strftime("%Y-%m")
    for name, kind, meant, fen in subsidies:
        rule = {"name": name, "bucket_kind": int(kind), "group_ids": meant, "amount_fen": fen, "valid_months": 1}
        rule_id = await payments.add_subsidy_rule(core, tx, rule, actor=_ACTOR)
        await payments.grant(core, tx, rule_id, period, actor=_ACTOR)


async def _hashes(pins: Sequence[str]) -> list[bytes]:
    made = await asyncio.gather(*(asyncio.to_thread(hash_pin, pin, secrets.token_bytes(16)) for pin in pins))
    return list(made)


def _write(path: Path, text: str) -> None:
    """Only its owner may read it: it holds one-time codes and PINs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
