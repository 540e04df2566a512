"""Staff lists: people taken in from a sheet, whole or not at all, with every error named by its row."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Malformed, TooLarge
from cloud.core.sessions import User
from cloud.domains.identity import people, queries, sheets
from cloud.domains.identity.schemas import PeopleFileOut, PersonIn, RowError
from cloud.domains.identity.tables import Group

BYTES_MOST: Final = 8 * 1024 * 1024
PEOPLE_MOST: Final = 10_000
_ERRORS_SHOWN: Final = 500
_COLUMNS: Final = {
    "工号": "number", "编号": "number", "number": "number",
    "姓名": "name", "name": "name",
    "部门": "group", "department": "group", "group": "group",
    "手机": "phone", "手机号": "phone", "phone": "phone",
    "身份证": "identity_number", "身份证号": "identity_number", "identity number": "identity_number",
}  # fmt: skip


async def take_in(core: Core, user: User, *, content: bytes, home_site_id: int, dry_run: bool) -> PeopleFileOut:
    """Take in everybody on the sheet; with any error nobody. Raises Malformed, TooLarge."""
    if len(content) > BYTES_MOST:
        raise TooLarge(f"a file has at most {BYTES_MOST} bytes")
    table = await asyncio.to_thread(sheets.read_table, content)
    if len(table) > PEOPLE_MOST + 1:
        raise TooLarge(f"a list has at most {PEOPLE_MOST} people")
    async with core.database.transaction(user.organisation_id) as tx:
        groups = {name: group_id for group_id, name in await Group.all().values_list("id", "name_zh")}
        newcomers, errors = read_people(table, groups, home_site_id)
        errors += await _taken(core, tx, newcomers)
        errors.sort(key=lambda error: error.row)
        if not errors and newcomers and not dry_run:
            await people.join(core, tx, actor=people.actor_of(user), people=[person for _, person in newcomers])
    joined = 0 if errors else len(newcomers)
    return PeopleFileOut(rows=max(0, len(table) - 1), joined=joined, errors=errors[:_ERRORS_SHOWN], dry_run=dry_run)


def read_people(
    table: Sequence[Sequence[str]], groups: Mapping[str, int], home_site_id: int
) -> tuple[list[tuple[int, PersonIn]], list[RowError]]:
    """(row, person) of rows that hold, and errors by row as a sheet numbers them. Raises Malformed without columns."""
    columns = {
        _COLUMNS[cell.lower()]: n for n, cell in enumerate(table[0] if table else ()) if cell.lower() in _COLUMNS
    }
    if not {"number", "name", "group"} <= columns.keys():
        raise Malformed("the first row names the columns 工号, 姓名 and 部门 (number, name, department)")
    newcomers: list[tuple[int, PersonIn]] = []
    errors: list[RowError] = []
    seen: dict[tuple[str, str], int] = {}
    for n, cells in enumerate(table[1:], start=2):
        if not any(cells):
            continue
        cell = {name: cells[at] if at < len(cells) else "" for name, at in columns.items()}
        found = _repeated(n, cell, seen)
        if cell["group"] not in groups:
            found.append(
                RowError(row=n, field="group", code="unknown", detail=f"no department is called {cell['group']}")
            )
        if not found:
            person, found = _person(n, cell, groups[cell["group"]], home_site_id)
            newcomers += [(n, person)] if person else []
        errors += found
    return newcomers, errors


def _person(n: int, cell: dict[str, str], group_id: int, home_site_id: int) -> tuple[PersonIn | None, list[RowError]]:
    given: dict[str, Any] = {name: cell[name] for name in ("phone", "identity_number") if cell.get(name)}
    fixed = {"group_id": group_id, "home_site_id": home_site_id}
    try:
        return PersonIn.model_validate({"number": cell["number"], "name": cell["name"], **given, **fixed}), []
    except ValidationError as error:
        return None, [
            RowError(row=n, field=".".join(map(str, each["loc"])), code=each["type"], detail=each["msg"])
            for each in error.errors()
        ]


def _repeated(n: int, cell: dict[str, str], seen: dict[tuple[str, str], int]) -> list[RowError]:
    errors = []
    for field in ("number", "phone"):
        value = cell.get(field, "")
        if value and (field, value) in seen:
            detail = f"the same as row {seen[field, value]}"
            errors.append(RowError(row=n, field=field, code="twice", detail=detail))
        seen.setdefault((field, value), n)
    return errors


async def _taken(core: Core, tx: Transaction, newcomers: Sequence[tuple[int, PersonIn]]) -> list[RowError]:
    keys = await core.vault.keys(tx)
    phones = {keys.blind(p.phone, field=people.PHONE_FIELD): n for n, p in newcomers if p.phone}
    numbers = {person.number: n for n, person in newcomers}
    used_numbers, used_phones = await queries.taken(tx, list(numbers), list(phones))
    errors = [
        RowError(row=numbers[number], field="number", code="taken", detail=f"somebody has the number {number}")
        for number in used_numbers
    ]
    return errors + [
        RowError(row=phones[index], field="phone", code="taken", detail="somebody has this phone number")
        for index in used_phones
    ]
