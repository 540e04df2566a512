"""Keyset pages that cannot be forged into errors, and acts that two persons must agree to."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.core import approvals
from cloud.core.clock import ManualClock
from cloud.core.database import Database
from cloud.core.errors import Conflict, Invalid, NotFound
from cloud.core.pages import PageRequest, after_values, make_page, page_request
from cloud.core.sessions import User
from tests.support.cloud import LUNCH

DAY_S = 86_400


def _walk(rows: list[int], limit: int) -> list[int]:
    seen: list[int] = []
    cursor = None
    for _ in range(len(rows) + 2):
        request = page_request(cursor, limit)
        after = after_values(request, int)
        left = [row for row in rows if after is None or row > after[0]][: request.fetch]
        page = make_page(left, request, key=lambda row: (row,), item=lambda row: row)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            return seen
    raise AssertionError("the pages never end")


@given(count=st.integers(0, 40), limit=st.integers(1, 10))
def test_pages_show_every_row_once(count: int, limit: int) -> None:
    rows = list(range(count))
    assert _walk(rows, limit) == rows


@given(st.text(max_size=80))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    refused: Invalid | None = None
    request: PageRequest | None = None
    try:
        request = page_request(text, 10)
    except Invalid as error:
        refused = error
    if refused:
        assert refused.fields[0].field == "cursor"
    else:
        assert request is not None
        assert request.after is not None


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Invalid):
        after_values(PageRequest(10, ("a",)), int)
    with pytest.raises(Invalid):
        after_values(PageRequest(10, (1, 2)), int)
    assert after_values(PageRequest(10, (1, "b")), int, str) == (1, "b")


def _user(number: int, organisation_id: int) -> User:
    return User(number, number, organisation_id, organisation_id, f"u{number}", "n", frozenset())


async def _ask(database: Database, organisation_id: int) -> int:
    async with database.transaction(organisation_id) as tx:
        return await approvals.ask(
            tx, _user(1, organisation_id), action="mend", subject="7/1/3", payload={"fen": 5}, now=LUNCH, ends_s=DAY_S
        )


@pytest.mark.rule(27)
async def test_rule_27_the_act_of_two_persons_is_done_once_exactly_as_asked(
    database: Database, organisation_id: int
) -> None:
    number = await _ask(database, organisation_id)
    async with database.transaction(organisation_id) as tx:
        assert [one.id for one in await approvals.waiting(tx)] == [number]
        await approvals.decide(tx, _user(2, organisation_id), number, granted=True, now=LUNCH)
        assert await approvals.waiting(tx) == []
    async with database.transaction(organisation_id) as tx:
        used = await approvals.use(tx, number, action="mend", now=LUNCH)
        assert used.payload == {"fen": 5}
        with pytest.raises(Conflict):
            await approvals.use(tx, number, action="mend", now=LUNCH)


@pytest.mark.rule(27)
async def test_rule_27_who_asked_may_not_agree(database: Database, organisation_id: int) -> None:
    number = await _ask(database, organisation_id)
    async with database.transaction(organisation_id) as tx:
        with pytest.raises(approvals.SamePerson):
            await approvals.decide(tx, _user(1, organisation_id), number, granted=True, now=LUNCH)


async def test_what_was_refused_undecided_ended_or_meant_otherwise_is_not_done(
    database: Database, organisation_id: int, clock: ManualClock
) -> None:
    refused, open_, granted = [await _ask(database, organisation_id) for _ in range(3)]
    second = _user(2, organisation_id)
    async with database.transaction(organisation_id) as tx:
        await approvals.decide(tx, second, refused, granted=False, now=LUNCH)
        await approvals.decide(tx, second, granted, granted=True, now=LUNCH)
        with pytest.raises(Conflict):
            await approvals.decide(tx, second, refused, granted=True, now=LUNCH)
        for number, action, now in (
            (refused, "mend", LUNCH),
            (open_, "mend", LUNCH),
            (granted, "other", LUNCH),
            (granted, "mend", LUNCH + timedelta(days=2)),
        ):
            with pytest.raises(Conflict):
                await approvals.use(tx, number, action=action, now=now)
        with pytest.raises(Conflict):
            await approvals.decide(tx, second, open_, granted=True, now=LUNCH + timedelta(days=2))
        with pytest.raises(NotFound):
            await approvals.find(tx, 10**9)
