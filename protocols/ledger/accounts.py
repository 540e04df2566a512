"""Accounts by their natural key, so that a line needs no look-up: (owner, bucket, place)."""

from enum import IntEnum
from typing import NamedTuple


class Owner(IntEnum):
    """Who an account belongs to. Only PERSON, GOODWILL and IN_DOUBT accounts have a floor of zero (rule 13)."""

    PERSON = 1
    GOODWILL = 2  # an organisation's bucket for subsidised or paid-for meals, leased with caps
    IN_DOUBT = 3  # a lost site's part of a person's bucket, until it is released (rule 6)
    STALL = 10  # takings; a sum, never a running balance
    ISSUER = 11  # where subsidies come from and clearings go to
    CASH_DESK = 12  # cash and bank that stand against top-ups
    EXCEPTIONS = 13  # valid facts that broke a rule meanwhile, for a person to settle (rule 7)
    LOSS = 14  # facts of a site declared lost; names who bears it (rule 6)
    RECEIVABLE = 15  # what remains of a correction downward (rule 9)


FLOORED = frozenset({Owner.PERSON, Owner.GOODWILL, Owner.IN_DOUBT})


class Account(NamedTuple):
    """`site` 0 is `available`; a lease is the same owner and bucket at (site, epoch)."""

    owner_kind: int
    owner: int
    bucket: int
    site: int = 0
    epoch: int = 0

    @property
    def floored(self) -> bool:
        """Whether a balance is kept and may not pass below zero."""
        return self.owner_kind in FLOORED


class TransferKind(IntEnum):
    """Why an amount moved (流水类型)."""

    TOP_UP = 1  # 充值
    SUBSIDY = 2  # 补贴
    LEASE_GRANT = 3
    LEASE_RETURN = 4
    SPEND = 5  # 消费
    REFUND = 6  # 退款
    CLEARING = 7  # 补贴清空
    CASH_TAKEN = 8
    CASH_VOIDED = 9
    CORRECTION = 10  # 更正
    IN_DOUBT = 11
    RELEASE = 12
    TRUE_UP = 13
    EXCEPTION_SETTLED = 14
    WITHDRAWAL = 15  # 提现


class Transfer(NamedTuple):
    """One movement: `amount` (> 0) leaves `debit` and arrives at `credit`. Balanced by its shape."""

    kind: int
    debit: Account
    credit: Account
    amount: int
