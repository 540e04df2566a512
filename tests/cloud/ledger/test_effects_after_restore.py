"""Facts that answer messages a restored cloud does not know it sent, and leases it does not know it gave."""

from collections.abc import Mapping

import pytest

from cloud.ledger.books import Books, Key, Question
from cloud.ledger.effects import ReturnsTooMuch, effects_of
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner
from protocols.payments.facts import CutoffPassed, LeaseReturned, Movement, ShrinkAnswered

PERSON, BUCKET, SITE, EPOCH = 33, 10, 2, 1
FREE: Key = (int(Owner.PERSON), PERSON, BUCKET, 0, 0)
LEASED: Key = (int(Owner.PERSON), PERSON, BUCKET, SITE, EPOCH)


def books_with(balances: Mapping[Key, int], *, recovering: bool = True) -> Books:
    return Books(1, SITE, EPOCH, 0, dict(balances), recovering=recovering)


@pytest.mark.rule(25)
def test_what_a_forgotten_correction_took_at_a_site_goes_back_to_the_person() -> None:
    """The correction is gone with the backup, so what the site gave up for it is the person's again."""
    books = books_with({FREE: 50, LEASED: 1_000}, recovering=False)
    effects_of(Kind.SHRINK_ANSWERED, ShrinkAnswered(126, PERSON, BUCKET, 995), 56, books)
    assert books.balances == {FREE: 1_045, LEASED: 5}


@pytest.mark.rule(25)
def test_a_return_of_a_lease_that_the_backup_does_not_know_leaves_the_money_where_it_is() -> None:
    books = books_with({FREE: 1_000, LEASED: 200})
    effects_of(Kind.LEASE_RETURNED, LeaseReturned(7, (Movement(PERSON, BUCKET, 500),)), 9, books)
    assert books.balances == {FREE: 1_200, LEASED: 0}


@pytest.mark.rule(25)
def test_a_correction_answered_from_a_lease_that_the_backup_does_not_know_is_taken_from_what_is_available() -> None:
    books = books_with({FREE: 1_000, LEASED: 200})
    books.questions[3] = Question(500, (int(Owner.ISSUER), 1))
    effects_of(Kind.SHRINK_ANSWERED, ShrinkAnswered(3, PERSON, BUCKET, 500), 9, books)
    assert books.balances == {FREE: 700, LEASED: 0}


@pytest.mark.rule(5)
def test_rule_5_a_cloud_that_was_not_restored_takes_no_return_of_what_it_never_gave() -> None:
    books = books_with({FREE: 1_000, LEASED: 200}, recovering=False)
    with pytest.raises(ReturnsTooMuch):
        effects_of(Kind.LEASE_RETURNED, LeaseReturned(7, (Movement(PERSON, BUCKET, 500),)), 9, books)


@pytest.mark.rule(25)
def test_what_a_forgotten_clearing_brought_back_is_the_persons_until_it_is_cleared_again() -> None:
    books = books_with({FREE: 0, LEASED: 1_297}, recovering=False)
    effects_of(Kind.CUTOFF_PASSED, CutoffPassed(5, (BUCKET,), (Movement(PERSON, BUCKET, 1_297),)), 9, books)
    assert books.balances == {FREE: 1_297, LEASED: 0}
