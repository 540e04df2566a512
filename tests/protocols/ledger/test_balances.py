"""Double entry over whole numbers: nothing is made, lost or overdrawn by a transfer (rule 1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ledger.accounts import Account, Owner, Transfer, TransferKind
from protocols.ledger.balances import Overdrawn, post, post_all
from protocols.values.errors import RuleViolation

AVAILABLE = Account(Owner.PERSON, 1, 5)
LEASED = Account(Owner.PERSON, 1, 5, site=3, epoch=1)
STALL = Account(Owner.STALL, 9, 5)
ACCOUNTS = st.sampled_from(
    [AVAILABLE, LEASED, Account(Owner.PERSON, 2, 5), Account(Owner.GOODWILL, 1, 6), Account(Owner.IN_DOUBT, 1, 5)]
)
MOVES = st.builds(Transfer, st.just(int(TransferKind.SPEND)), ACCOUNTS, ACCOUNTS, st.integers(1, 100))


@pytest.mark.rule(1)
def test_rule_1_a_lease_is_a_transfer_so_leases_never_pass_the_balance() -> None:
    balances = {AVAILABLE: 500}
    post(balances, Transfer(TransferKind.LEASE_GRANT, AVAILABLE, LEASED, 400))
    with pytest.raises(Overdrawn) as refused:
        post(balances, Transfer(TransferKind.LEASE_GRANT, AVAILABLE, LEASED, 101))
    assert balances == {AVAILABLE: 100, LEASED: 400}
    assert refused.value.account == AVAILABLE


@pytest.mark.rule(13)
def test_rule_13_takings_keep_no_running_balance() -> None:
    balances = {LEASED: 400}
    post(balances, Transfer(TransferKind.SPEND, LEASED, STALL, 150))
    assert balances == {LEASED: 250}


@pytest.mark.rule(1)
@given(st.dictionaries(ACCOUNTS, st.integers(0, 300)), st.lists(MOVES, max_size=12))
def test_rule_1_transfers_between_floored_accounts_keep_their_sum(
    balances: dict[Account, int], moves: list[Transfer]
) -> None:
    before, start = sum(balances.values()), dict(balances)
    try:
        post_all(balances, moves)
    except RuleViolation:
        assert {account: amount for account, amount in balances.items() if amount} == {
            account: amount for account, amount in start.items() if amount
        }
    assert sum(balances.values()) == before
    assert min(balances.values(), default=0) >= 0


@pytest.mark.parametrize("amount", [0, -5])
def test_an_amount_that_is_not_above_zero_does_not_move(amount: int) -> None:
    with pytest.raises(RuleViolation):
        post({LEASED: 10}, Transfer(TransferKind.SPEND, LEASED, STALL, amount))
