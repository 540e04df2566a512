"""The whole decision to take a payment: who, what it costs, which limits count it, which buckets pay.

`plan_payment` reads and decides; nothing changes until the caller writes what the Plan says in one transaction.
A pass of a counting bucket stands in `shares` beside fen shares; then `amount == sum of the fen shares` and what the
pass covered is part of the discount.
"""

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from typing import NamedTuple

from protocols.payments.facts import Share
from protocols.payments.limits import (
    GATE,
    MEALS,
    Counted,
    Diner,
    LimitBook,
    Rights,
    check_limits,
    held_limits,
    limit_key,
)
from protocols.payments.periods import Calendar, Moment
from protocols.payments.quote import PriceBook, PriceClass, Quote, dearest, quote
from protocols.payments.reference import (
    Bucket,
    Credential,
    CredentialAge,
    CredentialKind,
    LaneKind,
    LimitRule,
    MealPeriod,
    Person,
    PriceRule,
    Scene,
)
from protocols.payments.refusals import Reason, Refusal
from protocols.payments.split import Split, counted, purses, split, why_short

_DAY_S = 86_400


class RuleBook:
    """Every rule of payment in force at a site, ready to decide with. Made anew when a rule changes."""

    def __init__(
        self,
        *,
        buckets: Iterable[Bucket],
        scenes: Iterable[Scene],
        price_rules: Iterable[PriceRule] = (),
        limit_rules: Iterable[LimitRule] = (),
        periods: Iterable[MealPeriod] = (),
        ages: Iterable[CredentialAge] = (),
    ) -> None:
        self.buckets: Mapping[int, Bucket] = {bucket.id: bucket for bucket in buckets}
        self.prices = PriceBook(price_rules)
        self.limits = LimitBook(limit_rules)
        self.periods = tuple(periods)
        self.ages: Mapping[int, int] = {age.kind: age.max_age_s for age in ages}
        self._scenes = {(scene.lane_kind, scene.canteen): scene for scene in scenes}
        self._period_ids = (0, *(period.id for period in self.periods))

    def scene(self, lane_kind: int, canteen: int) -> Scene | None:
        """The canteen's own scene for a lane kind, or the general one."""
        return self._scenes.get((lane_kind, canteen)) or self._scenes.get((lane_kind, 0))

    def calendar(self, *, canteen: int, zone: tzinfo, day_starts_minute: int) -> Calendar:
        """The meal periods of a canteen."""
        return Calendar(self.periods, canteen=canteen, zone=zone, day_starts_minute=day_starts_minute)

    def meals_of_day(self, rights: Rights, person: int, day: int) -> tuple[int, int]:
        """How often and for how many fen the person was settled here on a business day."""
        uses = [rights.used(person, MEALS, Moment(period, day).meal_key) for period in self._period_ids]
        return sum(use.times for use in uses), sum(use.amount for use in uses)


class Payment(NamedTuple):
    """What is asked: `moments` as of `Calendar.moments`; `priced_fen` the bill before price class and fee."""

    person: Person
    credential: Credential
    lane_kind: int
    canteen: int
    site: int
    priced_fen: int
    moments: tuple[Moment, ...]
    replica_age_s: int
    online: bool
    pin_given: bool = False

    @property
    def diner(self) -> Diner:
        """Who pays, as limits look at it."""
        return Diner(self.person.id, self.person.group, self.lane_kind, self.canteen)


class Plan(NamedTuple):
    """What to write when the payment is taken."""

    quote: Quote
    shares: tuple[Share, ...]
    uses: tuple[Share, ...]  # LimitRule ids, each taken once
    counters: tuple[Counted, ...]


class NeedPin(NamedTuple):
    """The amount passes what may be paid without a PIN."""

    amount_fen: int


def plan_payment(rules: RuleBook, rights: Rights, payment: Payment) -> Plan | NeedPin | Refusal:
    """Decide. A few tens of microseconds; no I/O."""
    refusal = may_pay(rules, payment)
    scene = rules.scene(payment.lane_kind, payment.canteen)
    if refusal is not None or scene is None:
        return refusal or Refusal(Reason.SCENE_MISSING)
    diner = payment.diner
    held = held_limits(
        rules.limits.applying(diner, payment.moments), rights, person=diner.person, moments=payment.moments
    )
    if isinstance(held, Refusal):
        return held
    stop: Refusal | NeedPin | None = _at_gate(rules, rights, payment) if payment.lane_kind == LaneKind.GATE else None
    if stop is not None:
        return stop
    price = _price(rules, rights, payment, diner, full_price=held.full_price)
    stop = _how_much(rules, rights, scene, payment, price.amount_fen) or check_limits(
        held.rules, rights, person=diner.person, moments=payment.moments, amount_fen=price.amount_fen
    )
    if stop is not None:
        return stop
    return _pay(rules, rights, scene, payment, price, held.rules)


def may_pay(rules: RuleBook, payment: Payment) -> Refusal | None:
    """Whether this person and credential may pay here at all, whatever the amount."""
    scene = rules.scene(payment.lane_kind, payment.canteen)
    if scene is None:
        return Refusal(Reason.SCENE_MISSING)
    return _who(payment) or _how_old(rules, scene, payment)


