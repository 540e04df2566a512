"""Payloads of the journal's money entries. Field order is the wire format; fields are only appended (rule 23).

Ids only: no name, phone or template is ever in a payload (rule 17). Money in fen, days yyyymmdd, weights in grams.
"""

from typing import TypeVar

import msgspec

from protocols.values.errors import Malformed


class Share(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An amount of one bucket (fen, or passes/times for a counting bucket)."""

    bucket: int
    amount: int


class Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One thing on the bill. `plate` is the chip's uid in hex, '' for none; `weight_g` 0 where not weighed."""

    dish: int
    plate: str
    quantity: int
    weight_g: int
    unit_price_fen: int
    amount_fen: int


class Settlement(msgspec.Struct, array_like=True, frozen=True):
    """A person paid. `gross - discount + fee == amount == sum(shares)`; `uses` are limit counters taken (rule 3)."""

    attempt: str  # made by the lane before its first try, so that trying again is harmless
    lane: int
    canteen: int
    stall: int
    person: int
    period: int  # meal period, 0 outside all
    business_day: int
    receipt_no: int  # number in the lane's business day, from 1
    gross_fen: int
    discount_fen: int
    fee_fen: int
    amount_fen: int
    shares: tuple[Share, ...]
    uses: tuple[Share, ...]
    lines: tuple[Line, ...]
    credential_kind: int
    credential: int
    code_step: int  # time step of a dynamic code, 0 otherwise
    operator: int = 0


class Refund(msgspec.Struct, array_like=True, frozen=True):
    """Money back for a settlement of this stream (`device`, `epoch`, `seq`), to its buckets in reverse order.

    `reason`: 1 wrong charge (reversal), 2 food problem, 3 void of a charge nobody saw, 4 other. `items` are indexes of
    its lines; empty means the whole. Unique by (settlement, refund_no); the sum never passes the original.
    """

    attempt: str
    lane: int
    canteen: int
    stall: int
    person: int
    device: int
    epoch: int
    seq: int
    refund_no: int
    reason: int
    note_code: int
    operator: int
    business_day: int
    amount_fen: int
    shares: tuple[Share, ...]
    items: tuple[int, ...]
    uses: tuple[Share, ...] = ()


class CashTaken(msgspec.Struct, array_like=True, frozen=True):
    """Cash put on a person's bucket at a lane, spendable at once at this site (rule 11)."""

    attempt: str
    lane: int
    person: int
    bucket: int
    amount_fen: int
    operator: int
    business_day: int


class CashVoided(msgspec.Struct, array_like=True, frozen=True):
    """An unspent cash entry taken back: `seq` is the CashTaken of this stream."""

    attempt: str
    lane: int
    person: int
    bucket: int
    amount_fen: int
    seq: int
    operator: int
    business_day: int


class Refused(msgspec.Struct, array_like=True, frozen=True):
    """A payment that was not taken; `reason` is the stable word of the refusal. Home and visiting are counted apart."""

    attempt: str
    lane: int
    person: int
    period: int
    amount_fen: int
    reason: str
    visiting: bool


class Weighed(msgspec.Struct, array_like=True, frozen=True):
    """One stable pick (weight_g > 0) or give-back (< 0) of a bound tray at a weigh station."""

    session: str
    lane: int
    station: int
    person: int
    dish: int
    weight_g: int
    price_per_kg_fen: int
    amount_fen: int


class WeightUnattributed(msgspec.Struct, array_like=True, frozen=True):
    """The dish's weight changed with nobody bound: for the exceptions list, billed to no one."""

    lane: int
    station: int
    dish: int
    weight_g: int


class TrayBound(msgspec.Struct, array_like=True, frozen=True):
    """A weigh-lane tray was bound to a person; picks carry `session`. `closed` ends it unbilled."""

    session: str
    lane: int
    person: int
    tray: str
    closed: bool = False


class Movement(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One person's bucket and an amount."""

    person: int
    bucket: int
    amount: int


class LeaseReturned(msgspec.Struct, array_like=True, frozen=True):
    """Parts of leases given back; `cause_n` is the recall answered (0 for one's own accord). Amounts may be 0."""

    cause_n: int
    moves: tuple[Movement, ...]


class ShrinkAnswered(msgspec.Struct, array_like=True, frozen=True):
    """What of a shrink the site could give up (0 to all of it)."""

    cause_n: int
    person: int
    bucket: int
    amount: int


class CutoffPassed(msgspec.Struct, array_like=True, frozen=True):
    """After this entry the stream spends `buckets` no more; `moves` is everything that was left of them here."""

    cause_n: int
    buckets: tuple[int, ...]
    moves: tuple[Movement, ...]


class StandingReturned(msgspec.Struct, array_like=True, frozen=True):
    """The standing right to limit `rule` of `person` goes back: this site uses it for no day from `from_day` on."""

    cause_n: int
    person: int
    rule: int
    from_day: int


class DayClosed(msgspec.Struct, array_like=True, frozen=True):
    """A lane's business day over the entries `first_seq` to `last_seq` of this stream (rule 28).

    `state`: 1 balanced, 2 over, 3 short, 4 carried. `cash_counted_fen` is -1 where no cash was counted.
    """

    lane: int
    canteen: int
    business_day: int
    first_seq: int
    last_seq: int
    settlements: int
    settled_fen: int
    refunds: int
    refunded_fen: int
    cash_fen: int
    cash_counted_fen: int
    state: int
    operator: int


class TurnstilePassed(msgspec.Struct, array_like=True, frozen=True):
    """The gate opened for `settlement_seq`; `passed` says whether somebody went through before it closed."""

    lane: int
    settlement_seq: int
    passed: bool


class Incarnation(msgspec.Struct, array_like=True, frozen=True):
    """A boot: random nonce (16 bytes), software version, format versions spoken."""

    nonce: bytes
    software: str


class KeyRotated(msgspec.Struct, array_like=True, frozen=True):
    """`public_key` (64 bytes X||Y) as `key_id` replaces the present one; `signature` over it is by the old key."""

    key_id: int
    public_key: bytes
    signature: bytes


class CommandDone(msgspec.Struct, array_like=True, frozen=True):
    """A command's outcome: 'done', 'refused' or 'expired'."""

    command: str
    outcome: str


class Declaration(msgspec.Struct, array_like=True, frozen=True):
    """Everything this site holds, in parts: `part` of `parts`, for the cloud's `generation`."""

    generation: int
    lease_n: int
    part: int
    parts: int
    moves: tuple[Movement, ...]
    standing: tuple[tuple[int, int, int], ...]  # person, rule, from_day


T = TypeVar("T")


def decode(kind: type[T], payload: bytes) -> T:
    """Read a payload; raises Malformed. Prefer a kept `msgspec.msgpack.Decoder` on a hot path."""
    try:
        return msgspec.msgpack.decode(payload, type=kind)
    except msgspec.MsgspecError as error:
        raise Malformed(f"not a {kind.__name__}: {error}") from error
