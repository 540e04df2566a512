"""Which buckets pay (rule 2): the scene's order, earliest expiry first, over what is leased here, within their limits.

A counting bucket (计次) pays the whole of what is left with one pass, once a meal. Split by ratio: each kind pays its
part, earliest expiry first; what a kind lacks is paid by the others in the order they are listed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from protocols.payments.facts import Share
from protocols.payments.limits import Counted, Rights
from protocols.payments.periods import Moment
from protocols.payments.reference import Bucket, Scene
from protocols.payments.refusals import Reason, Refusal
from protocols.values.money import allocate_fen

_NEVER = 99_999_999


class Purse(NamedTuple):
    """What one bucket can pay now: fen, or passes where `bucket.counting`."""

    bucket: Bucket
    amount: int


class Split(NamedTuple):
    """Shares of the buckets; `by_pass_fen` is what counting buckets covered without fen."""

    shares: tuple[Share, ...]
    by_pass_fen: int


def may_be_spent(bucket: Bucket, moment: Moment, *, lane_kind: int, canteen: int) -> bool:
    """Whether a bucket is open to this lane kind, canteen, meal and day."""
    return (
        (not bucket.starts_on or bucket.starts_on <= moment.business_day)
        and (not bucket.expires_on or moment.business_day <= bucket.expires_on)
        and (not bucket.lane_kinds or lane_kind in bucket.lane_kinds)
        and (not bucket.canteens or canteen in bucket.canteens)
        and (not bucket.periods or moment.period in bucket.periods)
    )


def purses(
    held: Mapping[int, int],
    buckets: Mapping[int, Bucket],
    rights: Rights,
    *,
    person: int,
    moments: Sequence[Moment],
    scene: Scene,
    canteen: int,
) -> list[Purse]:
    """What each bucket of the person can pay in every one of the moments, in the scene's order."""
    rank = {kind: place for place, kind in enumerate(scene.order or [kind for kind, _ in scene.ratio])}
    found = []
    for bucket_id, balance in held.items():
        bucket = buckets.get(bucket_id)
        if balance <= 0 or bucket is None or bucket.kind not in rank:
            continue
        if all(may_be_spent(bucket, moment, lane_kind=scene.lane_kind, canteen=canteen) for moment in moments):
            amount = min(balance, _room(bucket, rights, person, moments))
            if amount > 0:
                found.append(Purse(bucket, amount))
    if len(found) > 1:
        found.sort(key=lambda purse: (rank[purse.bucket.kind], purse.bucket.expires_on or _NEVER, purse.bucket.id))
    return found


def split(amount_fen: int, found: Sequence[Purse], scene: Scene) -> Split | int:
    """Choose shares that pay `amount_fen`, or say how many fen are missing."""
    if scene.ratio:
        return _by_ratio(amount_fen, [purse for purse in found if not purse.bucket.counting], scene.ratio)
    left_fen = amount_fen
    by_pass_fen = 0
    shares = []
    for purse in found:
        if not left_fen:
            break
        if purse.bucket.counting:
            shares.append(Share(purse.bucket.id, 1))
            by_pass_fen, left_fen = left_fen, 0
        else:
            part_fen = min(left_fen, purse.amount)
            shares.append(Share(purse.bucket.id, part_fen))
            left_fen -= part_fen
    return left_fen or Split(tuple(shares), by_pass_fen)


def why_short(missing_fen: int, held: Mapping[int, int], found: Sequence[Purse], *, online: bool) -> Refusal:
    """The clearest word for buckets that do not reach."""
    if not any(amount > 0 for amount in held.values()):
        return Refusal(Reason.NOT_ENOUGH if online else Reason.NO_LEASE, missing_fen)
    if not found:
        return Refusal(Reason.OUT_OF_SCOPE, missing_fen)
    if any(purse.amount < held[purse.bucket.id] and not purse.bucket.counting for purse in found):
        return Refusal(Reason.BUCKET_LIMIT, missing_fen)
    return Refusal(Reason.NOT_ENOUGH, missing_fen)


def counted(shares: Sequence[Share], buckets: Mapping[int, Bucket], moment: Moment) -> list[Counted]:
    """The counters that the limits of these buckets read."""
    found = []
    for share in shares:
        bucket = buckets[share.bucket]
        for _, key in _limits(bucket, moment):
            found.append(Counted(-bucket.id, key, 1, share.amount))
    return found


def _by_ratio(amount_fen: int, found: Sequence[Purse], ratio: Sequence[tuple[int, int]]) -> Split | int:
    parts = dict(zip((kind for kind, _ in ratio), allocate_fen(amount_fen, [part for _, part in ratio]), strict=True))
    taken: dict[int, int] = {}
    short_fen = 0
    for kind, part_fen in parts.items():
        short_fen += _take(part_fen, [purse for purse in found if purse.bucket.kind == kind], taken)
    for kind, _ in ratio:
        short_fen = _take(short_fen, [purse for purse in found if purse.bucket.kind == kind], taken)
    shares = [Share(purse.bucket.id, taken[purse.bucket.id]) for purse in found if taken.get(purse.bucket.id)]
    return short_fen or Split(tuple(shares), 0)


def _take(amount_fen: int, found: Sequence[Purse], taken: dict[int, int]) -> int:
    for purse in found:
        before_fen = taken.get(purse.bucket.id, 0)
        part_fen = min(amount_fen, purse.amount - before_fen)
        taken[purse.bucket.id] = before_fen + part_fen
        amount_fen -= part_fen
    return amount_fen


def _limits(bucket: Bucket, moment: Moment) -> list[tuple[int, int]]:
    if bucket.counting:
        return [(1, moment.meal_key)]
    keys = (
        (bucket.meal_limit_fen, moment.meal_key),
        (bucket.day_limit_fen, moment.business_day),
        (bucket.month_limit_fen, moment.month),
    )
    return [(limit_fen, key) for limit_fen, key in keys if limit_fen]


def _room(bucket: Bucket, rights: Rights, person: int, moments: Sequence[Moment]) -> int:
    room = _NEVER * 100
    if bucket.counting or bucket.meal_limit_fen or bucket.day_limit_fen or bucket.month_limit_fen:
        for moment in moments:
            for limit, key in _limits(bucket, moment):
                used = rights.used(person, -bucket.id, key)
                room = min(room, limit - (used.times if bucket.counting else used.amount))
    return room