def _who(payment: Payment) -> Refusal | None:
    person, credential = payment.person, payment.credential
    if person.blocked:
        return Refusal(Reason.BLOCKED)
    for moment in payment.moments:
        day = moment.business_day
        if day < person.valid_from or (person.valid_until and day > person.valid_until):
            return Refusal(Reason.PERSON_INVALID)
        if day < credential.valid_from or (credential.valid_until and day > credential.valid_until):
            return Refusal(Reason.CREDENTIAL_INVALID)
    return None


def _how_old(rules: RuleBook, scene: Scene, payment: Payment) -> Refusal | None:
    if scene.offline_days_max and payment.replica_age_s > scene.offline_days_max * _DAY_S:
        return Refusal(Reason.TRADING_STALE)
    most_s = rules.ages.get(payment.credential.kind, 0)
    if most_s and payment.replica_age_s > most_s:
        return Refusal(Reason.CREDENTIAL_STALE)
    return None


def _at_gate(rules: RuleBook, rights: Rights, payment: Payment) -> Refusal | None:
    """A buffet needs a price for this diner and meal, and lets each in once a meal (SET-05)."""
    person = payment.person
    for moment in payment.moments:
        if not moment.period and rules.periods:
            return Refusal(Reason.OUT_OF_PERIOD)
        price = rules.prices.price_class(
            group=person.group, lane_kind=payment.lane_kind, canteen=payment.canteen, period=moment.period
        )
        if price.fixed_fen < 0:
            return Refusal(Reason.PRICE_MISSING)
        if rights.used(person.id, GATE, moment.meal_key).times:
            return Refusal(Reason.ENTERED)
    return None


def _price(rules: RuleBook, rights: Rights, payment: Payment, diner: Diner, *, full_price: bool) -> Quote:
    found = []
    for moment in payment.moments:
        price = rules.prices.price_class(
            group=diner.group, lane_kind=diner.lane_kind, canteen=diner.canteen, period=moment.period
        )
        gross_fen = price.fixed_fen if price.fixed_fen >= 0 else payment.priced_fen
        before = _meals_before(rules, rights, price, payment, moment)
        found.append(quote(gross_fen, price, meals_before=before, full_price=full_price))
    return dearest(found)


def _meals_before(rules: RuleBook, rights: Rights, price: PriceClass, payment: Payment, moment: Moment) -> int:
    if not price.first_n:
        return 0
    if payment.person.home_site not in (0, payment.site):
        return price.first_n  # the count of meals is at the home site, and so is the right to the first of them
    if price.first_per_meal:
        return rights.used(payment.person.id, MEALS, moment.meal_key).times
    return rules.meals_of_day(rights, payment.person.id, moment.business_day)[0]


def _how_much(
    rules: RuleBook, rights: Rights, scene: Scene, payment: Payment, amount_fen: int
) -> Refusal | NeedPin | None:
    person, cap_fen = payment.person, payment.credential.cap_fen
    if scene.single_limit_fen and amount_fen > scene.single_limit_fen:
        return Refusal(Reason.SINGLE_LIMIT, scene.single_limit_fen)
    if cap_fen and amount_fen > cap_fen:
        return Refusal(Reason.CREDENTIAL_CAP, cap_fen)
    if payment.pin_given or payment.credential.kind == CredentialKind.PHONE_PIN:
        return None
    if person.pin_over_fen and amount_fen > person.pin_over_fen:
        return NeedPin(amount_fen)
    if person.day_pin_over_fen:
        for moment in payment.moments:
            day_fen = rules.meals_of_day(rights, person.id, moment.business_day)[1]
            if day_fen + amount_fen > person.day_pin_over_fen:
                return NeedPin(amount_fen)
    return None


def _pay(
    rules: RuleBook, rights: Rights, scene: Scene, payment: Payment, price: Quote, limits: tuple[LimitRule, ...]
) -> Plan | Refusal:
    person, moment = payment.person.id, payment.moments[0]
    paid = Split((), 0)
    if price.amount_fen:
        held = rights.balances(person)
        found = purses(
            held,
            rules.buckets,
            rights,
            person=person,
            moments=payment.moments,
            scene=scene,
            canteen=payment.canteen,
        )
        chosen = split(price.amount_fen, found, scene)
        if isinstance(chosen, int):
            return why_short(chosen, held, found, online=payment.online)
        paid = chosen
    if paid.by_pass_fen:
        price = _covered(price, paid.by_pass_fen)
    counters = [Counted(MEALS, moment.meal_key, 1, price.amount_fen)]
    if payment.lane_kind == LaneKind.GATE:
        counters.append(Counted(GATE, moment.meal_key, 1, price.amount_fen))
    counters += [Counted(rule.id, limit_key(rule.per, moment), 1, price.amount_fen) for rule in limits]
    counters += counted(paid.shares, rules.buckets, moment)
    return Plan(price, paid.shares, tuple(Share(rule.id, 1) for rule in limits), tuple(counters))


def _covered(price: Quote, by_pass_fen: int) -> Quote:
    """The quote after a pass paid a part: the fee's part is waived, the rest is a discount."""
    fee_fen = max(price.fee_fen - by_pass_fen, 0)
    amount_fen = price.amount_fen - by_pass_fen
    return Quote(price.gross_fen, price.gross_fen + fee_fen - amount_fen, fee_fen, amount_fen)
