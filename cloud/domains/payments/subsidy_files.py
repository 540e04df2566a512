"""Subsidies by file: xlsx or csv with 工号 and 金额; errors are told by row, and the same file grants once."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Malformed, TooLarge
from cloud.core.sessions import User
from cloud.domains.identity import service as identity
from cloud.domains.payments import rules
from cloud.domains.payments.money_schemas import FileError, FileOut
from cloud.domains.payments.subsidies import Source, give
from protocols.crypto.sm3 import sm3

BYTES_MOST: Final = 8 * 1024 * 1024
_COLUMNS: Final = {
    "工号": "number", "编号": "number", "number": "number", "staff number": "number",
    "金额": "amount", "金额(元)": "amount", "金额（元）": "amount", "amount": "amount", "amount (yuan)": "amount",
    "账户": "kind", "类型": "kind", "kind": "kind", "account": "kind",
}  # fmt: skip


@dataclass(frozen=True)
class FileGrant:
    """One row that holds."""

    row: int
    number: str
    kind: int
    amount_fen: int


async def grant_by_file(core: Core, user: User, *, name: str, content: bytes, period: str, dry_run: bool) -> FileOut:
    """Grant what a file says, once for its digest. A file with errors grants nothing. Raises Malformed, TooLarge."""
    if len(content) > BYTES_MOST:
        raise TooLarge(f"a file has at most {BYTES_MOST} bytes")
    digest = sm3(content).hex()
    table = await asyncio.to_thread(identity.read_sheet, content)
    grants, errors = read_rows(table)
    async with core.database.transaction(user.organisation_id) as tx:
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", digest, user.organisation_id)
        before = await _before(tx, digest)
        if before is not None and not dry_run:
            return before
        people = await identity.ids_by_number(tx, [grant.number for grant in grants])
        errors += _unknown(grants, people)
        errors.sort(key=lambda error: error.row)
        total_fen = sum(grant.amount_fen for grant in grants)
        if errors or dry_run:
            granted = 0 if errors else len(grants)
            return FileOut(
                rows=len(table) - 1, granted=granted, errors=errors[:_ERRORS_SHOWN], total_fen=total_fen,
                digest=digest, repeated=before is not None, dry_run=dry_run,
            )  # fmt: skip
        by_kind: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for grant in grants:
            by_kind[grant.kind].append((people[grant.number][0], grant.amount_fen))
        for kind, given in sorted(by_kind.items()):
            title = f"{rules.KIND_NAMES[kind]}导入{digest[:8]}"
            source = Source(f"file:{digest}", title, period, kind, 1)
            await give(core, tx, source, given, actor=f"user:{user.id}")
        return await _kept(core, tx, name, len(table) - 1, len(grants), total_fen, digest)


def read_rows(table: Sequence[Sequence[str]]) -> tuple[list[FileGrant], list[FileError]]:
    """Rows that hold, and errors by row (numbered as a sheet numbers them). Raises Malformed without the columns."""
    columns = {
        _COLUMNS[cell.lower()]: n for n, cell in enumerate(table[0] if table else ()) if cell.lower() in _COLUMNS
    }
    if not {"number", "amount"} <= columns.keys():
        raise Malformed("the first row names the columns 工号 and 金额 (number and amount)")
    grants: list[FileGrant] = []
    errors: list[FileError] = []
    seen: dict[tuple[str, int], int] = {}
    for n, cells in enumerate(table[1:], start=2):
        if not any(cells):
            continue
        cell = {name: cells[at] if at < len(cells) else "" for name, at in columns.items()}
        found = _row_errors(n, cell, seen)
        errors += found
        if not found:
            fen = rules.read_yuan(cell["amount"])
            assert fen is not None
            kind = _kind(cell)
            assert kind is not None
            seen[cell["number"], kind] = n
            grants.append(FileGrant(n, cell["number"], kind, fen))
    return grants, errors


_ERRORS_SHOWN: Final = 500


def _kind(cell: dict[str, str]) -> int | None:
    return rules.KIND_WORDS.get(cell.get("kind", "").lower() or "餐补")


def _row_errors(n: int, cell: dict[str, str], seen: dict[tuple[str, int], int]) -> list[FileError]:
    errors = []
    if not cell["number"]:
        errors.append(FileError(row=n, field="number", code="missing", detail="no staff number"))
    if rules.read_yuan(cell["amount"]) is None:
        errors.append(FileError(row=n, field="amount", code="amount", detail=f"no amount in yuan: {cell['amount']}"))
    kind = _kind(cell)
    if kind is None:
        errors.append(FileError(row=n, field="kind", code="kind", detail=f"no such account: {cell.get('kind')}"))
    elif (cell["number"], kind) in seen:
        detail = f"the same person as row {seen[cell['number'], kind]}"
        errors.append(FileError(row=n, field="number", code="twice", detail=detail))
    return errors


def _unknown(grants: Iterable[FileGrant], people: Any) -> list[FileError]:
    errors = []
    for grant in grants:
        found = people.get(grant.number)
        if found is None:
            detail = f"nobody has the number {grant.number}"
            errors.append(FileError(row=grant.row, field="number", code="unknown", detail=detail))
        elif found[1] != "active":
            errors.append(FileError(row=grant.row, field="number", code="left", detail="this person has left"))
    return errors


async def _before(tx: Transaction, digest: str) -> FileOut | None:
    row = await tx.fetchrow("SELECT * FROM payments_subsidy_files WHERE digest = $1", digest)
    if row is None:
        return None
    errors = [FileError(**error) for error in json.loads(row["errors"])]
    return FileOut(
        rows=row["rows"], granted=row["granted"], errors=errors, total_fen=row["total_fen"], digest=digest,
        repeated=True, dry_run=False,
    )  # fmt: skip


async def _kept(
    core: Core, tx: Transaction, name: str, rows: int, granted: int, total_fen: int, digest: str
) -> FileOut:
    await tx.execute(
        "INSERT INTO payments_subsidy_files (digest, name, rows, granted, total_fen, errors, at) "
        "VALUES ($1, $2, $3, $4, $5, '[]', $6)",
        digest,
        name[:200],
        rows,
        granted,
        total_fen,
        core.clock.now(),
    )
    return FileOut(
        rows=rows, granted=granted, errors=[], total_fen=total_fen, digest=digest, repeated=False, dry_run=False
    )
