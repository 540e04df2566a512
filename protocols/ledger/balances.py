"""Pure balance rules. The same code judges on both sides and under a seed."""

from collections.abc import Iterable, MutableMapping

from protocols.ledger.accounts import Account, Transfer
from protocols.values.errors import RuleViolation


class Overdrawn(RuleViolation):
    """A transfer would take a floored account below zero."""

    def __init__(self, account: Account, balance: int, amount: int) -> None:
        super().__init__(f"{account} holds {balance}, {amount} cannot leave it")
        self.account, self.balance, self.amount = account, balance, amount


def post(balances: MutableMapping[Account, int], transfer: Transfer) -> None:
    """Apply one transfer to the floored balances; raises Overdrawn and changes nothing."""
    kind, debit, credit, amount = transfer
    if amount <= 0:
        raise RuleViolation(f"transfer {kind} moves {amount}; only amounts above zero move")
    if debit.floored:
        balance = balances.get(debit, 0)
        if balance < amount:
            raise Overdrawn(debit, balance, amount)
        balances[debit] = balance - amount
    if credit.floored:
        balances[credit] = balances.get(credit, 0) + amount


def post_all(balances: MutableMapping[Account, int], transfers: Iterable[Transfer]) -> None:
    """Apply transfers in order, or none of them: raises Overdrawn with `balances` as it was."""
    before: dict[Account, int] = {}
    try:
        for transfer in transfers:
            for account in (transfer.debit, transfer.credit):
                if account.floored:
                    before.setdefault(account, balances.get(account, 0))
            post(balances, transfer)
    except RuleViolation:
        balances.update(before)
        raise
