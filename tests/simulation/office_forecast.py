"""What the office's acts and a visitor's ask must write: money, leases to homes, recalls, clearing, lost sites."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tests.simulation import wirewords as words
from tests.simulation.bookkeeper import (
    CLEARING,
    CORRECTION,
    DESK,
    DOUBT,
    IN_DOUBT,
    ISSUER,
    NOBODY,
    ORGANISATION,
    PERSON,
    RECEIVABLE,
    RELEASE,
    SUBSIDY,
    TOP_UP,
    WITHDRAWAL,
    Account,
    Draft,
    Holder,
    Sent,
    kept_free,
)

_DAY_S: Final = 86_400.0


def size(draft: Draft, persons: Iterable[int]) -> None:
    """Each home gets everything but what is kept for visits (rule 4); nobody anything while sites are silent."""
    if draft.silent():
        return
    for person in sorted(set(persons)):
        site, meal_fen = draft.homes.get(person, (0, 0))
        holder = draft.before.opened(site)
        if holder is None or person in draft.before.leavers:
            continue
        free = draft.free(person)
        at_home = sum(fen for place, fen in draft.held(person).items() if place[:2] == holder)
        kept = kept_free(free, at_home, meal_fen)
        for bucket in sorted(free):
            if free[bucket] > kept[bucket]:
                draft.grant(holder, person, bucket, free[bucket] - kept[bucket])


def recall(draft: Draft, person: int, wanted: int, for_holder: Holder) -> int:
    """Ask others to give back, the largest holdings first, less what they are asked for already."""
    if draft.silent():
        return 0
    usable = draft.held(person)
    for holder, sent in draft.before.messages.items():
        for asked in sent.values():
            if (
                asked.answered is None
                and asked.sent.kind in (words.RECALL, words.SHRINK)
                and asked.sent.person == person
            ):
                place = (*holder, asked.sent.bucket)
                usable[place] = usable.get(place, 0) - asked.sent.amount
    done = 0
    for place, fen in sorted(usable.items(), key=lambda item: (-item[1], item[0])):
        part = min(fen, wanted - done)
        if place[:2] != for_holder and part > 0:
            draft.messages.append(Sent(place[:2], words.RECALL, person, place[2], part, for_holder=for_holder))
            done += part
    return done


def serve(draft: Draft, person: int, wanted: int, holder: Holder) -> tuple[int, int]:
    """A visited site gets what is free, the largest bucket first; the rest is asked for. (granted, asked for)."""
    granted = 0
    for bucket, fen in sorted(draft.free(person).items(), key=lambda item: (-item[1], item[0])):
        part = min(fen, wanted - granted)
        if part > 0:
            draft.grant(holder, person, bucket, part)
            granted += part
    if granted >= wanted:
        return granted, 0
    coming = sum(
        asked.sent.amount
        for sent in draft.before.messages.values()
        for asked in sent.values()
        if asked.answered is None and asked.sent.kind == words.RECALL
        and asked.sent.person == person and asked.sent.for_holder == holder
    )  # fmt: skip
    missing = wanted - granted - coming
    return granted, coming + (recall(draft, person, missing, holder) if missing > 0 else 0)


def top_up(draft: Draft, person: int, bucket: int, fen: int) -> None:
    """Money in, leased at once."""
    draft.move(TOP_UP, (DESK, ORGANISATION, bucket, 0, 0), (PERSON, person, bucket, 0, 0), fen)
    size(draft, [person])


def grant_all(draft: Draft, bucket: int, fen: int, persons: Sequence[int]) -> None:
    """A subsidy for each, leased at once."""
    for person in persons:
        draft.move(SUBSIDY, (ISSUER, ORGANISATION, bucket, 0, 0), (PERSON, person, bucket, 0, 0), fen)
    size(draft, persons)


def correct_down(draft: Draft, person: int, bucket: int, fen: int) -> tuple[int, int, int]:
    """Rule 9: what is free, then what sites are asked for, the rest owed. (taken, asked, owed)."""
    issuer: Account = (ISSUER, ORGANISATION, bucket, 0, 0)
    source: Account = (PERSON, person, bucket, 0, 0)
    taken = min(fen, max(draft.has(source), 0))
    asked = 0
    held = {place: amount for place, amount in draft.held(person).items() if place[2] == bucket}
    for place, amount in sorted(held.items(), key=lambda item: (-item[1], item[0])):
        part = min(amount, fen - taken - asked)
        if part > 0:
            message = Sent(place[:2], words.SHRINK, person, bucket, part, counter=(ISSUER, ORGANISATION))
            draft.messages.append(message)
            asked += part
    owed = fen - taken - asked
    if taken:
        draft.move(CORRECTION, source, issuer, taken)
    if owed:
        draft.move(CORRECTION, (RECEIVABLE, person, bucket, 0, 0), issuer, owed)
    return taken, asked, owed


def clear(draft: Draft, bucket: int) -> int:
    """What is free goes back at once; every site that gets leases, or holds some of it, gets the marker (rule 8)."""
    before, swept = draft.before, 0
    for (kind, person, of, site, _epoch), fen in sorted(before.balances.items()):
        if kind == PERSON and of == bucket and not site and fen > 0:
            draft.move(CLEARING, (PERSON, person, bucket, 0, 0), (ISSUER, ORGANISATION, bucket, 0, 0), fen)
            swept += fen
    for holder in sorted(expected(draft, bucket)):
        if before.sites[holder].declared_generation >= before.generation:
            draft.messages.append(Sent(holder, words.CUTOFF, 0, bucket, 0))
    return swept


def expected(draft: Draft, bucket: int) -> set[Holder]:
    """Whose marker a clearing waits for: all that get leases, and whoever else, not lost, has an account of it."""
    found = {holder for holder, row in draft.before.sites.items() if row.state == "open"}
    holding = {a[3:] for a in draft.before.balances if a[0] == PERSON and a[2] == bucket and a[3]}
    return found | {holder for holder in holding if draft.before.sites[holder].state != "lost"}


def pay_leaver(draft: Draft, person: int) -> None:
    """What is free is paid out, the rest asked back (rule 14)."""
    held = list(draft.owned(person))
    for account, fen in held:
        if account[0] == PERSON and not account[3]:
            draft.move(WITHDRAWAL, account, (DESK, ORGANISATION, account[2], 0, 0), fen)
    outside = sum(fen for account, fen in held if account[0] == PERSON and account[3])
    if outside:
        recall(draft, person, outside, NOBODY)


def declare_lost(draft: Draft, holder: Holder) -> int:
    """What a lost site holds is in doubt; what it was to give up for a correction is owed (rules 6, 9)."""
    total = 0
    for (kind, person, bucket, *place), fen in sorted(draft.before.balances.items()):
        if kind == PERSON and tuple(place) == holder and fen > 0:
            draft.move(DOUBT, (PERSON, person, bucket, *holder), (IN_DOUBT, person, bucket, *holder), fen)
            total += fen
    for n, asked in sorted(draft.before.messages[holder].items()):
        sent = asked.sent
        if asked.answered is None and sent.kind in (words.RECALL, words.SHRINK, words.STANDING_RECALL):
            draft.answers[*holder, n] = 0
            if sent.counter is not None and sent.amount:
                owed: Account = (RECEIVABLE, sent.person, sent.bucket, 0, 0)
                draft.move(CORRECTION, owed, (*sent.counter, sent.bucket, 0, 0), sent.amount)
    return total


def release(draft: Draft, now_s: float, doubt_days: int) -> set[Holder]:
    """What was in doubt long enough goes back to people, or to the issuer where it is cleared; whose."""
    due = {
        holder
        for holder, row in draft.before.sites.items()
        if row.state == "lost" and row.released_at is None and row.lost_at.timestamp() + doubt_days * _DAY_S <= now_s
    }
    for (kind, person, bucket, *place), fen in sorted(draft.before.balances.items()):
        if kind == IN_DOUBT and tuple(place) in due and fen > 0:
            source: Account = (IN_DOUBT, person, bucket, place[0], place[1])
            if bucket in draft.before.cut:
                draft.move(CLEARING, source, (ISSUER, ORGANISATION, bucket, 0, 0), fen)
            else:
                draft.move(RELEASE, source, (PERSON, person, bucket, 0, 0), fen)
    return due


def best_swaps(spent: Mapping[int, int], free: Mapping[int, int], order: Sequence[int]) -> int:
    """How much of the spending could have been paid from better buckets, at most: what a true-up comes to in all."""
    left = {bucket: free.get(bucket, 0) for bucket in order}
    moved = 0
    for place, better in enumerate(order):
        worse = sum(spent.get(bucket, 0) for bucket in order[place + 1 :]) - moved
        moved += min(left[better], max(worse, 0))
    return moved
